/** The server sends instants as RFC 3339 in UTC; the page shows them in the cinema's time zone, not the device's. */

const MINUTE_MS = 60_000
const DAY_MS = 86_400_000

/** The locale for dates: Buddhist years in Thai, common-era years in English, Latin digits in both, so that times line up. */
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

/** Returns the calendar day (`2026-11-23`) of an instant in a time zone. */
export function dayOf(instant: string | number, zone: string): string {
  const p = parts(new Date(instant).getTime(), zone)
  return `${p.year}-${p.month}-${p.day}`
}

/** Adds calendar days, not multiples of 24 hours, so that daylight-saving changes have no effect. */
export function addDays(day: string, days: number): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + days * DAY_MS).toISOString().slice(0, 10)
}

/** Returns the local time in the zone in the format of a `datetime-local` field (`2026-11-23T19:30`). */
export function toLocalInput(instant: string, zone: string): string {
  const p = parts(Date.parse(instant), zone)
  return `${p.year}-${p.month}-${p.day}T${p.hour}:${p.minute}`
}

/** Returns the instant at which clocks in the zone show the local time (`2026-11-23T19:30`). */
export function fromLocalInput(local: string, zone: string): string {
  const wanted = Date.parse(`${local}:00Z`)
  let guess = wanted
  // Two rounds: near a daylight-saving change, the UTC offset at the first estimate may differ from the offset at the result.
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

/** Formats a start for a short title, such as `Fri 4 Dec, 19:30`. */
export function formatDayTime(instant: string, zone: string, language: string): string {
  const day = new Intl.DateTimeFormat(dateLocale(language), { timeZone: zone, weekday: 'short', day: 'numeric', month: 'short' }).format(Date.parse(instant))
  return `${day}, ${formatTime(instant, zone, language)}`
}

/** Formats a calendar day without a time, such as a day of a report. */
export function formatDay(day: string, language: string, style: Intl.DateTimeFormatOptions = { dateStyle: 'medium' }): string {
  return new Intl.DateTimeFormat(dateLocale(language), { timeZone: 'UTC', ...style }).format(Date.parse(`${day}T00:00:00Z`))
}

/** Formats a remaining time as `4:05`; a negative one as `0:00`. */
export function formatCountdown(milliseconds: number): string {
  const seconds = Math.max(0, Math.ceil(milliseconds / 1000))
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
}
