import { dateLocale, formatDay } from './time'

/** The difference between a year of the Buddhist era and the common era, in years. */
const BUDDHIST_OFFSET = 543
/** From this number on, a four-digit year is taken as one of the Buddhist era, in either language. */
const BUDDHIST_YEAR_MIN = 2400
/** Names of months are recognised from this many letters on. */
const NAME_LETTERS_MIN = 3

/** Returns the day as it stands in a field: as in the page's texts, with a Buddhist year in Thai ("25 ธ.ค. 2569"). */
export function dayToText(day: string, language: string): string {
  return day === '' ? '' : formatDay(day, language)
}

/**
 * Reads a day as people type it: "25 Dec 2026", "25 ธันวาคม 2569", "25/12/2026", "25.12.69", "25/12", "2026-12-25"; the day
 * comes before the month. Without a year it is the year of `today`. Returns null when the text is not a day that exists.
 */
export function parseDay(text: string, language: string, today: string): string | null {
  const words = text.trim().toLowerCase().match(/\d+|[\p{L}\p{M}.]*\p{L}[\p{L}\p{M}.]*/gu) ?? []
  if (words.length < 2 || words.length > 3) return null
  const isYearFirst = /^\d{4}$/.test(words[0]!) && words.length === 3
  const [dayWord, monthWord, yearWord] = isYearFirst ? [words[2]!, words[1]!, words[0]!] : words
  const day = Number(dayWord)
  const month = monthOf(monthWord!, language)
  const year = yearWord === undefined ? Number(today.slice(0, 4)) : yearOf(yearWord, language)
  if (!Number.isInteger(day) || month === null || year === null) return null
  const [y, m, d] = [String(year).padStart(4, '0'), String(month).padStart(2, '0'), String(day).padStart(2, '0')]
  const found = `${y}-${m}-${d}`
  const date = new Date(`${found}T00:00:00Z`)
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(found) ? found : null
}

/** Reads a time of the 24-hour clock: "19:30", "19.30", "1930", "9:05", "19". Returns null when it is none. */
export function parseTime(text: string): string | null {
  const [, hour, minute = '00'] = /^(\d{1,2})(?:\s*[:.\s]\s*|(?=\d\d$))?(\d{2})?$/.exec(text.trim()) ?? []
  if (hour === undefined || Number(hour) > 23 || Number(minute) > 59) return null
  return `${hour.padStart(2, '0')}:${minute}`
}

function monthOf(word: string, language: string): number | null {
  if (/^\d{1,2}$/.test(word)) return Number(word)
  const plain = letters(word)
  if (plain.length < NAME_LETTERS_MIN - 1) return null
  for (const locale of [language, language === 'th' ? 'en' : 'th']) {
    for (const style of ['short', 'long'] as const) {
      const found = monthNames(locale, style).findIndex((name) =>
        style === 'short' ? letters(name) === plain : plain.length >= NAME_LETTERS_MIN && letters(name).startsWith(plain),
      )
      if (found !== -1) return found + 1
    }
  }
  return null
}

function monthNames(language: string, style: 'short' | 'long'): string[] {
  const format = new Intl.DateTimeFormat(dateLocale(language), { month: style, timeZone: 'UTC' })
  return Array.from({ length: 12 }, (_, month) => format.format(Date.UTC(2026, month, 1)))
}

const letters = (word: string) => word.toLowerCase().replaceAll('.', '')

/** Two digits are a year of the current hundred years of the page's calendar: 69 is 2569 in Thai, 2069 in English. */
function yearOf(word: string, language: string): number | null {
  if (!/^(\d{2}|\d{4})$/.test(word)) return null
  const typed = Number(word)
  const full = word.length === 4 ? typed : (language === 'th' ? 2500 : 2000) + typed
  return full >= BUDDHIST_YEAR_MIN ? full - BUDDHIST_OFFSET : full
}
