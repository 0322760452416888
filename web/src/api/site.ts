import { defineStore } from 'pinia'
import { computed, shallowRef } from 'vue'
import { api, ask } from './client'
import type { Site } from './types'

type SiteState = { kind: 'loading' } | { kind: 'ready'; site: Site } | { kind: 'failed'; error: unknown }

/** The cinema's settings, loaded once before any page is shown, because every displayed time needs the time zone. */
export const useSiteStore = defineStore('site', () => {
  const state = shallowRef<SiteState>({ kind: 'loading' })

  async function load(): Promise<void> {
    state.value = { kind: 'loading' }
    try {
      const site = await ask(api.GET('/api/site'))
      state.value = { kind: 'ready', site }
    } catch (error) {
      state.value = { kind: 'failed', error }
    }
  }

  const site = computed<Site>(() => {
    if (state.value.kind !== 'ready') throw new Error('the page was shown before the site was known')
    return state.value.site
  })

  return { state, load, site }
})
