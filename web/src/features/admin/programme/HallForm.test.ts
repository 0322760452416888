import { mount } from '@vue/test-utils'
import { createPinia } from 'pinia'
import { expect, it } from 'vitest'
import { createI18n } from 'vue-i18n'
import type { Hall } from '@/api/types'
import adminEn from '@/i18n/admin.en'
import adminTh from '@/i18n/admin.th'
import en from '@/i18n/en'
import th from '@/i18n/th'
import HallForm from './HallForm.vue'

const HALL: Hall = { id: 'one', name: 'Hall 1', name_th: 'โรง 1', layout: { rows: [{ label: 'A', category: 'standard', cells: ['seat'] }] } }

function edit(hall: Hall | null, errors: Record<string, string> = {}, locale: 'en' | 'th' = 'en') {
  const i18n = createI18n({ legacy: false, locale, messages: { en: { ...en, ...adminEn }, th: { ...th, ...adminTh } } })
  const form = mount(HallForm, { props: { hall, planned: [], errors, busy: false }, global: { plugins: [createPinia(), i18n] } })
  const field = (name: string) => form.get<HTMLInputElement>(`[data-testid="field-${name}"]`)
  const saved = async () => {
    await form.get('form').trigger('submit')
    return form.emitted<[Omit<Hall, 'id'>]>('save')?.at(-1)?.[0]
  }
  return { form, field, saved }
}

it('the form of a hall has its Thai name, and saves a new one without spaces around it', async () => {
  const { field, saved } = edit(HALL)
  expect([field('name').element.value, field('name_th').element.value]).toEqual(['Hall 1', 'โรง 1'])
  expect(field('name_th').attributes('lang')).toBe('th')
  await field('name_th').setValue(' โรงใหญ่ ')
  expect(await saved()).toEqual({ name: 'Hall 1', name_th: 'โรงใหญ่', layout: HALL.layout })
})

it('an empty Thai name is saved as null, which clears it', async () => {
  const { field, saved } = edit(HALL)
  await field('name_th').setValue('  ')
  expect((await saved())?.name_th).toBeNull()
  expect((await edit(null).saved())?.name_th).toBeNull()
})

it('the error of the Thai name stands at its field', () => {
  const { form, field } = edit(HALL, { name_th: '1–200' }, 'th')
  expect([field('name').attributes('aria-invalid'), field('name_th').attributes('aria-invalid')]).toEqual([undefined, 'true'])
  const ids = field('name_th').attributes('aria-describedby')!.split(' ')
  expect(ids.map((id) => form.get(`[id="${id}"]`).text()).join()).toContain('1–200')
  expect(form.text()).toContain(adminTh.admin.hall_form.name_th)
})
