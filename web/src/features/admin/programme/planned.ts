import type { AdminScreening, Hall, Layout } from '@/api/types'

/** Returns the showings of each hall that have not started and are not cancelled. */
export function plannedByHall(screenings: readonly AdminScreening[], now: number): Map<string, AdminScreening[]> {
  const byHall = new Map<string, AdminScreening[]>()
  for (const screening of screenings) {
    if (Date.parse(screening.start_time) <= now || screening.state === 'CANCELLED') continue
    byHall.set(screening.hall_id, [...(byHall.get(screening.hall_id) ?? []), screening])
  }
  return byHall
}

/** True if the showing keeps a copy of the hall's layout that the hall no longer has. */
export function hasOldLayout(screening: AdminScreening, hall: Pick<Hall, 'layout'>): boolean {
  return textOf(screening.layout) !== textOf(hall.layout)
}

const textOf = ({ rows }: Layout) => JSON.stringify(rows.map(({ label, category, cells }) => [label, category ?? 'standard', cells]))
