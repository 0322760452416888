import { PiniaColada } from '@pinia/colada'
import { flushPromises, mount } from '@vue/test-utils'
import { createPinia, setActivePinia } from 'pinia'
import { expect, it, vi } from 'vitest'
import { createI18n } from 'vue-i18n'
import { ask } from '@/api/client'
import { useSiteStore } from '@/api/site'
import type { Site } from '@/api/types'
import adminEn from '@/i18n/admin.en'
import en from '@/i18n/en'
import ScreeningsPage from './ScreeningsPage.vue'

vi.mock('@/api/client')

it('the screenings page lists future screenings, and past ones on request', async () => {
  const pinia = createPinia()
  setActivePinia(pinia)
  useSiteStore().state = { kind: 'ready', site: { time_zone: 'Asia/Bangkok' } as Site }
  const at = (id: string, time: string) => ({ id, movie_id: id, hall_id: 'h', start_time: time, end_time: time, prices: {} })
  vi.mocked(ask).mockResolvedValueOnce({ items: [at('to-come', '2999-01-01T12:00:00Z'), at('past', '2020-01-01T12:00:00Z')] }).mockResolvedValue({ items: [] })
  const i18n = createI18n({ legacy: false, locale: 'en', messages: { en: { ...en, ...adminEn } } })
  const page = mount(ScreeningsPage, { global: { plugins: [pinia, PiniaColada, i18n] } })
  await flushPromises()
  const shown = () => page.findAll('tbody tr').map((row) => row.findAll('td')[1]!.text())
  expect(shown()).toEqual(['to-come'])
  await page.get('[data-testid="shows-past"]').setValue(true)
  expect(shown()).toEqual(['past', 'to-come'])
})
