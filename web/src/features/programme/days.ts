import { addDays, dayOf } from '@/lib/time'

export const DAYS_SHOWN = 7

interface WithScreenings<S> {
  screenings: readonly S[]
}

/** Returns seven calendar days, starting with `today`. */
export function nextDays(today: string): string[] {
  return Array.from({ length: DAYS_SHOWN }, (_, offset) => addDays(today, offset))
}

/** Returns the screenings of a film on a calendar day in the time zone, sorted by start time. */
export function screeningsOn<S extends { start_time: string }>(film: WithScreenings<S>, day: string, zone: string): S[] {
  return film.screenings
    .filter((screening) => dayOf(screening.start_time, zone) === day)
    .sort((a, b) => a.start_time.localeCompare(b.start_time))
}

/** Returns the films without the screenings that have started: a page that stays open must not offer them. */
export function upcoming<F extends WithScreenings<{ start_time: string }>>(films: readonly F[], now: number): F[] {
  return films.map((film) => ({ ...film, screenings: film.screenings.filter(({ start_time }) => Date.parse(start_time) > now) }))
}

/** Returns every calendar day on which one of these films has a screening. */
export function daysWithScreenings<S extends { start_time: string }>(films: readonly WithScreenings<S>[], zone: string): Set<string> {
  return new Set(films.flatMap((film) => film.screenings.map((screening) => dayOf(screening.start_time, zone))))
}
