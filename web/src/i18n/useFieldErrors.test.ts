import { mount } from '@vue/test-utils'
import { describe, expect, it } from 'vitest'
import { defineComponent, h } from 'vue'
import { createI18n } from 'vue-i18n'
import { ApiProblem, NO_ANSWER } from '@/api/problem'
import en from './en'
import rulesEn from './rules.en'
import rulesTh from './rules.th'
import th from './th'
import { useFieldErrors } from './useFieldErrors'

type Errors = NonNullable<ApiProblem['problem']['errors']>

function inLanguage(locale: 'en' | 'th') {
  let made: ReturnType<typeof useFieldErrors> | undefined
  const component = defineComponent(() => {
    made = useFieldErrors()
    return () => h('i')
  })
  const i18n = createI18n({ legacy: false, locale, messages: { en: { ...en, ...rulesEn }, th: { ...th, ...rulesTh } } })
  mount(component, { global: { plugins: [i18n] } })
  return made!
}

const problem = (errors: Errors) => new ApiProblem({ ...NO_ANSWER, code: 'invalid', errors })

describe('validation errors', () => {
  const errors = [
    { field: 'title', rule: 'length', params: { min: 1, max: 200 }, why: '1 to 200 characters' },
    { field: 'title', rule: 'visible', params: {}, why: 'at least one visible character' },
    { field: 'prices.sofa', rule: 'price', params: { max: 10_000_000 }, why: '0 to 10000000 satang' },
  ] as unknown as Errors

  it('errors of fields are sentences in the language of the page, with amounts in baht', () => {
    expect(inLanguage('en').textsOf(problem(errors))).toEqual({ title: 'Write 1 to 200 characters.', 'prices.sofa': 'An amount of 0 to 100,000 baht.' })
    expect(inLanguage('th').textsOf(problem(errors))).toEqual({ title: 'กรอก 1 ถึง 200 ตัวอักษร', 'prices.sofa': 'จำนวนเงิน 0 ถึง 100,000 บาท' })
  })

  it('a rule that the page does not know has a general sentence', () => {
    const newer = [{ field: 'title', rule: 'of_a_newer_server', params: {}, why: 'no' }] as unknown as Errors
    expect(inLanguage('th').textsOf(problem(newer))).toEqual({ title: 'ค่านี้ใช้ไม่ได้' })
  })

  it.each([
    ['layout.rows[0].label', 'Row 1, letter', 'แถวที่ 1 ตัวอักษร'],
    ['layout.rows', 'Rows', 'แถว'],
    ['genres[2]', 'Genre 3', 'แนวที่ 3'],
    ['prices.Box', 'Price Box', 'ราคา Box'],
    ['start_time', 'Start', 'เวลาเริ่ม'],
    ['unheard_of', 'unheard_of', 'unheard_of'],
  ])('the field %s has a name in both languages', (field, english, thai) => {
    expect([inLanguage('en').nameOf(field), inLanguage('th').nameOf(field)]).toEqual([english, thai])
  })
})
