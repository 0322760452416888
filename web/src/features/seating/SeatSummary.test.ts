import { mount } from '@vue/test-utils'
import { createPinia, setActivePinia } from 'pinia'
import { expect, it } from 'vitest'
import { createI18n } from 'vue-i18n'
import { useSiteStore } from '@/api/site'
import type { Site } from '@/api/types'
import en from '@/i18n/en'
import th from '@/i18n/th'
import type { SeatView } from '@/lib/seating'
import SeatSummary from './SeatSummary.vue'

it.each([
  ['en', 0, 'Continue', 'Free'],
  ['en', 20_000, 'Pay ฿200', '฿200'],
  ['th', 0, 'ดำเนินการต่อ', 'ฟรี'],
] as const)('the button leads on to the next page, which books free seats itself (%s, %i)', (locale, amount, button, total) => {
  setActivePinia(createPinia())
  useSiteStore().state = { kind: 'ready', site: { lock_ttl_s: 300, payment_ttl_s: 300, seats_per_person: 6 } as Site }
  const price = { amount, currency: 'THB' }
  const mine = [{ id: 'A1', category: 'standard', kind: 'seat', price, pending: false } as SeatView]
  const plugins = [createI18n({ legacy: false, locale, messages: { en, th } })]
  const summary = mount(SeatSummary, { props: { mine, total: price, remainingMs: null, isBusy: false, isLockedIn: false, isAsked: false }, global: { plugins } })
  expect(summary.get('[data-testid="pay"]').text()).toBe(button)
  expect(summary.get('[data-testid="summary-total"]').text()).toBe(total)
})
