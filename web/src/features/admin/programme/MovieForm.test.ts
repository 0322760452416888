import { mount } from '@vue/test-utils'
import { createPinia } from 'pinia'
import { nextTick } from 'vue'
import { expect, it } from 'vitest'
import { createI18n } from 'vue-i18n'
import type { AdminMovie, MovieInput } from '@/api/types'
import adminEn from '@/i18n/admin.en'
import adminTh from '@/i18n/admin.th'
import en from '@/i18n/en'
import th from '@/i18n/th'
import FormShell from './FormShell.vue'
import MovieForm from './MovieForm.vue'

function open(locale: 'en' | 'th', genres: string[]) {
  const i18n = createI18n({ legacy: false, locale, messages: { en: { ...en, ...adminEn }, th: { ...th, ...adminTh } } })
  const movie = { id: '1', title: 'Tides', title_th: null, genres, duration_min: 90, rating: null, poster_url: null } as unknown as AdminMovie
  const form = mount(MovieForm, { props: { movie, errors: {}, busy: false }, global: { plugins: [createPinia(), i18n], stubs: { PosterField: true } } })
  const field = form.get<HTMLInputElement>('[data-testid="field-genres"]')
  const draft = () => JSON.stringify(form.getComponent(FormShell).props('draft'))
  const switchTo = async (language: 'en' | 'th') => {
    i18n.global.locale.value = language
    await nextTick()
  }
  const save = async () => {
    await form.find('form').trigger('submit')
    return (form.emitted('save')!.at(-1)![0] as MovieInput).genres
  }
  return { field, save, draft, switchTo }
}

it('genres are written by their names in the page’s language and saved as before', async () => {
  const thai = open('th', ['drama', 'scifi', 'Heimat'])
  expect(thai.field.element.value).toBe('ดราม่า, ไซไฟ, Heimat')
  expect(await thai.save()).toEqual(['drama', 'scifi', 'Heimat'])
  await thai.field.setValue(' ตลก , ไซไฟ,crime, ')
  expect(await thai.save()).toEqual(['comedy', 'scifi', 'crime'])
  const english = open('en', ['drama', 'music'])
  expect(english.field.element.value).toBe('Drama, Music')
  await english.field.setValue('science fiction, WAR, new wave')
  expect(await english.save()).toEqual(['science-fiction', 'war', 'new wave'])
})

it('another language shows the names of the genres in it, and saves the same genres', async () => {
  const { field, save, draft, switchTo } = open('th', ['drama', 'scifi', 'Heimat'])
  const atFirst = draft()
  await switchTo('en')
  expect(field.element.value).toBe('Drama, Science fiction, Heimat')
  expect(draft()).toBe(atFirst)
  expect(await save()).toEqual(['drama', 'scifi', 'Heimat'])
  await field.setValue('War, new wave')
  await switchTo('th')
  expect(field.element.value).toBe('สงคราม, new wave')
  expect(await save()).toEqual(['war', 'new wave'])
})

it('a genre counts as an unsaved change while it is typed, and the text stays as typed', async () => {
  const { field, draft } = open('en', ['drama', 'music'])
  const atFirst = draft()
  await field.setValue('drama,  WAR, ')
  expect(field.element.value).toBe('drama,  WAR, ')
  expect(draft()).not.toBe(atFirst)
  await field.setValue('Drama, Music')
  expect(draft()).toBe(atFirst)
})
