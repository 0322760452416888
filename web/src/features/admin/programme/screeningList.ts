import type { AdminScreening, Layout, Movie } from '@/api/types'
import { dayOf } from '@/lib/time'

export const SCREENING_FILTERS = ['movie', 'hall', 'day', 'past'] as const
export type ScreeningFilters = Partial<Record<(typeof SCREENING_FILTERS)[number], string>>

export interface ScreeningsOfDay {
  day: string
  screenings: AdminScreening[]
}

/** Seats that can be sold, and how many of them are not free. The latter is unknown for a showing that has begun. */
export interface SeatCount {
  total: number
  taken: number | null
}

/** Returns the showings that pass the filters, by time, grouped by the day on which they begin in the cinema's zone. */
export function groupByDay(screenings: readonly AdminScreening[], filters: ScreeningFilters, zone: string, now: number): ScreeningsOfDay[] {
  const days = new Map<string, AdminScreening[]>()
  for (const screening of [...screenings].sort((a, b) => Date.parse(a.start_time) - Date.parse(b.start_time))) {
    const day = dayOf(screening.start_time, zone)
    // A chosen day is shown whole, whether or not it is over.
    const isWanted = filters.day === undefined ? filters.past !== undefined || Date.parse(screening.end_time) > now : day === filters.day
    if (!isWanted || (filters.movie ?? screening.movie_id) !== screening.movie_id || (filters.hall ?? screening.hall_id) !== screening.hall_id) continue
    days.set(day, [...(days.get(day) ?? []), screening])
  }
  return [...days].map(([day, all]) => ({ day, screenings: all }))
}

/** Counts the seats of a showing: the public programme knows how many are free, the layout only how many there are. */
export function countSeats(screening: Pick<AdminScreening, 'id' | 'layout'>, programme: readonly Movie[]): SeatCount {
  for (const { screenings } of programme) {
    const shown = screenings.find(({ id }) => id === screening.id)
    if (shown !== undefined) return { total: shown.seats_total, taken: shown.seats_total - shown.seats_available }
  }
  return { total: seatsIn(screening.layout), taken: null }
}

/** Returns how many places of a layout can be sold; a sofa is sold as one. */
export function seatsIn(layout: Layout): number {
  return layout.rows.flatMap((row) => row.cells).filter((cell) => cell !== null && cell !== 'blocked').length
}
