import { mount } from '@vue/test-utils'
import { createPinia } from 'pinia'
import { createI18n } from 'vue-i18n'
import { expect, it } from 'vitest'
import en from '@/i18n/en'
import th from '@/i18n/th'
import EventData from './EventData.vue'

it.each([
  ['th', ['en', undefined, undefined]],
  ['en', [undefined, 'th', undefined]],
] as const)('names of fields are English, and each value has its own language, on pages in %s', (locale, languages) => {
  const plugins = [createPinia(), createI18n({ legacy: false, locale, messages: { en, th } })]
  const data = mount(EventData, { props: { data: { title: 'Tides', details: { title_th: 'น้ำขึ้นน้ำลง' }, count: 2 } }, global: { plugins } })
  expect(data.attributes('lang')).toBeUndefined()
  expect(data.findAll('dt').map((name) => [name.text(), name.attributes('lang')])).toEqual([['title', 'en'], ['details.title_th', 'en'], ['count', 'en']])
  expect(data.findAll('dd').map((value) => value.attributes('lang'))).toEqual(languages)
})
