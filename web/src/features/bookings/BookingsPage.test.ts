import { PiniaColada, useQueryCache } from '@pinia/colada'
import { flushPromises, mount } from '@vue/test-utils'
import { createPinia, setActivePinia } from 'pinia'
import { beforeEach, expect, it, vi } from 'vitest'
import { createI18n } from 'vue-i18n'
import { createMemoryHistory, createRouter } from 'vue-router'
import { ask } from '@/api/client'
import { ApiProblem, NO_ANSWER } from '@/api/problem'
import { useSessionStore, type Session } from '@/api/session'
import { useSiteStore } from '@/api/site'
import type { Booking, Me, Site } from '@/api/types'
import en from '@/i18n/en'
import th from '@/i18n/th'
import BookingsPage from './BookingsPage.vue'

vi.mock('@/api/client')
const answer = vi.mocked(ask)
const away = new ApiProblem(NO_ANSWER)
const booking = {
  id: 'b', code: 'KWX7', status: 'CONFIRMED', movie_title: 'Neon Orchid', hall_name: 'Hall 1', hall_name_th: 'โรง 1', start_time: '2026-11-23T12:30:00Z', seats: [], total: { amount: 20_000, currency: 'THB' },
} as unknown as Booking

beforeEach(() => void vi.resetAllMocks())

async function open(session: Session = { kind: 'signed_in', me: {} as Me }, locale: 'en' | 'th' = 'en') {
  const pinia = createPinia()
  setActivePinia(pinia)
  useSiteStore().state = { kind: 'ready', site: { time_zone: 'Asia/Bangkok' } as Site }
  useSessionStore().session = session
  const router = createRouter({ history: createMemoryHistory(), routes: [{ path: '/:path(.*)*', component: BookingsPage }] })
  const i18n = createI18n({ legacy: false, locale, messages: { en, th } })
  const page = mount(BookingsPage, { global: { plugins: [pinia, PiniaColada, router, i18n] } })
  await flushPromises()
  return { page, askAgain: () => useQueryCache(pinia).invalidateQueries({ key: ['bookings'] }).catch(() => undefined).then(flushPromises) }
}

it('the bookings page keeps the loaded tickets when reloading fails, and shows a notice', async () => {
  answer.mockResolvedValueOnce({ items: [booking], next_cursor: null }).mockRejectedValueOnce(away)
  const { page, askAgain } = await open()
  expect(page.find('[data-testid="stale"]').exists()).toBe(false)
  await askAgain()
  expect(page.text()).toContain('KWX7')
  expect(page.get('[data-testid="stale"]').text()).toContain(en.problem.no_answer)
})

it('the bookings page shows the error when no tickets were loaded', async () => {
  answer.mockRejectedValueOnce(away)
  const { page } = await open()
  expect(page.get('[role="alert"]').text()).toContain(en.problem.no_answer)
})

it('the bookings page asks for no tickets as a guest, whose call would be refused', async () => {
  await open({ kind: 'guest' })
  expect(answer).not.toHaveBeenCalled()
})

it.each([['th', 'โรง 1', 'Hall 1'], ['en', 'Hall 1', 'โรง 1']] as const)('the bookings page names the hall in the language of the page (%s)', async (locale, shown, other) => {
  answer.mockResolvedValueOnce({ items: [booking], next_cursor: null })
  const { page } = await open(undefined, locale)
  expect(page.text()).toContain(shown)
  expect(page.text()).not.toContain(other)
})

it.each([['en', 'Free'], ['th', 'ฟรี']] as const)('the bookings page says that a booking of 0 was free (%s)', async (locale, word) => {
  answer.mockResolvedValueOnce({ items: [{ ...booking, total: { amount: 0, currency: 'THB' } }], next_cursor: null })
  const { page } = await open(undefined, locale)
  expect(page.text()).toContain(`· ${word}`)
  expect(page.text()).not.toContain('฿0')
})
