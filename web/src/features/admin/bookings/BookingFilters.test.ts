import { PiniaColada } from '@pinia/colada'
import { mount } from '@vue/test-utils'
import { createPinia, setActivePinia } from 'pinia'
import { expect, it, vi } from 'vitest'
import { createI18n } from 'vue-i18n'
import { useSiteStore } from '@/api/site'
import type { Site } from '@/api/types'
import adminEn from '@/i18n/admin.en'
import en from '@/i18n/en'
import BookingFilters from './BookingFilters.vue'

vi.mock('@/api/client')

it('the search does not change the text being typed, and ignores surrounding blanks', async () => {
  vi.useFakeTimers()
  const i18n = createI18n({ legacy: false, locale: 'en', messages: { en: { ...en, ...adminEn } } })
  const pinia = createPinia()
  setActivePinia(pinia)
  useSiteStore().state = { kind: 'ready', site: { time_zone: 'Asia/Bangkok' } as Site }
  const page = mount(BookingFilters, { props: { filters: {}, isFiltered: false }, global: { plugins: [pinia, PiniaColada, i18n] } })
  const input = page.get<HTMLInputElement>('[data-testid="filter-q"]')
  await input.setValue('สมชาย ')
  await vi.runAllTimersAsync()
  expect(page.emitted('set')).toEqual([['q', 'สมชาย']])
  await page.setProps({ filters: { q: 'สมชาย' } })
  expect(input.element.value).toBe('สมชาย ')
  // The filters in the URL change, as when the person clears them or presses Back.
  await page.setProps({ filters: {} })
  expect(input.element.value).toBe('')
  await page.setProps({ filters: { q: 'สมชาย' } })
  expect(input.element.value).toBe('สมชาย')
  vi.useRealTimers()
})
