import { watch } from 'vue'
import { useRoute, useRouter } from 'vue-router'
import { useSessionStore } from '@/api/session'

/** A page that is somebody's own: whoever is not signed in, or no longer, goes there first and comes back. */
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
