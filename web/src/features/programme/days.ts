import { addDays, dayOf } from '@/lib/time'

export const DAYS_SHOWN = 7

interface WithScreenings<S> {
  screenings: readonly S[]
}

/** The next seven days in the cinema's zone, today first. */
export function nextDays(now: number, zone: string): string[] {
  const today = dayOf(now, zone)
  return Array.from({ length: DAYS_SHOWN }, (_, offset) => addDays(today, offset))
}

/** The screenings of a film that are on a day, in order of time. */
export function screeningsOn<S extends { start_time: string }>(film: WithScreenings<S>, day: string, zone: string): S[] {
  return film.screenings
    .filter((screening) => dayOf(screening.start_time, zone) === day)
    .sort((a, b) => a.start_time.localeCompare(b.start_time))
}

/** Every day on which something of these films is shown. */
export function daysWithScreenings<S extends { start_time: string }>(films: readonly WithScreenings<S>[], zone: string): Set<string> {
  return new Set(films.flatMap((film) => film.screenings.map((screening) => dayOf(screening.start_time, zone))))
}
