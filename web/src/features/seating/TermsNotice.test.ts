import { mount } from '@vue/test-utils'
import { createPinia } from 'pinia'
import { expect, it } from 'vitest'
import { createI18n } from 'vue-i18n'
import en from '@/i18n/en'
import th from '@/i18n/th'
import TermsNotice from './TermsNotice.vue'

const change = {
  film: { was: { movie_title: 'Tides', movie_title_th: 'น้ำขึ้นน้ำลง' }, is: { movie_title: 'Dunes', movie_title_th: null } },
  hall: { was: { hall_name: 'Hall 1', hall_name_th: 'โรง 1' }, is: { hall_name: 'The Loft', hall_name_th: null } },
}

it.each([
  ['th', 'น้ำขึ้นน้ำลง', 'โรง 1'],
  ['en', 'Tides', 'Hall 1'],
] as const)('the notice of changed terms names film and hall in the language of the page (%s)', (locale, film, hall) => {
  const notice = mount(TermsNotice, { props: { change }, global: { plugins: [createPinia(), createI18n({ legacy: false, locale, messages: { en, th } })] } })
  const shown = (name: string) => ['s', 'strong'].map((tag) => notice.get(`[data-testid="changed-${name}"] ${tag}`).text())
  expect([shown('film'), shown('hall')]).toEqual([[film, 'Dunes'], [hall, 'The Loft']])
})

it('a total of 0 is free, before and now', () => {
  const free = { amount: 0, currency: 'THB' }
  const costly = { amount: 20_000, currency: 'THB' }
  const shown = (total: { was: typeof free; is: typeof free }) => mount(TermsNotice, { props: { change: { total } }, global: { plugins: [createPinia(), createI18n({ legacy: false, locale: 'en', messages: { en } })] } }).get('[data-testid="changed-total"]')
  expect(shown({ was: costly, is: free }).get('strong').text()).toBe('Free')
  expect(shown({ was: free, is: costly }).get('s').text()).toBe('Free')
})
