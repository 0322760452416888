import { flushPromises, mount, type VueWrapper } from '@vue/test-utils'
import { createPinia, setActivePinia } from 'pinia'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { defineComponent, shallowRef } from 'vue'
import { createI18n } from 'vue-i18n'
import { createMemoryHistory, createRouter } from 'vue-router'
import { ApiProblem, NO_ANSWER } from '@/api/problem'
import * as calls from '@/api/screenings'
import { useSessionStore } from '@/api/session'
import type { Hold, ScreeningDetail } from '@/api/types'
import en from '@/i18n/en'
import type { LiveStatus } from '@/live/frames'
import { applyFrame, type Room, type SeatTurn } from '@/live/room'
import type { ConnectionState } from '@/live/watch'
import { useSeating } from './useSeating'

vi.mock('@/api/screenings')
vi.mock('@/lib/notify')
const server = vi.mocked(calls)

/** The live line, held in the test's hand. */
const line = vi.hoisted(() => ({ hear: null as ((changed: SeatTurn[]) => void) | null }))
const room = shallowRef<Room>({ kind: 'synced', seq: 0, seats: new Map() })
const connection = shallowRef<ConnectionState>('live')
vi.mock('@/live/useLiveSeats', () => ({
  useLiveSeats: (_: string, { onChanged }: { onChanged: (changed: SeatTurn[]) => void }) => {
    line.hear = onChanged
    return { room, connection, loaded: () => {} }
  },
}))

const MINUTE_MS = 60_000
const OPENED_AT = Date.now()
const inMinutes = (minutes: number) => new Date(OPENED_AT + minutes * MINUTE_MS).toISOString()

const screening = {
  id: 's',
  layout: { rows: [{ label: 'A', cells: ['seat', 'seat', 'seat'] }] },
  prices: { standard: { amount: 20_000, currency: 'THB' } },
  sales_close_at: inMinutes(60),
} as unknown as ScreeningDetail

/** Those seats, for five minutes, unless a payment has given them more. */
function hold(ids: string[], { minutes = 5, payment_id = null as string | null } = {}): Hold {
  const seats = ids.map((id) => ({ id, expires_at: inMinutes(minutes) }))
  return { screening_id: 's', seat_ids: ids, seats, expires_at: seats[0]?.expires_at ?? null, payment_id }
}

async function live(id: string, status: LiveStatus, until?: string): Promise<void> {
  const seq = room.value.kind === 'synced' ? room.value.seq : 0
  const step = applyFrame(room.value, { type: 'changes', prev: seq, seq: seq + 1, changes: [{ id, status, until }] })
  room.value = step.room
  line.hear?.(step.changed)
  await flushPromises()
}

let page: VueWrapper | undefined

async function open(path = '/screenings/s') {
  const router = createRouter({ history: createMemoryHistory(), routes: [{ path: '/:rest(.*)', component: {} }] })
  await router.push(path)
  const opened: ReturnType<typeof useSeating>[] = []
  const Page = defineComponent(() => {
    opened.push(useSeating(screening))
    return () => null
  })
  page = mount(Page, { global: { plugins: [router, createI18n({ legacy: false, locale: 'en', messages: { en } })] } })
  await flushPromises()
  const seating = opened[0]!
  return { seating, router, state: (id: string) => seating.seats.value.get(id)?.state }
}

beforeEach(() => {
  vi.resetAllMocks()
  server.getSeats.mockResolvedValue({ screening_id: 's', seq: 0, seats: [] })
  server.getHold.mockResolvedValue(hold([]))
  room.value = { kind: 'synced', seq: 0, seats: new Map() }
  connection.value = 'live'
  setActivePinia(createPinia())
  const me = { id: 'p', name: 'Ann', email: 'ann@example.test', picture_url: null, role: 'USER', language: 'en' } as const
  useSessionStore().session = { kind: 'signed_in', me }
})

afterEach(() => page?.unmount())

it('asks what became of one\'s own seats when the line has come back', async () => {
  const { seating } = await open()
  server.getHold.mockResolvedValue(hold(['A1']))
  // A socket that died in sleep is lost and dialled anew in one step.
  for (const state of ['lost', 'connecting'] as const) connection.value = state
  await flushPromises()
  connection.value = 'live'
  await flushPromises()
  expect(seating.mine.value.map((seat) => seat.id)).toEqual(['A1'])
  expect(server.getHold).toHaveBeenCalledTimes(2)
})

it('learns from the live map that a payment elsewhere gave one\'s seats another time', async () => {
  server.getHold.mockResolvedValueOnce(hold(['A1']))
  const { seating } = await open()
  await live('A1', 'LOCKED', inMinutes(5))
  expect(server.getHold).toHaveBeenCalledTimes(1)
  server.getHold.mockResolvedValueOnce(hold(['A1'], { minutes: 8, payment_id: 'pay' }))
  await live('A1', 'LOCKED', inMinutes(8))
  expect([seating.isPaying.value, seating.hold.value?.expires_at]).toEqual([true, inMinutes(8)])
})

it('misses no seats that are held again', async () => {
  server.getHold.mockResolvedValueOnce(hold(['A1', 'A2'], { minutes: 0 }))
  const { seating } = await open()
  expect(seating.notice.value).toEqual({ kind: 'lapsed', seats: ['A1', 'A2'] })
  for (const [held, notice] of [
    [['A1'], { kind: 'lapsed', seats: ['A2'] }],
    [['A1', 'A2'], { kind: 'none' }],
  ] as const) {
    server.getHold.mockResolvedValueOnce(hold([...held]))
    await seating.refresh()
    expect(seating.notice.value).toEqual(notice)
  }
})

it('asks whose a held seat is when it is pressed: another device may have chosen it', async () => {
  const { seating, state } = await open()
  await live('A1', 'LOCKED', inMinutes(5))
  expect(state('A1')).toBe('locked')
  server.getHold.mockResolvedValueOnce(hold(['A1']))
  seating.choose('A1')
  await flushPromises()
  expect(state('A1')).toBe('mine')
  expect(server.lockSeats).not.toHaveBeenCalled()
})

it('keeps the choice while holding it again is not answered', async () => {
  server.getHold.mockResolvedValueOnce(hold(['A1', 'A2'], { minutes: 0 }))
  const { seating } = await open()
  const lapsed = { kind: 'lapsed', seats: ['A1', 'A2'] }
  let refuse: (problem: ApiProblem) => void = () => {}
  server.lockSeats.mockReturnValueOnce(new Promise((_, reject) => (refuse = reject)))
  seating.takeInstead(['A1', 'A2'])
  await flushPromises()
  expect([seating.notice.value, seating.isTaking.value]).toEqual([lapsed, true])
  refuse(new ApiProblem(NO_ANSWER))
  await flushPromises()
  expect([seating.notice.value, seating.isTaking.value]).toEqual([lapsed, false])
  server.lockSeats.mockResolvedValueOnce(hold(['A1', 'A2']))
  seating.takeInstead(['A1', 'A2'])
  await flushPromises()
  expect(seating.notice.value).toEqual({ kind: 'none' })
})

it.each([
  ['the server is busy', () => server.lockSeats.mockRejectedValueOnce(new ApiProblem({ ...NO_ANSWER, status: 503, code: 'try_again' }))],
  ['a payment is under way', () => server.getHold.mockResolvedValueOnce(hold(['A3'], { payment_id: 'pay' }))],
  ['it is not known who it is', () => {
    const session = useSessionStore()
    session.session = { kind: 'unknown', error: null }
    vi.spyOn(session, 'ensure').mockResolvedValue({ kind: 'unknown', error: new ApiProblem(NO_ANSWER) })
  }],
])('does not forget the seats that one came for when %s', async (_, happen) => {
  happen()
  const { seating, router } = await open('/screenings/s?seats=A1,A2')
  expect(seating.notice.value).toEqual({ kind: 'wanted', seats: ['A1', 'A2'] })
  expect(router.currentRoute.value.fullPath).toBe('/screenings/s')
})
