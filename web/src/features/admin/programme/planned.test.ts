import { expect, it } from 'vitest'
import type { AdminScreening, Layout } from '@/api/types'
import { hasOldLayout, plannedByHall } from './planned'

const layout = (category: string | undefined, ...cells: Layout['rows'][number]['cells']): Layout => ({ rows: [{ label: 'A', category, cells }] }) as Layout
const showing = (hall: string, start: string, state = 'ON_SALE') =>
  ({ hall_id: hall, start_time: start, state, layout: layout('standard', 'seat', null) }) as AdminScreening
const NOW = Date.parse('2026-11-30T12:00:00Z')

it('planned showings of a hall are those that have not started and are not cancelled', () => {
  const planned = plannedByHall(
    [showing('one', '2026-11-30T12:00:00.000Z'), showing('one', '2026-11-30T12:00:01Z'), showing('one', '2026-12-01T12:00:00Z', 'CANCELLED'), showing('one', '2026-12-01T12:00:00Z', 'CLOSED'), showing('two', '2026-12-02T12:00:00Z')],
    NOW,
  )
  expect([...planned].map(([hall, all]) => [hall, all.length])).toEqual([['one', 2], ['two', 1]])
})

it('a layout is old when a cell, a label or a category differs, not when the default category is left out', () => {
  const screening = showing('one', '2026-12-01T12:00:00Z')
  expect(hasOldLayout(screening, { layout: layout('standard', 'seat', null) })).toBe(false)
  expect(hasOldLayout(screening, { layout: layout(undefined, 'seat', null) })).toBe(false)
  expect(hasOldLayout(screening, { layout: layout('premium', 'seat', null) })).toBe(true)
  expect(hasOldLayout(screening, { layout: layout('standard', 'seat', 'seat') })).toBe(true)
})
