import { createPinia, setActivePinia } from 'pinia'
import { expect, it, vi } from 'vitest'

const server = vi.hoisted(() => {
  const answers: Response[] = []
  vi.stubGlobal('fetch', () => Promise.resolve(answers.shift()!))
  return answers
})

import { api, ask } from './client'
import { useSessionStore } from './session'

const say = (status: number, body: object) => server.push(Response.json(body, { status }))

it('knows from any refusal that the session was ended elsewhere', async () => {
  setActivePinia(createPinia())
  const session = useSessionStore()
  say(200, { id: 'p', name: 'Ann', email: 'ann@example.test', picture_url: null, role: 'USER', language: 'en' })
  expect((await session.ensure()).kind).toBe('signed_in')
  say(403, { code: 'forbidden' })
  await expect(ask(api.GET('/api/bookings'))).rejects.toMatchObject({ code: 'forbidden' })
  expect(session.me?.name).toBe('Ann')
  say(401, { code: 'sign_in_required' })
  await expect(ask(api.GET('/api/bookings'))).rejects.toMatchObject({ code: 'sign_in_required' })
  expect([session.session.kind, session.me]).toEqual(['guest', null])
})
