import { describe, expect, it } from 'vitest'
import { createIntent } from './idempotency'
import { inLanguage, langOf, pickLanguage } from './language'
import { formatMoney, parseMajor, sumMoney } from './money'
import { keepsSeats, safeReturnTo } from './returnTo'
import { createServerClock } from './serverClock'
import { addDays, dayOf, formatCountdown, formatDate, formatTime, fromLocalInput, toLocalInput } from './time'

const BANGKOK = 'Asia/Bangkok'

describe('time', () => {
  it('the calendar day of an instant is that of the cinema’s time zone', () => {
    expect(dayOf('2026-11-23T16:59:59Z', BANGKOK)).toBe('2026-11-23')
    expect(dayOf('2026-11-23T17:00:00Z', BANGKOK)).toBe('2026-11-24')
    expect(addDays('2026-12-31', 1)).toBe('2027-01-01')
  })
  it('dates have Buddhist years in Thai, common-era years in English, and a 24-hour clock in both', () => {
    expect(formatDate('2026-11-23T12:30:00Z', BANGKOK, 'th')).toContain('2569')
    expect(formatDate('2026-11-23T12:30:00Z', BANGKOK, 'en')).toContain('2026')
    expect(formatTime('2026-11-23T12:30:00Z', BANGKOK, 'th')).toBe('19:30')
    expect(formatTime('2026-11-23T17:05:00Z', BANGKOK, 'en')).toBe('00:05')
  })
  it.each([BANGKOK, 'Europe/Berlin', 'America/St_Johns'])('an instant converted to local time and back is unchanged in %s', (zone) => {
    for (const instant of ['2026-11-23T12:30:00Z', '2026-03-29T00:30:00Z', '2026-10-25T03:30:00Z']) {
      expect(fromLocalInput(toLocalInput(instant, zone), zone)).toBe(instant)
    }
  })
  it('a countdown stops at 0:00', () => {
    expect(formatCountdown(300_000)).toBe('5:00')
    expect(formatCountdown(29_001)).toBe('0:30')
    expect(formatCountdown(-4)).toBe('0:00')
  })
})

describe('money', () => {
  it('an amount is formatted with the currency sign', () => {
    expect(formatMoney({ amount: 32_000, currency: 'THB' }, 'en')).toBe('฿320')
    expect(formatMoney({ amount: 120_050, currency: 'THB' }, 'th')).toBe('฿1,200.50')
  })
  it('a price field is parsed to minor units, or to null when it is not an amount', () => {
    expect(parseMajor(' 1,280.5 ')).toBe(128_050)
    expect(['', '-1', '1.234', 'abc'].map(parseMajor)).toEqual([null, null, null, null])
  })
  it('amounts are summed, and an empty list sums to zero', () => {
    expect(sumMoney([], 'THB')).toEqual({ amount: 0, currency: 'THB' })
    expect(sumMoney([{ amount: 1, currency: 'THB' }, { amount: 2, currency: 'THB' }], 'THB').amount).toBe(3)
  })
})

describe('the return path after sign-in', () => {
  it.each([
    ['/screenings/1?seats=A1', '/screenings/1?seats=A1'],
    ['//evil.example', '/'],
    ['/\\evil.example', '/'],
    ['https://evil.example', '/'],
    ['/a\nb', '/'],
    [undefined, '/'],
  ])('%j → %s', (value, expected) => expect(safeReturnTo(value)).toBe(expected))
})

describe('seats that a person comes back to after sign-in', () => {
  it.each([
    ['/screenings/1?seats=A1,A2', true],
    ['/screenings/1?view=list&seats=A1', true],
    ['/pay/1', true],
    ['/screenings/1', false],
    ['/screenings/1?seats=', false],
    ['/bookings?seats=A1', false],
    ['/', false],
  ])('%j → %s', (returnTo, expected) => expect(keepsSeats(returnTo)).toBe(expected))
})

describe('the clock of the server', () => {
  it('the server clock is estimated from Date headers and gets more precise with each response', () => {
    let device = 1_000_000
    const clock = createServerClock(() => device)
    expect(clock.now()).toBe(device)
    const skewMs = 90_000
    for (let i = 0; i < 40; i++) {
      device += 137
      const header = new Date(Math.floor((device + skewMs) / 1000) * 1000).toUTCString()
      clock.observe(header, device, device)
    }
    expect(Math.abs(clock.now() - (device + skewMs))).toBeLessThan(140)
  })
  it('the server clock is estimated anew after a clock was set, and ignores invalid Date headers', () => {
    const device = 5_000_000
    const clock = createServerClock(() => device)
    clock.observe(new Date(device).toUTCString(), device, device)
    clock.observe(new Date(device + 3_600_000).toUTCString(), device, device)
    expect(clock.now() - device).toBeGreaterThan(3_599_000)
    clock.observe('yesterday', device, device)
    clock.observe(null, device, device)
    expect(clock.now() - device).toBeGreaterThan(3_599_000)
  })
})

describe('an idempotency key', () => {
  it('an idempotency key is reused until settled, and differs for another request', () => {
    let n = 0
    const intent = createIntent(() => `key-${++n}`)
    expect([intent.keyFor('a'), intent.keyFor('a')]).toEqual(['key-1', 'key-1'])
    expect(intent.keyFor('b')).toBe('key-2')
    intent.settle()
    expect(intent.keyFor('b')).toBe('key-3')
  })
})

describe('language', () => {
  it('the language is the saved one, else the browser’s, else English', () => {
    expect(pickLanguage('th', ['en'])).toBe('th')
    expect(pickLanguage(null, ['de', 'th-TH', 'en'])).toBe('th')
    expect(pickLanguage('xx', ['fr'])).toBe('en')
  })
  it('a text without a translation is shown in the other language', () => {
    expect(inLanguage('th', 'Rain', null)).toBe('Rain')
    expect(inLanguage('en', '', 'ฝน')).toBe('ฝน')
  })
  it.each([
    ['The Last Ferry', 'en', undefined, 'en'],
    ['เรือเที่ยวสุดท้าย', 'th', 'th', undefined],
    ['บลูส์ซอยเสือ VIP', 'th', 'th', undefined],
    ['Amélie', 'en', undefined, 'en'],
    ['1917', 'none', undefined, undefined],
    ['', 'none', undefined, undefined],
  ])('a text is marked with its language on a page of another one: "%s" is %s', (text, _, onEnglish, onThai) => {
    expect([langOf(text, 'en'), langOf(text, 'th')]).toEqual([onEnglish, onThai])
  })
})
