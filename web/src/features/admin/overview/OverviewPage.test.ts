import { PiniaColada } from '@pinia/colada'
import { flushPromises, shallowMount } from '@vue/test-utils'
import { createPinia, setActivePinia } from 'pinia'
import { expect, it, vi } from 'vitest'
import { createI18n } from 'vue-i18n'
import { createMemoryHistory, createRouter } from 'vue-router'
import { ask } from '@/api/client'
import { ApiProblem, NO_ANSWER } from '@/api/problem'
import { useSiteStore } from '@/api/site'
import type { Site } from '@/api/types'
import adminEn from '@/i18n/admin.en'
import en from '@/i18n/en'
import StatTiles from '../StatTiles.vue'
import OverviewPage from './OverviewPage.vue'

vi.mock('@/api/client')
const answer = vi.mocked(ask)

async function open() {
  const pinia = createPinia()
  setActivePinia(pinia)
  useSiteStore().state = { kind: 'ready', site: { time_zone: 'Asia/Bangkok', currency: 'THB' } as Site }
  const router = createRouter({ history: createMemoryHistory(), routes: [{ path: '/:path(.*)*', component: OverviewPage }] })
  const i18n = createI18n({ legacy: false, locale: 'en', messages: { en: { ...en, ...adminEn } } })
  const page = shallowMount(OverviewPage, { global: { plugins: [pinia, PiniaColada, router, i18n] } })
  const before = page.findComponent(StatTiles).exists()
  await flushPromises()
  return [before, page.findComponent(StatTiles).exists()]
}

it('the overview shows no numbers before they are loaded or when loading fails', async () => {
  answer.mockResolvedValue({ items: [] })
  expect(await open()).toEqual([false, true])
  answer.mockRejectedValue(new ApiProblem(NO_ANSWER))
  expect(await open()).toEqual([false, false])
})
