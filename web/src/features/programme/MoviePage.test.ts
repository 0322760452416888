import { PiniaColada } from '@pinia/colada'
import { flushPromises, mount } from '@vue/test-utils'
import { createPinia, setActivePinia } from 'pinia'
import { beforeEach, expect, it, vi } from 'vitest'
import { createI18n } from 'vue-i18n'
import { createMemoryHistory, createRouter } from 'vue-router'
import { ask } from '@/api/client'
import { ApiProblem, NO_ANSWER } from '@/api/problem'
import { useSiteStore } from '@/api/site'
import type { Site } from '@/api/types'
import en from '@/i18n/en'
import MoviePage from './MoviePage.vue'

vi.mock('@/api/client')
const answer = vi.mocked(ask)

beforeEach(() => void vi.resetAllMocks())

async function open() {
  const pinia = createPinia()
  setActivePinia(pinia)
  useSiteStore().state = { kind: 'ready', site: { time_zone: 'Asia/Bangkok' } as Site }
  const router = createRouter({ history: createMemoryHistory(), routes: [{ path: '/:path(.*)*', component: MoviePage }] })
  const i18n = createI18n({ legacy: false, locale: 'en', messages: { en } })
  const page = mount(MoviePage, { props: { id: 'x' }, global: { plugins: [pinia, PiniaColada, router, i18n] } })
  await flushPromises()
  return page.get('[role="alert"]')
}

it('the page of an unknown film says that it does not exist, and offers no retry', async () => {
  answer.mockRejectedValueOnce(new ApiProblem({ ...NO_ANSWER, status: 404, code: 'movie_not_found' }))
  const alert = await open()
  expect(alert.text()).toContain(en.movies.not_found)
  expect(alert.find('button').exists()).toBe(false)
})

it('the page of a film offers a retry when the server does not answer', async () => {
  answer.mockRejectedValueOnce(new ApiProblem(NO_ANSWER))
  const alert = await open()
  expect(alert.text()).toContain(en.problem.no_answer)
  expect(alert.find('button').exists()).toBe(true)
})
