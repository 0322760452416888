import type { AdminScreening, Hall, Layout } from '@/api/types'
import { DEFAULT_CATEGORY } from '@/lib/seating'

/** Returns the showings of each hall that have not started and are not cancelled. */
export function plannedByHall(screenings: readonly AdminScreening[], now: number): Map<string, AdminScreening[]> {
  const byHall = new Map<string, AdminScreening[]>()
  for (const screening of screenings) {
    if (Date.parse(screening.start_time) <= now || screening.state === 'CANCELLED') continue
    byHall.set(screening.hall_id, [...(byHall.get(screening.hall_id) ?? []), screening])
  }
  return byHall
}

/** True if the showing's copy of the layout differs from the hall's present layout. */
export function hasOldLayout(screening: AdminScreening, hall: Pick<Hall, 'layout'>): boolean {
  return textOf(screening.layout) !== textOf(hall.layout)
}

const textOf = ({ rows }: Layout) => JSON.stringify(rows.map(({ label, category, cells }) => [label, category ?? DEFAULT_CATEGORY, cells]))
