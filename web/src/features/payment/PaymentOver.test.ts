import { mount } from '@vue/test-utils'
import { expect, it } from 'vitest'
import { createI18n } from 'vue-i18n'
import type { Payment } from '@/api/types'
import en from '@/i18n/en'
import th from '@/i18n/th'
import PaymentOver from './PaymentOver.vue'

function show(props: { status: Payment['status']; bookingId?: string }) {
  const plugins = [createI18n({ legacy: false, locale: 'en', messages: { en } })]
  return mount(PaymentOver, { props: { ...props, doing: 'none' }, global: { plugins } })
}

it('the notice of a paid payment has a link to the ticket in case the redirect fails', () => {
  const link = show({ status: 'SUCCEEDED', bookingId: 'b1' }).get('a')
  expect(link.attributes('href')).toBe('/bookings/b1?new=1')
})

it.each([['en', /\bpa(?:y|id)|bank/i], ['th', /ชำระ|ธนาคาร/]] as const)('the states that a free booking can end in have no words about paying (%s)', (locale, paying) => {
  const plugins = [createI18n({ legacy: false, locale, messages: { en, th } })]
  for (const status of ['SUCCEEDED', 'CONFIRMING', 'EXPIRED', 'CANCELLED'] as const) {
    const text = mount(PaymentOver, { props: { status, doing: 'none' }, global: { plugins } }).text()
    expect(text, status).not.toBe('')
    expect(text, status).not.toMatch(paying)
  }
})
