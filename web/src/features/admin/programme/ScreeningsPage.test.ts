import { PiniaColada } from '@pinia/colada'
import { flushPromises, mount } from '@vue/test-utils'
import { createPinia, setActivePinia } from 'pinia'
import { beforeEach, expect, it, vi } from 'vitest'
import { createI18n } from 'vue-i18n'
import { createMemoryHistory, createRouter } from 'vue-router'
import { api, ask } from '@/api/client'
import { useSiteStore } from '@/api/site'
import type { Site } from '@/api/types'
import adminEn from '@/i18n/admin.en'
import en from '@/i18n/en'
import ScreeningsPage from './ScreeningsPage.vue'

vi.mock('@/api/client')

const layout = (...cells: string[]) => ({ rows: [{ label: 'A', category: 'standard', cells }] })
const at = (id: string, time: string) => ({ id, movie_id: 'film', hall_id: 'hall', start_time: time, end_time: time, prices: {}, layout: layout('seat'), seats_total: 230, seats_sold: id === 'past' ? 230 : 27, seats_held: id === 'past' ? 0 : 3, movie_title: 'Film', hall_name: 'Hall' })
const LISTS: Record<string, unknown[]> = {
  '/api/admin/screenings': [at('to-come', '2999-01-01T12:00:00Z'), at('past', '2020-01-01T12:00:00Z')],
  '/api/admin/movies': [{ id: 'film', title: 'Film', genres: [] }],
  '/api/admin/halls': [{ id: 'hall', name: 'Hall', layout: layout('seat', 'seat') }],
}

beforeEach(() => {
  vi.mocked(api.GET).mockImplementation(((path: string) => path) as never)
  vi.mocked(ask).mockImplementation(((path: unknown) => Promise.resolve({ items: LISTS[path as string] })) as never)
})

async function open(query = '') {
  const pinia = createPinia()
  setActivePinia(pinia)
  useSiteStore().state = { kind: 'ready', site: { time_zone: 'Asia/Bangkok', currency: 'THB' } as Site }
  const i18n = createI18n({ legacy: false, locale: 'en', messages: { en: { ...en, ...adminEn } } })
  const router = createRouter({ history: createMemoryHistory(), routes: [{ path: '/:path(.*)*', component: ScreeningsPage }] })
  await router.push(`/admin/screenings${query}`)
  const page = mount(ScreeningsPage, { attachTo: document.body, global: { plugins: [pinia, PiniaColada, i18n, router] } })
  await flushPromises()
  return { page, router, shown: () => page.findAll('li[data-testid^="screening-"]').map((row) => row.attributes('data-testid')?.slice('screening-'.length)) }
}

it('the screenings page lists future screenings, and past ones on request', async () => {
  const { page, shown } = await open()
  expect(shown()).toEqual(['to-come'])
  await page.get('[data-testid="shows-past"]').setValue(true)
  await flushPromises()
  expect(shown()).toEqual(['past', 'to-come'])
  page.unmount()
})

it('each showing says how many of its seats are sold and held, and that its layout is older than the hall’s', async () => {
  const { page } = await open()
  const row = page.get('[data-testid="screening-to-come"]')
  const taken = row.get('[data-testid="taken"]')
  expect(taken.get('[aria-hidden]').text()).toBe('27 / 230 sold')
  expect(taken.get('.sr-only').text()).toBe('27 of 230 seats sold')
  expect(taken.text()).toContain('3 held')
  expect(row.text()).toContain(adminEn.admin.screening.old_layout)
  page.unmount()
})

it('showings of an older server, which does not count seats, show the seats of their layout', async () => {
  const list = LISTS['/api/admin/screenings']!
  LISTS['/api/admin/screenings'] = [{ ...at('to-come', '2999-01-01T12:00:00Z'), layout: layout('seat', 'pair', 'blocked'), seats_sold: undefined, seats_total: undefined, seats_held: undefined }]
  const { page } = await open()
  expect(page.get('[data-testid="taken"]').text()).toBe('2 seats')
  expect(page.find('[data-testid="share"]').exists()).toBe(false)
  LISTS['/api/admin/screenings'] = list
  page.unmount()
})

it('the filters of the address apply', async () => {
  const { page, shown } = await open('?from=2020-01-01&to=2020-01-01')
  expect(shown()).toEqual(['past'])
  await page.get('[data-testid="filter-hall"]').setValue('hall')
  await flushPromises()
  expect(shown()).toEqual(['past'])
  page.unmount()
})

it('a link of an earlier version to one day shows that day', async () => {
  const { page, router, shown } = await open('?day=2020-01-01&hall=hall')
  expect(shown()).toEqual(['past'])
  expect(router.currentRoute.value.query).toEqual({ from: '2020-01-01', to: '2020-01-01', hall: 'hall' })
  page.unmount()
})

it('a form with changes asks before a link, another form or the end of the page closes it', async () => {
  const { page, router } = await open()
  const dialog = () => document.querySelector<HTMLElement>('[data-testid="confirm-dialog"]')
  const answer = async (leaves: boolean) => {
    const button = leaves ? dialog() : dialog()?.parentElement?.querySelector<HTMLElement>('button:not([data-testid])')
    button?.click()
    await flushPromises()
  }
  const closing = () => {
    const event = new Event('beforeunload', { cancelable: true })
    window.dispatchEvent(event)
    return event.defaultPrevented
  }
  await page.get('[data-testid="new"]').trigger('click')
  await flushPromises()
  await page.get('[data-testid="price-standard"]').setValue('321')
  expect(closing()).toBe(true)

  void router.push('/admin/halls')
  await flushPromises()
  await answer(false)
  expect(router.currentRoute.value.path).toBe('/admin/screenings')

  await page.get('[data-testid="edit"]').trigger('click')
  await flushPromises()
  await answer(false)
  expect(page.get<HTMLInputElement>('[data-testid="price-standard"]').element.value).toBe('321')

  await page.get('[data-testid="edit"]').trigger('click')
  await flushPromises()
  await answer(true)
  expect(page.text()).toContain(adminEn.admin.screening.edit)
  expect(closing()).toBe(false)
  await router.push('/admin/halls')
  expect(router.currentRoute.value.path).toBe('/admin/halls')
  page.unmount()
})

it('without a film or a hall the page leads to the first one', async () => {
  const halls = LISTS['/api/admin/halls']!
  LISTS['/api/admin/halls'] = []
  const { page } = await open()
  // The texts of the administration are loaded on demand.
  await vi.waitFor(() => expect(page.find('[data-testid="first-hall"]').exists()).toBe(true))
  expect(page.find('[data-testid="first-hall"]').attributes('href')).toBe('/admin/halls?new=1')
  expect(page.find('[data-testid="new"]').exists()).toBe(false)
  LISTS['/api/admin/halls'] = halls
  page.unmount()
})
