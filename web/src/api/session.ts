import { useEventListener } from '@vueuse/core'
import { defineStore } from 'pinia'
import { computed, shallowRef } from 'vue'
import { api, ask } from './client'
import { isProblem } from './problem'
import type { Me } from './types'

/** `unknown`: not asked yet, or the `error` with which asking failed; that says nothing about who it is. */
export type Session = { kind: 'unknown'; error: unknown } | { kind: 'guest' } | { kind: 'signed_in'; me: Me }

/** Who is at the screen. The cookie is out of reach of scripts, so the server is asked. */
export const useSessionStore = defineStore('session', () => {
  const session = shallowRef<Session>({ kind: 'unknown', error: null })
  let loading: Promise<Session> | null = null

  async function fetchSession(): Promise<Session> {
    try {
      session.value = { kind: 'signed_in', me: await ask(api.GET('/api/auth/me')) }
    } catch (error) {
      // Anything but a clear "no" leaves the question open: whoever has signed in is not sent there again, and the next who needs to know asks.
      session.value = isProblem(error, 'sign_in_required') ? { kind: 'guest' } : { kind: 'unknown', error }
    }
    return session.value
  }

  /** The known answer, or a new one; callers at the same time share one request. */
  function ensure(): Promise<Session> {
    return session.value.kind === 'unknown' ? askAgain() : Promise.resolve(session.value)
  }

  function askAgain(): Promise<Session> {
    loading ??= fetchSession().finally(() => (loading = null))
    return loading
  }

  /** The server said that the session is over. */
  function ended(): void {
    session.value = { kind: 'guest' }
  }

  // Whatever was asked: the session may have been ended elsewhere, in another tab, or another one begun there.
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
