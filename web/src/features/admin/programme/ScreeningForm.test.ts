import { mount } from '@vue/test-utils'
import { createPinia, setActivePinia } from 'pinia'
import { expect, it } from 'vitest'
import { createI18n } from 'vue-i18n'
import { useSiteStore } from '@/api/site'
import type { AdminScreening, Hall, Site } from '@/api/types'
import adminEn from '@/i18n/admin.en'
import en from '@/i18n/en'
import ScreeningForm from './ScreeningForm.vue'

const layout = (category: string) => ({ rows: [{ label: 'A', category, cells: ['seat' as const] }] })
const hall = (id: string, category: string) => ({ id, name: id, layout: layout(category) }) as Hall

function edit(screening: Partial<AdminScreening>, halls: Hall[]) {
  setActivePinia(createPinia())
  useSiteStore().state = { kind: 'ready', site: { time_zone: 'Asia/Bangkok', currency: 'THB' } as Site }
  const plugins = [createI18n({ legacy: false, locale: 'en', messages: { en: { ...en, ...adminEn } } })]
  const props = { screening: screening as AdminScreening, movies: [], halls, errors: {}, busy: false }
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
