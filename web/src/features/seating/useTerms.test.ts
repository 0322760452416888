import { beforeEach, describe, expect, it, vi } from 'vitest'
import { effectScope, shallowRef } from 'vue'
import { ApiProblem, NO_ANSWER } from '@/api/problem'
import type { ScreeningDetail } from '@/api/types'
import type { PricedSeat } from './terms'
import { useTerms } from './useTerms'

const thb = (amount: number) => ({ amount, currency: 'THB' as const })
const FIRST = {
  id: 's',
  movie_id: 'm',
  movie_title: 'Film',
  hall_name: 'Hall 1',
  hall_name_th: 'โรง 1',
  start_time: '2026-11-23T12:00:00Z',
  end_time: '2026-11-23T14:00:00Z',
  sales_close_at: '2026-11-23T11:45:00Z',
  prices: { standard: thb(16_000), sofa: thb(40_000) },
  revision: 7,
  state: 'ON_SALE',
} as unknown as ScreeningDetail
const SEAT: PricedSeat = { id: 'A1', category: 'standard' }

const loaded = shallowRef<ScreeningDetail | undefined>(FIRST)
const stake = shallowRef<PricedSeat[]>([])
const reload = vi.fn()

function open() {
  return effectScope().run(() => useTerms({ loaded: () => loaded.value, reload, stake }))!
}
const frame = (more: Partial<ScreeningDetail>) => ({ ...FIRST, revision: 8, ...more })

beforeEach(() => {
  loaded.value = FIRST
  stake.value = []
  reload.mockReset()
})

describe('the terms of a screening', () => {
  it('a screening frame changes the terms at once, moves the end of sales with the start, and causes a reload', () => {
    const terms = open()
    terms.hear(frame({ start_time: '2026-11-23T14:00:00Z', hall_name: 'Hall 2', hall_name_th: 'โรง 2' }))
    expect(terms.current.value?.screening).toMatchObject({ revision: 8, hall_name: 'Hall 2', hall_name_th: 'โรง 2', movie_title: 'Film', sales_close_at: '2026-11-23T13:45:00.000Z' })
    expect(reload).toHaveBeenCalledTimes(1)
  })

  it('the terms never return to an older revision, by frame or by response', () => {
    const terms = open()
    terms.hear(frame({ hall_name: 'Hall 2' }))
    terms.hear(frame({ revision: 6, hall_name: 'Hall 3' }))
    loaded.value = { ...FIRST }
    expect(terms.current.value?.screening.hall_name).toBe('Hall 2')
  })

  it('the terms are loaded again when the seat map has a newer revision', () => {
    const terms = open()
    terms.hearRevision(7)
    expect(reload).not.toHaveBeenCalled()
    terms.hearRevision(8)
    expect(reload).toHaveBeenCalledTimes(1)
  })

  it('no consent is needed when the person has no seats or the change does not affect them', () => {
    const terms = open()
    terms.hear(frame({ prices: { standard: thb(25_000), sofa: thb(40_000) } }))
    expect(terms.change.value).toBeNull()
    stake.value = [SEAT]
    terms.hear(frame({ revision: 9, prices: { standard: thb(25_000), sofa: thb(50_000) } }))
    expect(terms.change.value).toBeNull()
  })

  it('the change lists old and new values until it is accepted', () => {
    const terms = open()
    stake.value = [SEAT]
    terms.hear(frame({ start_time: '2026-11-23T14:00:00Z', hall_name: 'Hall 2', hall_name_th: null, prices: { standard: thb(25_000), sofa: thb(40_000) } }))
    expect(terms.change.value).toEqual({
      start: { was: '2026-11-23T12:00:00Z', is: '2026-11-23T14:00:00Z' },
      hall: {
        was: expect.objectContaining({ hall_name: 'Hall 1', hall_name_th: 'โรง 1' }),
        is: expect.objectContaining({ hall_name: 'Hall 2', hall_name_th: null }),
      },
      total: { was: thb(16_000), is: thb(25_000) },
    })
    terms.agree()
    expect(terms.change.value).toBeNull()
  })

  it('a new Thai name of the hall is shown, and needs no consent', () => {
    const terms = open()
    stake.value = [SEAT]
    loaded.value = { ...FIRST, hall_name_th: 'โรงใหญ่' }
    expect([terms.current.value?.screening.hall_name_th, terms.change.value]).toEqual(['โรงใหญ่', null])
  })

  it('new terms are compared with the accepted ones, and need no consent when these are restored', () => {
    const terms = open()
    stake.value = [SEAT]
    terms.hear(frame({ prices: { standard: thb(20_000) } }))
    terms.hear(frame({ revision: 9, prices: { standard: thb(25_000) } }))
    expect(terms.change.value?.total).toEqual({ was: thb(16_000), is: thb(25_000) })
    terms.hear(frame({ revision: 10 }))
    expect(terms.change.value).toBeNull()
  })

  it('prices from an error response apply until a newer revision arrives', () => {
    const terms = open()
    stake.value = [SEAT]
    terms.learn(new ApiProblem({ ...NO_ANSWER, status: 409, code: 'price_changed', total: thb(18_000), seats: [{ id: 'A1', price: thb(18_000) }] }))
    expect(terms.change.value?.total).toEqual({ was: thb(16_000), is: thb(18_000) })
    terms.hear(frame({ prices: { standard: thb(19_000) } }))
    expect(terms.change.value?.total?.is).toEqual(thb(19_000))
  })

  it('the screening is CANCELLED after an error response with screening_cancelled', () => {
    const terms = open()
    terms.learn(new ApiProblem({ ...NO_ANSWER, status: 409, code: 'screening_cancelled' }))
    expect(terms.current.value?.screening.state).toBe('CANCELLED')
  })
})
