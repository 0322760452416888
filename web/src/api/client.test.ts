import { afterEach, expect, it, vi } from 'vitest'
import { api, ask } from './client'
import type { ApiProblem } from './problem'

afterEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
})

it('a request without a response times out and is reported as no_answer', async () => {
  const limit = new AbortController()
  const timeout = vi.spyOn(AbortSignal, 'timeout').mockReturnValue(limit.signal)
  vi.stubGlobal('fetch', (_: Request, { signal }: RequestInit = {}) => new Promise((_, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason))
  }))
  const asking = ask(api.GET('/api/site')).catch((error: unknown) => error)
  await vi.waitUntil(() => timeout.mock.calls.length === 1)
  limit.abort()
  expect(((await asking) as ApiProblem).code).toBe('no_answer')
  expect(timeout.mock.calls).toEqual([[25_000]])
})
