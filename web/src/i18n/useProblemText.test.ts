import { mount } from '@vue/test-utils'
import { defineComponent } from 'vue'
import { createI18n } from 'vue-i18n'
import { describe, expect, it } from 'vitest'
import { ApiProblem, NO_ANSWER, type Problem } from '@/api/problem'
import en from './en'
import th from './th'
import { useProblemText } from './useProblemText'

function textOf(locale: 'en' | 'th', problem: Partial<Problem>): string {
  let text = ''
  const Asking = defineComponent({
    setup() {
      text = useProblemText()(new ApiProblem({ ...NO_ANSWER, ...problem }))
      return () => null
    },
  })
  mount(Asking, { global: { plugins: [createI18n({ legacy: false, locale, messages: { en, th } })] } })
  return text
}

describe('the text of a problem', () => {
  const REFUSALS: [Partial<Problem>, string[]][] = [
    [{ code: 'too_many_seats', seats_max: 10 }, ['10']],
    [{ code: 'too_many_seats_everywhere', seats_max: 20, held_elsewhere: 17 }, ['20', '17']],
    [{ code: 'let_go_too_often', wait_s: 300 }, ['5']],
    [{ code: 'rate_limited', holders_max: 200 }, ['200']],
    [{ code: 'too_large', bytes_max: 5 * 1024 * 1024 }, ['5']],
    [{ code: 'hall_busy', screening_ids: ['a', 'b', 'c'] }, ['3']],
    [{ code: 'ambiguous_screening', screening_ids: ['a', 'b'] }, ['2']],
  ]

  it.each(['en', 'th'] as const)('a sentence about a limit says how many (%s)', (locale) => {
    for (const [problem, numbers] of REFUSALS) {
      const text = textOf(locale, problem)
      for (const number of numbers) expect(text.match(/\d+/g)).toContain(number)
      expect(text).not.toContain('{')
    }
  })

  it('every sentence with numbers is one of these', () => {
    expect(Object.keys(en.problem_numbers).sort()).toEqual(REFUSALS.map(([{ code }]) => code).sort())
  })

  it('an answer without the number, such as that of an older server, has a sentence without one', () => {
    for (const [{ code }] of REFUSALS) expect(textOf('en', { code, screening_ids: ['a'] }), code).toMatch(/^[^\d{]+$/)
  })

  it('a limit of one is in the singular', () => {
    expect(textOf('en', { code: 'too_many_seats', seats_max: 1 })).toMatch(/only one seat /)
    expect(textOf('en', { code: 'too_many_seats', seats_max: 2 })).toMatch(/2 seats /)
    expect(textOf('en', { code: 'rate_limited', holders_max: 1 })).toMatch(/^One person .* holds /)
    expect(textOf('en', { code: 'too_many_seats_everywhere', seats_max: 1, held_elsewhere: 1 })).not.toMatch(/1 seats/)
    expect(textOf('th', { code: 'too_many_seats', seats_max: 1 })).toContain('1 ที่')
  })

  it('zero is a number, and who holds no seats elsewhere reads only the limit', () => {
    expect(textOf('en', { code: 'too_many_seats_everywhere', seats_max: 6, held_elsewhere: 0 })).toBe(textOf('en', { code: 'too_many_seats', seats_max: 6 }))
    expect(textOf('th', { code: 'too_many_seats_everywhere', seats_max: 6, held_elsewhere: 0 })).toBe(textOf('th', { code: 'too_many_seats', seats_max: 6 }))
    expect(textOf('en', { code: 'too_many_seats', seats_max: 0 })).toContain('0 seats')
    expect(textOf('en', { code: 'rate_limited', holders_max: 0 })).toContain('network')
    expect(textOf('en', { code: 'too_large', bytes_max: 0 })).toContain('0 kilobytes')
    expect(textOf('en', { code: 'let_go_too_often', wait_s: 0 })).toContain('0 seconds')
  })

  it('showings in one hall at one time are not said to be others: a longer film overlaps itself', () => {
    expect(textOf('en', { code: 'hall_busy', screening_ids: ['a', 'b'] })).toBe('2 showings would need the same hall at the same time.')
    for (const screening_ids of [['a'], undefined]) expect(textOf('en', { code: 'hall_busy', screening_ids })).toBe('Two showings would need the same hall at the same time.')
  })

  it('times and sizes are written in the units of the language', () => {
    expect(textOf('en', { code: 'let_go_too_often', wait_s: 20 })).toContain('20 seconds')
    expect(textOf('en', { code: 'let_go_too_often', wait_s: 60 })).toContain('1 minute,')
    expect(textOf('en', { code: 'too_large', bytes_max: 64 * 1024 })).toContain('64 kilobytes')
    expect(textOf('th', { code: 'too_large', bytes_max: 5 * 1024 * 1024 })).toContain('5 เมกะไบต์')
  })

  it('tells a full network from requests that came too fast', () => {
    expect(textOf('en', { code: 'rate_limited', status: 429, holders_max: 200 })).toContain('network')
    expect(textOf('en', { code: 'rate_limited', status: 429 })).toContain('too fast')
    expect(textOf('en', { code: 'rate_limited', status: 429, holders_max: null })).toContain('too fast')
  })
})
