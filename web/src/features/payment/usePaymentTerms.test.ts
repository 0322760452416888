import { beforeEach, expect, it, vi } from 'vitest'
import { effectScope, nextTick, ref, shallowRef } from 'vue'
import { ApiProblem, NO_ANSWER } from '@/api/problem'
import * as calls from '@/api/screenings'
import type { Payment, ScreeningDetail } from '@/api/types'
import type { LiveEvents } from '@/live/useLiveSeats'
import { usePaymentTerms } from './usePaymentTerms'

vi.mock('@/api/screenings')
const line = vi.hoisted(() => ({ events: null as LiveEvents | null, opened: 0 }))
vi.mock('@/live/useLiveSeats', () => ({
  useLiveSeats: (_: string, events: LiveEvents) => {
    line.events = events
    line.opened += 1
  },
}))

const thb = (amount: number) => ({ amount, currency: 'THB' as const })
const screening = {
  id: 's',
  movie_id: 'm',
  start_time: '2026-11-23T12:00:00Z',
  hall_name: 'Hall 1',
  sales_close_at: '2026-11-23T12:00:00Z',
  layout: { rows: [{ label: 'A', cells: ['seat', 'seat'] }] },
  prices: { standard: thb(16_000) },
  revision: 1,
  state: 'ON_SALE',
} as unknown as ScreeningDetail
const LATER_AND_DEARER = { ...screening, revision: 2, start_time: '2026-11-23T14:00:00Z', prices: { standard: thb(25_000) } }
const START = { was: screening.start_time, is: LATER_AND_DEARER.start_time }

const payment = shallowRef<Payment | null>(null)
const paid: string[] = []

function open(status: Payment['status']) {
  payment.value = { id: 'pay', status, amount: thb(32_000), seat_ids: ['A1', 'A2'] } as Payment
  return effectScope().run(() => usePaymentTerms({ payment, screeningId: ref('s'), onPayment: (id, to) => void paid.push(`${id} ${to}`) }))!
}

beforeEach(() => {
  line.opened = 0
  paid.length = 0
  vi.mocked(calls.useScreeningDetail).mockReturnValue({ data: shallowRef(screening), refetch: vi.fn() } as unknown as ReturnType<typeof calls.useScreeningDetail>)
})

it('a pending payment keeps its amount, but a new start time needs consent', () => {
  const terms = open('PENDING')
  line.events?.onScreening?.(LATER_AND_DEARER)
  expect([terms.change.value, terms.screening.value?.start_time]).toEqual([{ start: START }, START.is])
  terms.agree()
  expect([terms.change.value, terms.total.value]).toEqual([null, thb(32_000)])
})

it('retrying a declined payment needs consent to the new total, and then pays it', () => {
  const terms = open('DECLINED')
  line.events?.onScreening?.(LATER_AND_DEARER)
  expect(terms.change.value).toEqual({ start: START, total: { was: thb(32_000), is: thb(50_000) } })
  terms.agree()
  expect([terms.change.value, terms.total.value]).toEqual([null, thb(50_000)])
})

it('a retry refused with price_changed shows the new total for consent', () => {
  const terms = open('CANCELLED')
  const seats = ['A1', 'A2'].map((id) => ({ id, price: thb(20_000) }))
  terms.learn(new ApiProblem({ ...NO_ANSWER, status: 409, code: 'price_changed', total: thb(40_000), seats }))
  expect(terms.change.value).toEqual({ total: { was: thb(32_000), is: thb(40_000) } })
})

it('a change of terms after a successful payment needs no consent', () => {
  const terms = open('SUCCEEDED')
  line.events?.onScreening?.(LATER_AND_DEARER)
  expect(terms.change.value).toBeNull()
})

it('payment frames of the WebSocket are received as soon as the page opens, on a single connection', async () => {
  open('PENDING')
  line.events?.onPayment?.({ type: 'payment', id: 'pay', status: 'SUCCEEDED' })
  await nextTick()
  expect([paid, line.opened]).toEqual([['pay SUCCEEDED'], 1])
})
