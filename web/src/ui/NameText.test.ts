import { mount } from '@vue/test-utils'
import { createI18n } from 'vue-i18n'
import { expect, it } from 'vitest'
import NameText from './NameText.vue'

const views = import.meta.glob('../**/*.vue', { query: '?raw', import: 'default', eager: true }) as Record<string, string>

it.each([
  ['th', 'The Loft', 'en'],
  ['th', 'โรง 1', undefined],
  ['th', 'IMAX โรง 1', undefined],
  ['th', '300', undefined],
  ['en', 'The Loft', undefined],
  ['en', 'โรง 1', 'th'],
] as const)('a name has its own language where that is not the page’s (%s, %s)', (locale, text, lang) => {
  const name = mount(NameText, { props: { text, as: 'strong' }, attrs: { class: 'large' }, global: { plugins: [createI18n({ legacy: false, locale, messages: {} })] } })
  expect(name.html()).toBe(`<strong${lang === undefined ? '' : ` lang="${lang}"`} class="large">${text}</strong>`)
})

it('a name is an option of a list with its value', () => {
  const option = mount(NameText, { props: { text: 'The Loft', as: 'option' }, attrs: { value: 'loft' }, global: { plugins: [createI18n({ legacy: false, locale: 'th', messages: {} })] } })
  expect((option.element as HTMLOptionElement).value).toBe('loft')
})

it('no component shows a title or the name of a hall without its language', () => {
  expect(Object.keys(views).length).toBeGreaterThan(50)
  const bare = /\{\{[^}]*\bformat\.(?:title|movieTitle|hall|hallName)\(|:lang="format\.lang\(format\.(?:title|movieTitle|hall|hallName)\(/
  expect(Object.keys(views).filter((path) => bare.test(views[path]!))).toEqual([])
})
