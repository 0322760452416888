import { createPinia, setActivePinia } from 'pinia'
import { expect, it, vi } from 'vitest'

const server = vi.hoisted(() => {
  const answers: Response[] = []
  vi.stubGlobal('fetch', () => Promise.resolve(answers.shift()!))
  return answers
})

import { api, ask } from './client'
import { useSessionStore } from './session'

const ME = { id: 'p', name: 'Ann', email: 'ann@example.test', picture_url: null, role: 'USER', language: 'en' }
const say = (status: number, body: object) => server.push(Response.json(body, { status }))
const sayWho = (person: object | null) => say(200, { person })

it('the session is loaded again after any 401 response, because another tab may have ended or replaced it', async () => {
  setActivePinia(createPinia())
  const session = useSessionStore()
  sayWho(ME)
  expect((await session.ensure()).kind).toBe('signed_in')
  say(403, { code: 'forbidden' })
  await expect(ask(api.GET('/api/bookings'))).rejects.toMatchObject({ code: 'forbidden' })
  expect(session.me?.name).toBe('Ann')
  const refuse = () => say(401, { code: 'sign_in_required' })
  const asks = () => expect(ask(api.GET('/api/bookings'))).rejects.toMatchObject({ code: 'sign_in_required' })
  refuse()
  sayWho({ ...ME, name: 'Bob' })
  await asks()
  await vi.waitUntil(() => session.me?.name === 'Bob')
  refuse()
  sayWho(null)
  await asks()
  await vi.waitUntil(() => session.session.kind === 'guest')
  sayWho(ME)
  window.dispatchEvent(new Event('focus'))
  await vi.waitUntil(() => session.me?.name === 'Ann')
  expect(server).toEqual([])
})
