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
  it.each(['en', 'th'] as const)('names the number of seats that are held in other showings (%s)', (locale) => {
    const text = textOf(locale, { code: 'too_many_seats_everywhere', status: 422, held_elsewhere: 17 })
    expect(text).toContain('17')
    expect(text).not.toContain('{')
  })

  it('tells a full network from requests that came too fast', () => {
    expect(textOf('en', { code: 'rate_limited', status: 429, holders_max: 200 })).toContain('network')
    expect(textOf('en', { code: 'rate_limited', status: 429 })).toContain('too fast')
    expect(textOf('en', { code: 'rate_limited', status: 429, holders_max: null })).toContain('too fast')
  })
})
