import { mount } from '@vue/test-utils'
import { describe, expect, it } from 'vitest'
import { createI18n } from 'vue-i18n'
import en from '@/i18n/en'
import { planLayout, type SeatState, type SeatView } from '@/lib/seating'
import SeatMap from './SeatMap.vue'

const plan = planLayout({
  rows: [
    { label: 'A', cells: ['seat', null, 'seat', 'pair'] },
    { label: 'B', cells: ['wheelchair', 'companion', 'blocked'] },
  ],
})

function mountMap(states: Record<string, SeatState> = {}, pending: string[] = []) {
  const seats = new Map(
    [...plan.byId.values()].map((seat): [string, SeatView] => [
      seat.id,
      { ...seat, price: { amount: 20_000, currency: 'THB' }, state: states[seat.id] ?? 'available', pending: pending.includes(seat.id), until: null },
    ]),
  )
  const labels = new Map([...plan.byId.keys()].map((id) => [id, `Seat ${id}`]))
  const i18n = createI18n({ legacy: false, locale: 'en', messages: { en } })
  return mount(SeatMap, { props: { plan, seats, labels }, global: { plugins: [i18n] }, attachTo: document.body })
}

describe('the seat map', () => {
  it('the seat map is one tab stop, and arrow keys skip gaps', async () => {
    const map = mountMap()
    expect(map.findAll('[role=grid] [tabindex="0"]').map((seat) => seat.attributes('data-seat'))).toEqual(['A1'])
    await map.get('[data-seat=A1]').trigger('keydown', { key: 'ArrowRight' })
    expect(document.activeElement?.getAttribute('data-seat')).toBe('A2')
    expect(map.get('[data-seat=A2]').attributes('tabindex')).toBe('0')
    map.unmount()
  })

  it('a taken seat can be focused, and has a label and aria-disabled', () => {
    const map = mountMap({ A2: 'locked', A3: 'booked', A1: 'mine' })
    for (const id of ['A2', 'A3']) expect(map.get(`[data-seat=${id}]`).attributes('aria-disabled')).toBe('true')
    expect(map.get('[data-seat=A1]').attributes('aria-selected')).toBe('true')
    expect(map.get('[data-seat=A2]').attributes('aria-label')).toBe('Seat A2')
    map.unmount()
  })

  it('every seat state has a different shape', () => {
    const map = mountMap({ A1: 'mine', A2: 'locked', A3: 'booked', B3: 'unavailable' })
    const shapes = ['A1', 'A2', 'A3', 'B3', 'B1', 'B2'].map((id) => map.get(`[data-seat=${id}] path`).attributes('d'))
    expect(new Set(shapes).size).toBe(shapes.length)
    map.unmount()
  })

  it('click, Space and Enter choose a seat, once for a key held down', async () => {
    const map = mountMap()
    await map.get('[data-seat=A1]').trigger('click')
    await map.get('[data-seat=A2]').trigger('keydown', { key: ' ' })
    await map.get('[data-seat=A2]').trigger('keydown', { key: ' ', repeat: true })
    await map.get('[data-seat=A3]').trigger('keydown', { key: 'Enter' })
    expect(map.emitted('choose')).toEqual([['A1'], ['A2'], ['A3']])
    map.unmount()
  })

  it('a pending seat is marked without a change of its state', () => {
    const map = mountMap({}, ['A1'])
    const seat = map.get('[data-seat=A1]')
    expect(seat.attributes('data-status')).toBe('available')
    expect(seat.attributes('aria-busy')).toBe('true')
    map.unmount()
  })
})
