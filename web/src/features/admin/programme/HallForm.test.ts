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

async function withCategory(locale: 'en' | 'th', categories: string[], typed: string) {
  const rows = categories.map((category, index) => ({ label: 'AB'[index]!, category, cells: ['seat' as const] }))
  const { form, saved } = edit({ ...HALL, layout: { rows } }, {}, locale)
  await form.findAll<HTMLInputElement>('input[list="categories"]').at(-1)!.setValue(typed)
  await form.findAll<HTMLInputElement>('input[list="categories"]').at(-1)!.trigger('change')
  const options = form.findAll('datalist option').map((option) => option.attributes('value'))
  return { categories: (await saved())!.layout.rows.map(({ category }) => category), options }
}

it.each([
  ['th', ['standard', 'sofa'], ' ธรรมดา ', ['standard', 'standard']],
  ['en', ['standard', 'sofa'], 'PREMIUM', ['standard', 'premium']],
  ['en', ['standard', 'sofa'], 'Balcony', ['standard', 'Balcony']],
  ['en', ['Balcony', 'sofa'], 'balcony', ['Balcony', 'Balcony']],
  ['en', ['premium', 'sofa'], ' ', ['premium', 'standard']],
  // A category that was entered by the Thai name of a known one stays one category.
  ['th', ['ธรรมดา', 'sofa'], 'ธรรมดา', ['ธรรมดา', 'ธรรมดา']],
] as const)('a row gets the category of the typed name, of the hall’s own ones first (%s, %j, %j)', async (locale, before, typed, after) => {
  expect((await withCategory(locale, [...before], typed)).categories).toEqual(after)
})

it('each name of a category is offered once', async () => {
  const { options } = await withCategory('th', ['ธรรมดา', 'VIP'], 'VIP')
  expect(options).toEqual(['ธรรมดา', 'VIP', 'พรีเมียม', 'โซฟา'])
})

it.each([
  ['en', ['S', 'P', 'W', 'C', '×', '']],
  ['th', ['ด', 'ซ', 'ร', 'ต', '×', '']],
] as const)('each kind of place has a letter of the page’s language, and its tool has the same (%s)', (locale, letters) => {
  const cells = ['seat', 'pair', 'wheelchair', 'companion', 'blocked', null] as const
  const { form } = edit({ ...HALL, layout: { rows: [{ label: 'A', category: 'standard', cells: [...cells] }] } }, {}, locale)
  expect(form.findAll('[data-testid^="cell-A-"]').map((cell) => cell.text())).toEqual(letters)
  expect(cells.map((kind) => form.find(`[data-testid="tool-${kind ?? 'gap'}"] [aria-hidden]`)).map((letter) => (letter.exists() ? letter.text() : ''))).toEqual(letters)
})
