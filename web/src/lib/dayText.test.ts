import { describe, expect, it } from 'vitest'
import { dayToText, parseDay, parseTime } from './dayText'

const TODAY = '2026-11-30'

describe('a day in a field', () => {
  it('a day reads as in the page’s texts, with a Buddhist year in Thai', () => {
    expect(dayToText('2026-12-25', 'en')).toBe('25 Dec 2026')
    expect(dayToText('2026-12-25', 'th')).toBe('25 ธ.ค. 2569')
    expect(dayToText('', 'th')).toBe('')
  })

  it.each([
    ['25 Dec 2026', 'en'],
    ['25 december 2026', 'en'],
    ['25/12/2026', 'en'],
    ['25.12.26', 'en'],
    ['25-12', 'en'],
    ['2026-12-25', 'en'],
    ['25 Dec 2026', 'th'],
    ['25 ธ.ค. 2569', 'th'],
    ['25 ธันวาคม 2569', 'th'],
    ['25 ธค 69', 'th'],
    ['25/12/2569', 'th'],
    ['25/12/2569', 'en'],
    ['25/12/2026', 'th'],
    ['25/12', 'th'],
  ])('%s is understood in %s', (text, language) => expect(parseDay(text, language, TODAY)).toBe('2026-12-25'))

  it.each(['', '25', 'soon', '31/2/2026', '29 Feb 2027', '12/25/2026', '0/1/2026', '25 Dex 2026', '1/1/202', '1 2 3 4'])('%s is not a day', (text) =>
    expect(parseDay(text, 'en', TODAY)).toBeNull(),
  )

  it('every day of a year is read back from its own text in both languages', () => {
    for (const language of ['en', 'th'])
      for (let at = Date.UTC(2028, 0, 1); at < Date.UTC(2029, 0, 1); at += 86_400_000) {
        const day = new Date(at).toISOString().slice(0, 10)
        expect(parseDay(dayToText(day, language), language, TODAY)).toBe(day)
      }
  })
})

describe('a time in a field', () => {
  it.each([['19:30', '19:30'], ['19.30', '19:30'], ['1930', '19:30'], ['9:05', '09:05'], ['905', '09:05'], ['19', '19:00'], [' 0:00 ', '00:00']])('%s is %s', (text, time) => expect(parseTime(text)).toBe(time))
  it.each(['', '24:00', '7:5', '19:60', '7 pm', '12345'])('%s is not a time', (text) => expect(parseTime(text)).toBeNull())
})
