import { mount } from '@vue/test-utils'
import { createPinia, setActivePinia } from 'pinia'
import { beforeEach, expect, it, vi } from 'vitest'
import { computed, ref, shallowRef } from 'vue'
import { createI18n } from 'vue-i18n'
import { useSiteStore } from '@/api/site'
import type { Payment, Site } from '@/api/types'
import type { TermsChange } from '@/features/seating/terms'
import en from '@/i18n/en'
import th from '@/i18n/th'
import PaymentPage from './PaymentPage.vue'
import { usePayment } from './usePayment'

vi.mock('./usePayment')

const confirm = vi.fn()

function open(locale: 'en' | 'th', amount: number, status: Payment['status'] = 'PENDING', change: TermsChange | null = null) {
  const payment = { id: 'p', status, method: amount === 0 ? null : 'mock_card', action: null, amount: { amount, currency: 'THB' }, seat_ids: ['A1'] } as Payment
  const known = {
    state: shallowRef({ kind: 'known', payment }),
    payment: computed(() => payment),
    status: computed(() => payment.status),
    screening: computed(() => undefined),
    isCancelled: ref(false),
    change: ref(change),
    doing: ref('none'),
    remainingMs: ref(1000),
    confirm,
  }
  vi.mocked(usePayment).mockReturnValue(known as unknown as ReturnType<typeof usePayment>)
  const plugins = [createI18n({ legacy: false, locale, messages: { en, th } })]
  return mount(PaymentPage, { props: { id: 'p' }, global: { plugins, stubs: { OrderSummary: true } } })
}

beforeEach(() => {
  setActivePinia(createPinia())
  useSiteStore().state = { kind: 'ready', site: { payment_methods: ['promptpay', 'mock_card'], time_zone: 'Asia/Bangkok' } as Site }
  confirm.mockClear()
})

it.each([['en', en] as const, ['th', th] as const])('a free booking has no choice of methods and one button that books (%s)', async (locale, words) => {
  const page = open(locale, 0)
  expect(page.findAll('input[type=radio], [data-testid="confirm-pay"], [data-testid="promptpay-qr"]')).toEqual([])
  const button = page.get('[data-testid="confirm-free"]')
  expect(button.text()).toBe(words.payment.book_free)
  await button.trigger('click')
  expect(confirm.mock.calls).toEqual([['success']])
})

it('a booking that costs something offers the methods', () => {
  const page = open('en', 20_000)
  expect(page.findAll('input[type=radio]')).toHaveLength(2)
  expect(page.find('[data-testid="confirm-free"]').exists()).toBe(false)
})

const START = { was: '2026-11-23T12:00:00Z', is: '2026-11-23T13:00:00Z' }
const total = (was: number, is: number) => ({ was: { amount: was, currency: 'THB' }, is: { amount: is, currency: 'THB' } })

it.each([
  ['PENDING', 20_000, { start: START }, en.changed.go_on, en.changed.stop],
  ['PENDING', 0, { start: START }, en.seats.go_on, en.payment.cancel],
  ['DECLINED', 20_000, { total: total(20_000, 30_000) }, 'Pay ฿300', en.changed.to_seats],
  ['DECLINED', 20_000, { total: total(20_000, 0) }, en.seats.go_on, en.changed.to_seats],
  ['CANCELLED', 0, { total: total(0, 30_000) }, 'Pay ฿300', en.changed.to_seats],
] as const)('the buttons of a change say nothing of paying when nothing is to be paid: %s, %i, %j', (status, amount, change, accept, decline) => {
  const page = open('en', amount, status, change)
  expect(page.get('[data-testid="accept-change"]').text()).toBe(accept)
  expect(page.get('[data-testid="decline-change"]').text()).toBe(decline)
})
