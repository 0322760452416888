import { watch } from 'vue'
import { useRoute, useRouter } from 'vue-router'
import { useSessionStore } from '@/api/session'

/** For pages that need a session: redirects a guest, at first or after the session has ended, to the sign-in page and back. */
export function useSignInFirst() {
  const route = useRoute()
  const router = useRouter()
  const session = useSessionStore()
  watch(
    () => session.session.kind,
    (kind) => {
      if (kind === 'guest') void router.replace({ path: '/sign-in', query: { return_to: route.fullPath } })
    },
    { immediate: true },
  )
}
