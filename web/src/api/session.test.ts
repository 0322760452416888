import { createPinia, setActivePinia } from 'pinia'
import { beforeEach, expect, it, vi } from 'vitest'
import { ask } from './client'
import { ApiProblem, NO_ANSWER } from './problem'
import { useSessionStore } from './session'

vi.mock('./client')
const answer = vi.mocked(ask)

const ME = { id: 'p', name: 'Ann', email: 'ann@example.test', picture_url: null, role: 'USER', language: 'en' } as const

beforeEach(() => setActivePinia(createPinia()))

it('the session is unknown while the server cannot answer, and the next call loads it again', async () => {
  const session = useSessionStore()
  const away = new ApiProblem({ ...NO_ANSWER, status: 503, code: 'try_again' })
  answer.mockRejectedValueOnce(away).mockResolvedValueOnce({ person: ME })
  expect(await session.ensure()).toEqual({ kind: 'unknown', error: away })
  expect(await session.ensure()).toEqual({ kind: 'signed_in', me: ME })
})

it('the session is a guest when the server knows no person', async () => {
  answer.mockResolvedValueOnce({ person: null })
  expect(await useSessionStore().ensure()).toEqual({ kind: 'guest' })
})
