/** Instants come from the server as RFC 3339 in UTC; people see the cinema's own zone, whatever their device says. */

const MINUTE_MS = 60_000
const DAY_MS = 86_400_000

/** `th` shows Buddhist years, `en` the common era; Latin digits in both, so that times line up. */
export function dateLocale(language: string): string {
  return language === 'th' ? 'th-TH-u-ca-buddhist-nu-latn' : 'en-GB'
}

function parts(instant: number, zone: string): Record<string, string> {
  const format = new Intl.DateTimeFormat('en-CA', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  })
  return Object.fromEntries(format.formatToParts(instant).map((part) => [part.type, part.value]))
}

/** The calendar day (`2026-11-23`) of an instant in a zone. */
export function dayOf(instant: string | number, zone: string): string {
  const p = parts(new Date(instant).getTime(), zone)
  return `${p.year}-${p.month}-${p.day}`
}

/** The day `days` after another, counted on the calendar and so blind to clock changes. */
export function addDays(day: string, days: number): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + days * DAY_MS).toISOString().slice(0, 10)
}

/** `2026-11-23T19:30` as a clock in the zone would show it: what a datetime field holds. */
export function toLocalInput(instant: string, zone: string): string {
  const p = parts(Date.parse(instant), zone)
  return `${p.year}-${p.month}-${p.day}T${p.hour}:${p.minute}`
}

/** The instant at which the zone's clock shows `local` (`2026-11-23T19:30`). */
export function fromLocalInput(local: string, zone: string): string {
  const wanted = Date.parse(`${local}:00Z`)
  let guess = wanted
  // Twice, because the offset at the first guess may differ from the one at the answer near a clock change.
  for (let round = 0; round < 2; round++) {
    const shown = Date.parse(`${toLocalInput(new Date(guess).toISOString(), zone)}:00Z`)
    guess += wanted - shown
  }
  return new Date(guess - (guess % MINUTE_MS)).toISOString().replace('.000Z', 'Z')
}

export function formatTime(instant: string, zone: string, language: string): string {
  return new Intl.DateTimeFormat(dateLocale(language), {
    timeZone: zone,
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  }).format(Date.parse(instant))
}

export function formatDate(instant: string, zone: string, language: string): string {
  return new Intl.DateTimeFormat(dateLocale(language), {
    timeZone: zone,
    weekday: 'long',
    day: 'numeric',
    month: 'long',
    year: 'numeric',
  }).format(Date.parse(instant))
}

export function formatDateTime(instant: string, zone: string, language: string): string {
  return new Intl.DateTimeFormat(dateLocale(language), {
    timeZone: zone,
    day: 'numeric',
    month: 'short',
    year: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  }).format(Date.parse(instant))
}

/** A calendar day on its own, such as one of a report. */
export function formatDay(day: string, language: string, style: Intl.DateTimeFormatOptions = { dateStyle: 'medium' }): string {
  return new Intl.DateTimeFormat(dateLocale(language), { timeZone: 'UTC', ...style }).format(Date.parse(`${day}T00:00:00Z`))
}

/** `4:05`; a countdown never shows less than nothing. */
export function formatCountdown(milliseconds: number): string {
  const seconds = Math.max(0, Math.ceil(milliseconds / 1000))
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
}
