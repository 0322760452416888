import { useSessionStorage } from '@vueuse/core'
import { computed } from 'vue'
import { useI18n } from 'vue-i18n'
import { useRoute } from 'vue-router'
import { keepsSeats, safeReturnTo } from '@/lib/returnTo'

/** Error codes that say that the sign-in service did not answer: the person was not refused and may retry. */
const UNAVAILABLE = ['temporarily_unavailable', 'server_error', 'try_again']

/** What the sign-in page says and where it leads to. */
export function useSignInPage() {
  const { t, te } = useI18n()
  const route = useRoute()

  /** The path to open after the sign-in, in sessionStorage because a failed sign-in redirects here without `return_to`. */
  const kept = useSessionStorage('return_to', '/')
  if (route.query.error === undefined) kept.value = safeReturnTo(route.query.return_to)
  const returnTo = computed(() => safeReturnTo(route.query.return_to ?? kept.value))

  const failure = computed(() => {
    const code = route.query.error
    if (typeof code !== 'string') return null
    const text = te(`account.error_${code}`) ? t(`account.error_${code}`) : t('account.error_other')
    const isUnavailable = UNAVAILABLE.includes(code)
    // With `try_again` the cinema itself was unavailable, not the sign-in service; the text says so.
    const title = isUnavailable && code !== 'try_again' ? t('account.error_unavailable') : t('account.error')
    return { title, text, isUnavailable }
  })

  return {
    failure,
    returnTo,
    keepsSeats: computed(() => keepsSeats(returnTo.value)),
    loginUrl: computed(() => `/api/auth/google/login?${new URLSearchParams({ return_to: returnTo.value })}`),
  }
}
