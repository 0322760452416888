import { createPinia, setActivePinia } from 'pinia'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { effectScope, nextTick, type EffectScope } from 'vue'
import { useSessionStore } from '@/api/session'
import { useLiveSeats } from './useLiveSeats'

class FakeSocket {
  onmessage: ((event: { data: unknown }) => void) | null = null
  onclose: (() => void) | null = null
  constructor() {
    sockets.push(this)
  }
  close() {
    this.onclose?.()
  }
  say(frame: object) {
    this.onmessage?.({ data: JSON.stringify(frame) })
  }
}

let sockets: FakeSocket[]
let scope: EffectScope
beforeEach(() => {
  sockets = []
  scope = effectScope()
  vi.stubGlobal('WebSocket', FakeSocket)
  setActivePinia(createPinia())
})
afterEach(() => {
  scope.stop()
  vi.unstubAllGlobals()
})

const signedIn = (id: string) => ({ kind: 'signed_in', me: { id, name: id, email: '', picture_url: null, role: 'USER', language: 'en' } }) as const

it('a new socket is opened when another person signs in, but not when the session is first loaded', async () => {
  const session = useSessionStore()
  scope.run(() => useLiveSeats('s'))
  session.session = signedIn('ann')
  await nextTick()
  expect(sockets).toHaveLength(1)
  // A new session object of the same person, as after a change of the language.
  session.session = signedIn('ann')
  await nextTick()
  expect(sockets).toHaveLength(1)
  session.session = { kind: 'guest' }
  await nextTick()
  expect(sockets).toHaveLength(1)
  session.session = signedIn('ann')
  await nextTick()
  expect(sockets).toHaveLength(2)
  session.session = signedIn('ben')
  await nextTick()
  expect(sockets).toHaveLength(3)
})

it('each frame is passed to the listener of its type, and the revision of a snapshot to onRevision', () => {
  const heard: string[] = []
  scope.run(() =>
    useLiveSeats('s', {
      onMap: (frame, changed) => heard.push(`map ${frame.seq} ${changed.length}`),
      onHold: ({ seq, seat_ids }) => heard.push(`hold ${seq} ${seat_ids.join()}`),
      onPayment: ({ id, status }) => heard.push(`payment ${id} ${status}`),
      onScreening: ({ revision, state }) => heard.push(`screening ${revision} ${state}`),
      onRevision: (revision) => heard.push(`revision ${revision}`),
    }),
  )
  const [socket] = sockets
  socket!.say({ type: 'snapshot', seq: 4, revision: 7, seats: [] })
  socket!.say({ type: 'hold', seq: 5, hold: { screening_id: 's', seq: 5, seat_ids: ['A1'], seats: [], expires_at: null, payment_id: null } })
  socket!.say({ type: 'changes', prev: 4, seq: 5, changes: [{ id: 'A1', status: 'LOCKED' }] })
  socket!.say({ type: 'changes', prev: 5, seq: 6, changes: [] })
  socket!.say({ type: 'payment', id: 'p', status: 'SUCCEEDED' })
  socket!.say({ type: 'screening', revision: 8, start_time: '2026-11-23T12:00:00Z', end_time: '', hall_name: 'Hall 1', prices: {}, state: 'CLOSED' })
  expect(heard).toEqual(['map 4 0', 'revision 7', 'hold 5 A1', 'map 5 1', 'map 6 0', 'payment p SUCCEEDED', 'screening 8 CLOSED'])
})
