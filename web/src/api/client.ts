import createClient from 'openapi-fetch'
import { serverClock } from '@/lib/serverClock'
import { ApiProblem, NO_ANSWER, type Problem } from './problem'
import type { paths } from './schema'

/** The server ends a request after 20 s, so a longer wait means that the connection is dead. */
const ANSWER_MS_MAX = 25_000

/** A `fetch` with a timeout; a call may pass its own with another limit. */
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

/** The typed calls, generated from the server's OpenAPI document. Wrap each in `ask`. */
export const api = client

interface Answer<T> {
  data?: T
  error?: unknown
  response: Response
}

/** Returns the answer's body, or throws an `ApiProblem`, also when there was no answer. */
export async function ask<T>(call: Promise<Answer<T>>): Promise<T> {
  return (await askWithStatus(call)).data
}

/** As `ask`, for calls whose status carries information. */
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

/** A proxy may answer with a body that is not a problem document. */
function problemOf({ error, response }: Answer<unknown>): Problem {
  if (typeof error === 'object' && error !== null && 'code' in error) return error as Problem
  const code = response.status >= 500 ? 'try_again' : 'unknown'
  return { type: 'about:blank', title: response.statusText, status: response.status, detail: '', code, request_id: '' }
}
