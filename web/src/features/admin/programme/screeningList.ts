import type { LocationQuery, LocationQueryRaw } from 'vue-router'
import type { AdminScreening, Layout } from '@/api/types'
import { dayOf } from '@/lib/time'

export const SCREENING_FILTERS = ['movie', 'hall', 'from', 'to', 'past'] as const
export type ScreeningFilters = Partial<Record<(typeof SCREENING_FILTERS)[number], string>>

/**
 * Returns the query of an address of an earlier version, whose filter `day` was one day, with that day as `from` and `to`; null
 * for a query without `day`. Days that are chosen beside it take precedence.
 */
export function withDayAsRange(query: LocationQuery): LocationQueryRaw | null {
  if (query.day === undefined) return null
  const { day, ...others } = query
  return typeof day === 'string' && day !== '' && query.from === undefined && query.to === undefined ? { ...others, from: day, to: day } : others
}

export interface ScreeningsOfDay {
  day: string
  screenings: AdminScreening[]
}

/** Returns the showings that pass the filters, by time, grouped by the day on which they begin in the cinema's zone. */
export function groupByDay(screenings: readonly AdminScreening[], filters: ScreeningFilters, zone: string, now: number): ScreeningsOfDay[] {
  const days = new Map<string, AdminScreening[]>()
  const hasDays = filters.from !== undefined || filters.to !== undefined
  for (const screening of [...screenings].sort((a, b) => Date.parse(a.start_time) - Date.parse(b.start_time))) {
    const day = dayOf(screening.start_time, zone)
    // Chosen days are shown whole, whether or not they are over. Days such as `2026-11-23` are ordered like their texts.
    const isWanted = hasDays ? (filters.from ?? day) <= day && day <= (filters.to ?? day) : filters.past !== undefined || Date.parse(screening.end_time) > now
    if (!isWanted || (filters.movie ?? screening.movie_id) !== screening.movie_id || (filters.hall ?? screening.hall_id) !== screening.hall_id) continue
    days.set(day, [...(days.get(day) ?? []), screening])
  }
  return [...days].map(([day, all]) => ({ day, screenings: all }))
}

/** Returns how many places of a layout can be sold; a sofa is sold as one. */
export function seatsIn(layout: Layout): number {
  return layout.rows.flatMap((row) => row.cells).filter((cell) => cell !== null && cell !== 'blocked').length
}
