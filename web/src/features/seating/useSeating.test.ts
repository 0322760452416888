import { flushPromises, mount, type VueWrapper } from '@vue/test-utils'
import { createPinia, setActivePinia } from 'pinia'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { defineComponent, shallowRef } from 'vue'
import { createI18n } from 'vue-i18n'
import { createMemoryHistory, createRouter } from 'vue-router'
import { ApiProblem, NO_ANSWER } from '@/api/problem'
import * as payments from '@/api/payments'
import * as calls from '@/api/screenings'
import { useSessionStore } from '@/api/session'
import type { Hold, Payment, ScreeningDetail } from '@/api/types'
import en from '@/i18n/en'
import type { LiveStatus, MapFrame } from '@/live/frames'
import { applyFrame, type LiveMap } from '@/live/liveMap'
import type { LiveEvents } from '@/live/useLiveSeats'
import type { ConnectionState } from '@/live/watch'
import { useSeating } from './useSeating'

vi.mock('@/api/payments')
vi.mock('@/api/screenings')
vi.mock('@/lib/notify')
const server = vi.mocked(calls)

/** The listeners that the page has registered for live frames; tests call them in place of a WebSocket. */
const line = vi.hoisted(() => ({ events: null as LiveEvents | null }))
const liveMap = shallowRef<LiveMap>({ kind: 'synced', seq: 0, seats: new Map() })
const connection = shallowRef<ConnectionState>('live')
vi.mock('@/live/useLiveSeats', () => ({
  useLiveSeats: (_: string, events: LiveEvents) => {
    line.events = events
    return { map: liveMap, connection, loaded: () => ({ verdict: 'ignored', changed: [] }) }
  },
}))

const MINUTE_MS = 60_000
const OPENED_AT = Date.now()
const inMinutes = (minutes: number) => new Date(OPENED_AT + minutes * MINUTE_MS).toISOString()

const screening = {
  id: 's',
  movie_id: 'm',
  hall_name: 'Hall 1',
  start_time: inMinutes(60),
  end_time: inMinutes(180),
  revision: 1,
  state: 'ON_SALE',
  layout: { rows: [{ label: 'A', cells: ['seat', 'seat', 'seat'] }] },
  prices: { standard: { amount: 20_000, currency: 'THB' } },
  sales_close_at: inMinutes(60),
} as unknown as ScreeningDetail

/** The screening that the page has loaded. */
const shown = shallowRef(screening)
const reload = vi.fn()

let holds = 0
/** Returns a hold of these seats, newer than the previous hold, that expires in five minutes by default. */
function hold(ids: string[], { minutes = 5, payment_id = null as string | null } = {}): Hold {
  const seats = ids.map((id) => ({ id, expires_at: inMinutes(minutes) }))
  return { screening_id: 's', seq: ++holds, seat_ids: ids, seats, expires_at: seats[0]?.expires_at ?? null, payment_id }
}

async function live(id: string, status: LiveStatus, until?: string): Promise<void> {
  const seq = liveMap.value.kind === 'synced' ? liveMap.value.seq : 0
  const frame: MapFrame = { type: 'changes', prev: seq, seq: seq + 1, changes: [{ id, status, until }] }
  const step = applyFrame(liveMap.value, frame)
  liveMap.value = step.map
  line.events?.onMap?.(frame, step.changed)
  await flushPromises()
}

let page: VueWrapper | undefined

async function open(path = '/screenings/s') {
  const router = createRouter({ history: createMemoryHistory(), routes: [{ path: '/:rest(.*)', component: {} }] })
  await router.push(path)
  const opened: ReturnType<typeof useSeating>[] = []
  const Page = defineComponent(() => {
    opened.push(useSeating(() => shown.value, reload))
    return () => null
  })
  page = mount(Page, { global: { plugins: [router, createI18n({ legacy: false, locale: 'en', messages: { en } })] } })
  await flushPromises()
  const seating = opened[0]!
  return { seating, router, state: (id: string) => seating.seats.value.get(id)?.state }
}

beforeEach(() => {
  holds = 0
  vi.resetAllMocks()
  server.getSeats.mockResolvedValue({ screening_id: 's', seq: 0, revision: 1, seats: [] })
  server.getHold.mockResolvedValue(hold([]))
  liveMap.value = { kind: 'synced', seq: 0, seats: new Map() }
  connection.value = 'live'
  shown.value = screening
  setActivePinia(createPinia())
  const me = { id: 'p', name: 'Ann', email: 'ann@example.test', picture_url: null, role: 'USER', language: 'en' } as const
  useSessionStore().session = { kind: 'signed_in', me }
})

afterEach(() => page?.unmount())

it('the seat page loads the hold again when the connection is live again', async () => {
  const { seating } = await open()
  server.getHold.mockResolvedValue(hold(['A1']))
  // When the device wakes up, the watcher replaces the state lost by connecting in the same tick.
  for (const state of ['lost', 'connecting'] as const) connection.value = state
  await flushPromises()
  connection.value = 'live'
  await flushPromises()
  expect(seating.mine.value.map((seat) => seat.id)).toEqual(['A1'])
  expect(server.getHold).toHaveBeenCalledTimes(2)
})

it('the seat page shows the new expiry from a hold frame when a payment on another device has set it', async () => {
  server.getHold.mockResolvedValueOnce(hold(['A1']))
  const { seating } = await open()
  line.events?.onHold?.(hold(['A1'], { minutes: 8, payment_id: 'pay' }))
  await live('A1', 'LOCKED', inMinutes(8))
  expect([seating.isPaying.value, seating.hold.value?.expires_at]).toEqual([true, inMinutes(8)])
  expect(server.getHold).toHaveBeenCalledTimes(1)
})

it('expired seats are removed from the notice when they are held again', async () => {
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

it('the notice about expired seats stays until the server has locked them again', async () => {
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
  ['the session is unknown', () => {
    const session = useSessionStore()
    session.session = { kind: 'unknown', error: null }
    vi.spyOn(session, 'ensure').mockResolvedValue({ kind: 'unknown', error: new ApiProblem(NO_ANSWER) })
  }],
])('seats in the URL that cannot be locked are shown in a notice when %s', async (_, happen) => {
  happen()
  const { seating, router } = await open('/screenings/s?seats=A1,A2')
  expect(seating.notice.value).toEqual({ kind: 'wanted', seats: ['A1', 'A2'] })
  expect(router.currentRoute.value.fullPath).toBe('/screenings/s')
})

const thb = (amount: number) => ({ amount, currency: 'THB' as const })
const changed = (more: Partial<ScreeningDetail>): ScreeningDetail => ({ ...screening, revision: 2, ...more })
const PRICIER = { prices: { standard: thb(25_000) } }

it('the seat page asks for consent and shows both prices when the price of held seats has risen', async () => {
  server.getHold.mockResolvedValueOnce(hold(['A1', 'A2']))
  const { seating } = await open()
  line.events?.onScreening?.(changed(PRICIER))
  await flushPromises()
  expect(seating.change.value).toEqual({ total: { was: thb(40_000), is: thb(50_000) } })
  expect([seating.total.value.amount, seating.seats.value.get('A3')?.price.amount]).toEqual([50_000, 25_000])
  expect(reload).toHaveBeenCalled()
  seating.acceptChange()
  expect(seating.change.value).toBeNull()
})

it('the seats are released when the person declines the change of terms', async () => {
  server.getHold.mockResolvedValueOnce(hold(['A1']))
  const { seating } = await open()
  line.events?.onScreening?.(changed({ start_time: inMinutes(180) }))
  server.unlockSeats.mockResolvedValueOnce(hold([]))
  seating.declineChange()
  await flushPromises()
  expect(server.unlockSeats).toHaveBeenCalledWith('s', ['A1'])
  expect(seating.change.value).toBeNull()
})

it('a seat chosen on outdated terms is locked once the person has accepted the new terms', async () => {
  const { seating } = await open()
  const problem = { ...NO_ANSWER, status: 409, code: 'screening_changed', screening: changed(PRICIER) } as const
  server.lockSeats.mockRejectedValueOnce(new ApiProblem(problem))
  seating.choose('A1')
  await flushPromises()
  expect(seating.change.value).toEqual({ total: { was: thb(20_000), is: thb(25_000) } })
  server.lockSeats.mockResolvedValueOnce(hold(['A1']))
  seating.acceptChange()
  await flushPromises()
  expect(server.lockSeats).toHaveBeenLastCalledWith('s', ['A1'], 2)
  expect([seating.change.value, seating.mine.value.length]).toEqual([null, 1])
})

it('a lock refused because of a change that does not affect the seat is retried', async () => {
  const { seating } = await open()
  const problem = { ...NO_ANSWER, status: 409, code: 'screening_changed', screening: changed({ end_time: inMinutes(200) }) } as const
  server.lockSeats.mockRejectedValueOnce(new ApiProblem(problem)).mockResolvedValueOnce(hold(['A1']))
  seating.choose('A1')
  await flushPromises()
  expect([server.lockSeats.mock.calls.length, seating.mine.value.length]).toEqual([2, 1])
})

it('a seat withdrawn from sale is removed from the hold and named in a notice', async () => {
  server.getHold.mockResolvedValueOnce(hold(['A1', 'A2']))
  const { seating, state } = await open()
  server.getHold.mockResolvedValueOnce(hold(['A2']))
  await live('A1', 'UNAVAILABLE')
  expect([state('A1'), state('A2'), seating.mine.value.length]).toEqual(['unavailable', 'mine', 1])
  expect(seating.notice.value).toEqual({ kind: 'withdrawn', seats: ['A1'] })
})

it.each(['CLOSED', 'CANCELLED'] as const)('no seat can be chosen once the screening is %s', async (to) => {
  const { seating } = await open()
  line.events?.onScreening?.(changed({ state: to }))
  seating.choose('A1')
  await flushPromises()
  expect([seating.canChoose.value, server.lockSeats.mock.calls.length]).toEqual([false, 0])
})

it('the seat page shows a link to the ticket when another device has paid', async () => {
  const { seating } = await open()
  vi.mocked(payments.getPayment).mockResolvedValueOnce({ booking_id: 'b1' } as Payment)
  line.events?.onPayment?.({ type: 'payment', id: 'pay', status: 'SUCCEEDED' })
  await flushPromises()
  expect(seating.notice.value).toEqual({ kind: 'paid', bookingId: 'b1' })
})
