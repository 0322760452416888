import createClient from 'openapi-fetch'
import { serverClock } from '@/lib/serverClock'
import { ApiProblem, NO_ANSWER, type Problem } from './problem'
import type { paths } from './schema'

/** The server ends a request after 20 s; whoever waits for longer is waiting for a dead line. */
const ANSWER_MS_MAX = 25_000

/** One request that ends in time, with an answer or without; a call may bring its own with another limit. */
export const within = (ms: number) => (request: Request) => fetch(request, { signal: AbortSignal.timeout(ms) })

const client = createClient<paths>({ baseUrl: '/', credentials: 'same-origin', fetch: within(ANSWER_MS_MAX) })

const sentAt = new WeakMap<Request, number>()
client.use({
  onRequest({ request }) {
    sentAt.set(request, Date.now())
  },
  onResponse({ request, response }) {
    const receivedAt = Date.now()
    serverClock.observe(response.headers.get('date'), sentAt.get(request) ?? receivedAt, receivedAt)
  },
})

/** The typed calls, one for each path of the server's own document. Wrap each in `ask`. */
export const api = client

interface Answer<T> {
  data?: T
  error?: unknown
  response: Response
}

/** The answer's body, or an `ApiProblem`: also when there was no answer at all. */
export async function ask<T>(call: Promise<Answer<T>>): Promise<T> {
  return (await askWithStatus(call)).data
}

/** As `ask`, for the calls whose status says more than their body. */
export async function askWithStatus<T>(call: Promise<Answer<T>>): Promise<{ status: number; data: T }> {
  let answer: Answer<T>
  try {
    answer = await call
  } catch {
    throw new ApiProblem(NO_ANSWER)
  }
  if (!answer.response.ok) throw new ApiProblem(problemOf(answer))
  return { status: answer.response.status, data: answer.data as T }
}

/** A proxy on the way may answer with something that is no problem document. */
function problemOf({ error, response }: Answer<unknown>): Problem {
  if (typeof error === 'object' && error !== null && 'code' in error) return error as Problem
  const code = response.status >= 500 ? 'try_again' : 'unknown'
  return { type: 'about:blank', title: response.statusText, status: response.status, detail: '', code, request_id: '' }
}
