import { useEventListener } from '@vueuse/core'
import { defineStore } from 'pinia'
import { computed, shallowRef } from 'vue'
import { api, ask } from './client'
import type { Me } from './types'

/** `unknown`: not loaded yet, or loading failed with `error`; the person may be signed in or not. */
export type Session = { kind: 'unknown'; error: unknown } | { kind: 'guest' } | { kind: 'signed_in'; me: Me }

/** Who is signed in. Scripts cannot read the session cookie (HttpOnly), so the page asks the server. */
export const useSessionStore = defineStore('session', () => {
  const session = shallowRef<Session>({ kind: 'unknown', error: null })
  let loading: Promise<Session> | null = null

  async function fetchSession(): Promise<Session> {
    try {
      const { person } = await ask(api.GET('/api/auth/session'))
      session.value = person === null ? { kind: 'guest' } : { kind: 'signed_in', me: person }
    } catch (error) {
      // An error leaves the session unknown, so that a signed-in person is not asked to sign in; the next `ensure` retries.
      session.value = { kind: 'unknown', error }
    }
    return session.value
  }

  /** Returns the known session, or loads it; concurrent callers share one request. */
  function ensure(): Promise<Session> {
    return session.value.kind === 'unknown' ? askAgain() : Promise.resolve(session.value)
  }

  function askAgain(): Promise<Session> {
    loading ??= fetchSession().finally(() => (loading = null))
    return loading
  }

  /** Treats the person as a guest from now on, after a sign-out or when the server has ended the session. */
  function ended(): void {
    session.value = { kind: 'guest' }
  }

  // Another tab may have signed out or signed in as another person, so any 401 response reloads the session.
  api.use({
    onResponse({ response }) {
      if (response.status === 401 && session.value.kind === 'signed_in') void askAgain()
    },
  })
  useEventListener(window, 'focus', () => {
    if (session.value.kind === 'guest') void askAgain()
  })

  async function signOut(): Promise<void> {
    await ask(api.POST('/api/auth/logout'))
    ended()
  }

  async function setLanguage(language: Me['language']): Promise<void> {
    if (session.value.kind !== 'signed_in') return
    session.value = { kind: 'signed_in', me: await ask(api.PATCH('/api/auth/me', { body: { language } })) }
  }

  return {
    session,
    me: computed(() => (session.value.kind === 'signed_in' ? session.value.me : null)),
    isAdmin: computed(() => session.value.kind === 'signed_in' && session.value.me.role === 'ADMIN'),
    ensure,
    ended,
    signOut,
    setLanguage,
  }
})
