import { mount } from '@vue/test-utils'
import { createPinia } from 'pinia'
import { defineComponent } from 'vue'
import { createI18n } from 'vue-i18n'
import { describe, expect, it } from 'vitest'
import en from './en'
import th from './th'
import { useFormat } from './useFormat'

function formatIn(locale: 'en' | 'th'): ReturnType<typeof useFormat> {
  let format: ReturnType<typeof useFormat> | undefined
  const Asking = defineComponent({
    setup() {
      format = useFormat()
      return () => null
    },
  })
  mount(Asking, { global: { plugins: [createPinia(), createI18n({ legacy: false, locale, messages: { en, th } })] } })
  return format!
}

const views = import.meta.glob('../**/*.vue', { query: '?raw', import: 'default', eager: true }) as Record<string, string>

describe('the name of a hall', () => {
  it('is the Thai one on Thai pages and the other one on English pages', () => {
    const showing = { hall_name: 'Hall 1', hall_name_th: 'โรง 1' }
    const hall = { name: 'Hall 1', name_th: 'โรง 1' }
    expect([formatIn('th').hallName(showing), formatIn('th').hall(hall)]).toEqual(['โรง 1', 'โรง 1'])
    expect([formatIn('en').hallName(showing), formatIn('en').hall(hall)]).toEqual(['Hall 1', 'Hall 1'])
  })

  it('is the only one that the hall has when it has no Thai name, or an earlier version of the server sent none', () => {
    const { hall, hallName } = formatIn('th')
    expect([hallName({ hall_name: 'Hall 1', hall_name_th: null }), hallName({ hall_name: 'Hall 1' })]).toEqual(['Hall 1', 'Hall 1'])
    expect([hall({ name: 'Hall 1', name_th: null }), hall({ name: 'Hall 1' })]).toEqual(['Hall 1', 'Hall 1'])
  })

  it('is never shown by a component without the choice of the language', () => {
    expect(Object.keys(views).length).toBeGreaterThan(50)
    expect(Object.keys(views).filter((path) => /\bhall_name\b|\bhall\.name\b/.test(views[path]!))).toEqual([])
  })
})
