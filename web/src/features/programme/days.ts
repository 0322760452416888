import { addDays, dayOf } from '@/lib/time'

export const DAYS_SHOWN = 7

interface WithScreenings<S> {
  screenings: readonly S[]
}

/** Seven days, starting with this one. */
export function nextDays(today: string): string[] {
  return Array.from({ length: DAYS_SHOWN }, (_, offset) => addDays(today, offset))
}

/** The screenings of a film on a day, sorted by start time. */
export function screeningsOn<S extends { start_time: string }>(film: WithScreenings<S>, day: string, zone: string): S[] {
  return film.screenings
    .filter((screening) => dayOf(screening.start_time, zone) === day)
    .sort((a, b) => a.start_time.localeCompare(b.start_time))
}

/** The films with only their future screenings: a page that stays open must not offer past ones. */
export function upcoming<F extends WithScreenings<{ start_time: string }>>(films: readonly F[], now: number): F[] {
  return films.map((film) => ({ ...film, screenings: film.screenings.filter(({ start_time }) => Date.parse(start_time) > now) }))
}

/** Every day with a screening of these films. */
export function daysWithScreenings<S extends { start_time: string }>(films: readonly WithScreenings<S>[], zone: string): Set<string> {
  return new Set(films.flatMap((film) => film.screenings.map((screening) => dayOf(screening.start_time, zone))))
}
