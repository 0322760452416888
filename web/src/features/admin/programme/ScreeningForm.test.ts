import { mount } from '@vue/test-utils'
import { createPinia, setActivePinia } from 'pinia'
import { expect, it } from 'vitest'
import { createI18n } from 'vue-i18n'
import { useSiteStore } from '@/api/site'
import type { AdminScreening, Hall, Site } from '@/api/types'
import adminEn from '@/i18n/admin.en'
import adminTh from '@/i18n/admin.th'
import en from '@/i18n/en'
import th from '@/i18n/th'
import ScreeningForm from './ScreeningForm.vue'

const layout = (category: string) => ({ rows: [{ label: 'A', category, cells: ['seat' as const] }] })
const hall = (id: string, category: string) => ({ id, name: id, layout: layout(category) }) as Hall

function edit(screening: Partial<AdminScreening> | null, halls: Hall[], screenings: AdminScreening[] = [], language = 'en') {
  setActivePinia(createPinia())
  useSiteStore().state = { kind: 'ready', site: { time_zone: 'Asia/Bangkok', currency: 'THB' } as Site }
  const plugins = [createI18n({ legacy: false, locale: language, messages: { en: { ...en, ...adminEn }, th: { ...th, ...adminTh } } })]
  const props = { screening: screening as AdminScreening | null, movies: [], halls, screenings, errors: {}, busy: false }
  return mount(ScreeningForm, { props, attachTo: document.body, global: { plugins } })
}

it('the form asks for the prices of the screening’s own layout, and of another hall’s layout when that hall is chosen', async () => {
  const screening = { hall_id: 'one', start_time: '2026-11-23T12:30:00Z', layout: layout('standard'), prices: { standard: { amount: 15_000, currency: 'THB' as const } } }
  const form = edit(screening, [hall('one', 'renamed'), hall('two', 'sofa')])
  const asked = () => form.findAll('[data-testid^="price-"]').map((field) => field.attributes('data-testid'))
  expect(asked()).toEqual(['price-standard'])
  expect(form.get<HTMLInputElement>('[data-testid="price-standard"]').element.value).toBe('150')
  await form.get('[data-testid="field-hall_id"]').setValue('two')
  expect(asked()).toEqual(['price-sofa'])
  form.unmount()
})

it('the screening form takes the focus when it is opened', () => {
  const form = edit({ hall_id: 'one', start_time: '2026-11-23T12:30:00Z', layout: layout('standard') }, [])
  expect(document.activeElement?.textContent).toBe(adminEn.admin.screening.edit)
  form.unmount()
})

it('a new showing has the last prices of its hall, and those of the other hall when that is chosen, unless a price was entered', async () => {
  const showing = (hall_id: string, prices: Record<string, number>) =>
    ({ hall_id, start_time: '2026-11-23T12:00:00Z', prices: Object.fromEntries(Object.entries(prices).map(([name, amount]) => [name, { amount, currency: 'THB' }])) }) as AdminScreening
  const twoCategories = (id: string) => ({ ...hall(id, ''), layout: { rows: [...layout('standard').rows, ...layout('sofa').rows] } }) as Hall
  const form = edit(null, [twoCategories('one'), twoCategories('two')], [showing('one', { standard: 220_00, sofa: 500_00 }), showing('two', { standard: 260_50 })])
  const price = (category: string) => form.get<HTMLInputElement>(`[data-testid="price-${category}"]`).element.value
  expect([price('standard'), price('sofa')]).toEqual(['220', '500'])
  await form.get('[data-testid="field-hall_id"]').setValue('two')
  expect([price('standard'), price('sofa')]).toEqual(['260.5', '500'])
  await form.get('[data-testid="price-sofa"]').setValue('555')
  await form.get('[data-testid="field-hall_id"]').setValue('one')
  expect([price('standard'), price('sofa')]).toEqual(['220', '555'])
  form.unmount()
})

it('day and time are shown and read in the cinema’s zone, in Thai with a Buddhist year', async () => {
  const screening = { hall_id: 'one', movie_id: 'film', start_time: '2026-12-24T18:30:00Z', layout: layout('standard'), prices: {} }
  const form = edit(screening, [hall('one', 'standard')], [], 'th')
  const day = form.get<HTMLInputElement>('[data-testid="field-start_day"]')
  const time = form.get<HTMLInputElement>('[data-testid="field-start_time"]')
  expect([day.element.value, time.element.value]).toEqual(['25 ธ.ค. 2569', '01:30'])
  await day.setValue('31/12/2569')
  await day.trigger('change')
  expect(day.element.value).toBe('31 ธ.ค. 2569')
  await time.setValue('19.05')
  await time.trigger('change')
  await form.trigger('submit')
  expect(form.emitted('save')?.[0]).toMatchObject([{ start_time: '2026-12-31T12:05:00Z' }])
  form.unmount()
})

it('a text that is no day or time is named and not saved as the old one', async () => {
  const screening = { hall_id: 'one', start_time: '2026-12-24T18:30:00Z', layout: layout('standard'), prices: {} }
  for (const [field, text] of [['field-start_day', '31/2/2026'], ['field-start_day', ''], ['field-start_time', '25:00']] as const) {
    const form = edit(screening, [hall('one', 'standard')])
    const input = form.get<HTMLInputElement>(`[data-testid="${field}"]`)
    await input.setValue(text)
    await input.trigger('change')
    expect(input.attributes('aria-invalid')).toBe('true')
    await form.trigger('submit')
    expect(form.emitted('save')).toBeUndefined()
    form.unmount()
  }
})
