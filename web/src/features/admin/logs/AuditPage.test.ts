import { PiniaColada } from '@pinia/colada'
import { flushPromises, mount } from '@vue/test-utils'
import { createPinia, setActivePinia } from 'pinia'
import { expect, it, vi } from 'vitest'
import { createI18n } from 'vue-i18n'
import { createMemoryHistory, createRouter } from 'vue-router'
import { ask } from '@/api/client'
import { useSiteStore } from '@/api/site'
import type { Site } from '@/api/types'
import administrationEn from '@/i18n/administration.en'
import en from '@/i18n/en'
import AuditPage from './AuditPage.vue'

vi.mock('@/api/client')

it('a line that begins with words of the page has the page’s language, and the name above it has its own', async () => {
  const details = { movie: { title: 'น้ำขึ้นน้ำลง' }, changes: [{ field: 'title', old: 'Tides', new: 'น้ำขึ้นน้ำลง' }] }
  const entry = { id: '1', type: 'AUDIT_LOG', at: '2026-11-30T12:00:00Z', actor: null, screening: null, request_id: null, data: { action: 'movie_changed', details } }
  vi.mocked(ask).mockResolvedValue({ items: [entry], next_cursor: null } as never)
  const pinia = createPinia()
  setActivePinia(pinia)
  useSiteStore().state = { kind: 'ready', site: { time_zone: 'Asia/Bangkok', currency: 'THB' } as Site }
  const i18n = createI18n({ legacy: false, locale: 'en', messages: { en } })
  for (const part of administrationEn) i18n.global.mergeLocaleMessage('en', part)
  const router = createRouter({ history: createMemoryHistory(), routes: [{ path: '/:path(.*)*', component: AuditPage }] })
  await router.push('/admin/audit')
  const page = mount(AuditPage, { global: { plugins: [pinia, PiniaColada, i18n, router] } })
  await flushPromises()
  const texts = page.findAll('tbody td:last-child > span').map((span) => [span.text(), span.attributes('lang')])
  expect(texts).toEqual([['น้ำขึ้นน้ำลง', 'th'], ['Title: Tides → น้ำขึ้นน้ำลง', undefined]])
})
