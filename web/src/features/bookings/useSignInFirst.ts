import { watch, type Ref } from 'vue'
import { useRoute, useRouter } from 'vue-router'
import { isProblem } from '@/api/problem'

/** A page that is somebody's own: whoever is not signed in goes there first and comes back. */
export function useSignInFirst(error: Ref<unknown>) {
  const route = useRoute()
  const router = useRouter()
  watch(error, (problem) => {
    if (isProblem(problem, 'sign_in_required')) void router.replace({ path: '/sign-in', query: { return_to: route.fullPath } })
  }, { immediate: true })
}
