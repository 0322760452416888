import { effectScope, ref } from 'vue'
import { expect, it } from 'vitest'
import { pageTitle, usePageTitle } from './pageTitle'

const open = (title: () => string | undefined) => {
  const scope = effectScope()
  scope.run(() => usePageTitle(title))
  return scope
}

it('the title is that of the innermost component that knows it, and of the next page as soon as that is there', () => {
  expect(pageTitle.value).toBeUndefined()
  const film = ref<string>()
  const page = open(() => film.value)
  expect(pageTitle.value).toBeUndefined()
  film.value = 'Ripples'
  expect(pageTitle.value).toBe('Ripples')
  const next = open(() => 'The Last Ticket')
  page.stop()
  expect(pageTitle.value).toBe('The Last Ticket')
  next.stop()
  expect(pageTitle.value).toBeUndefined()
})
