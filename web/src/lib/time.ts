/** The server sends instants as RFC 3339 in UTC; the page shows them in the cinema's time zone, not the device's. */

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

/** Adds calendar days, so that clock changes have no effect. */
export function addDays(day: string, days: number): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + days * DAY_MS).toISOString().slice(0, 10)
}

/** The local time in the zone, `2026-11-23T19:30`, as a datetime field needs it. */
export function toLocalInput(instant: string, zone: string): string {
  const p = parts(Date.parse(instant), zone)
  return `${p.year}-${p.month}-${p.day}T${p.hour}:${p.minute}`
}

/** The instant at which the zone's clock shows `local` (`2026-11-23T19:30`). */
export function fromLocalInput(local: string, zone: string): string {
  const wanted = Date.parse(`${local}:00Z`)
  let guess = wanted
  // Two rounds, because near a clock change the offset at the first guess may differ from the one at the result.
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

/** Formats a calendar day without a time, such as a day of a report. */
export function formatDay(day: string, language: string, style: Intl.DateTimeFormatOptions = { dateStyle: 'medium' }): string {
  return new Intl.DateTimeFormat(dateLocale(language), { timeZone: 'UTC', ...style }).format(Date.parse(`${day}T00:00:00Z`))
}

/** Formats as `4:05`; never negative. */
export function formatCountdown(milliseconds: number): string {
  const seconds = Math.max(0, Math.ceil(milliseconds / 1000))
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
}
