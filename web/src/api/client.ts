import createClient from 'openapi-fetch'
import { serverClock } from '@/lib/serverClock'
import { ApiProblem, NO_ANSWER, type Problem } from './problem'
import type { paths } from './schema'

/** The request timeout. The server ends every request after 20 s, so a longer wait means that the connection is dead. */
const ANSWER_MS_MAX = 25_000

/** Returns a `fetch` with this timeout. A single API call may pass its own to override the client's default. */
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

/** The API client, typed by the server's OpenAPI document. Wrap each call in `ask`, which turns error responses into exceptions. */
export const api = client

interface Answer<T> {
  data?: T
  error?: unknown
  response: Response
}

/** Returns the response body. Throws an `ApiProblem` for an error response and when there was no response. */
export async function ask<T>(call: Promise<Answer<T>>): Promise<T> {
  return (await askWithStatus(call)).data
}

/** Like `ask`, but also returns the HTTP status, for calls whose success statuses differ in meaning (200 or 202). */
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

/** Returns the problem document of an error response, or builds one: a proxy may answer with another kind of body. */
function problemOf({ error, response }: Answer<unknown>): Problem {
  if (typeof error === 'object' && error !== null && 'code' in error) return error as Problem
  const code = response.status >= 500 ? 'try_again' : 'unknown'
  return { type: 'about:blank', title: response.statusText, status: response.status, detail: '', code, request_id: '' }
}
