import { describe, expect, it } from 'vitest'
import type { AdminScreening, Layout } from '@/api/types'
import { groupByDay, seatsIn, withDayAsRange, type ScreeningFilters } from './screeningList'

const ZONE = 'Asia/Bangkok'
const NOW = Date.parse('2026-11-24T00:00:00Z')
const showing = (id: string, start: string, movie_id = 'film', hall_id = 'hall') => ({ id, movie_id, hall_id, start_time: start, end_time: start }) as AdminScreening
const ALL = [
  showing('after midnight', '2026-11-24T17:10:00Z', 'other'),
  showing('evening', '2026-11-24T12:00:00.000Z', 'film', 'loft'),
  showing('noon', '2026-11-24T05:00:00Z'),
  showing('yesterday', '2026-11-23T12:00:00Z'),
]
const shown = (filters: ScreeningFilters) => groupByDay(ALL, filters, ZONE, NOW).map(({ day, screenings }) => [day, ...screenings.map(({ id }) => id)])

describe('the showings by day', () => {
  it('showings to come are in order under the day of the cinema’s zone', () => expect(shown({})).toEqual([['2026-11-24', 'noon', 'evening'], ['2026-11-25', 'after midnight']]))
  it('past showings come first when they are asked for', () => expect(shown({ past: '1' })[0]).toEqual(['2026-11-23', 'yesterday']))
  it('film and hall filter together', () => {
    expect(shown({ movie: 'film' })).toEqual([['2026-11-24', 'noon', 'evening']])
    expect(shown({ movie: 'film', hall: 'loft' })).toEqual([['2026-11-24', 'evening']])
    expect(shown({ movie: 'other', hall: 'loft' })).toEqual([])
  })
  it('chosen days are shown whole, even when they are over', () => {
    expect(shown({ from: '2026-11-23', to: '2026-11-23' })).toEqual([['2026-11-23', 'yesterday']])
    expect(shown({ to: '2026-11-24' })).toEqual([['2026-11-23', 'yesterday'], ['2026-11-24', 'noon', 'evening']])
    expect(shown({ from: '2026-11-25' })).toEqual([['2026-11-25', 'after midnight']])
    expect(shown({ from: '2026-11-26', to: '2026-11-23' })).toEqual([])
  })
})

describe('the query of an address of an earlier version', () => {
  it('its day becomes the first and last day, and its other filters stay', () => {
    expect(withDayAsRange({ day: '2026-11-23', hall: 'loft' })).toEqual({ hall: 'loft', from: '2026-11-23', to: '2026-11-23' })
    expect(withDayAsRange({ day: '', movie: 'film' })).toEqual({ movie: 'film' })
    expect(withDayAsRange({ day: '2026-11-23', to: '2026-11-30' })).toEqual({ to: '2026-11-30' })
  })
  it('is unchanged without a day', () => expect(withDayAsRange({ from: '2026-11-23', past: '1' })).toBeNull())
})

it('the seats of a layout are those that can be sold, and a sofa is one', () => {
  expect(seatsIn({ rows: [{ label: 'A', category: 'standard', cells: ['seat', 'pair', null, 'blocked', 'wheelchair'] }] } as Layout)).toBe(3)
})
