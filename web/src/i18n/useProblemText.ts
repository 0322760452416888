import { useI18n } from 'vue-i18n'
import { isProblem } from '@/api/problem'

/** The only function that maps the error code of an API problem to a message. */
export function useProblemText() {
  const { t, te } = useI18n()
  return (error: unknown): string => {
    const code = isProblem(error) ? error.code : 'unknown'
    // The code is that of too many requests, but waiting a moment does not help.
    if (isProblem(error, 'rate_limited') && error.problem.holders_max) return t('network_full')
    const facts = { held: (isProblem(error) && error.problem.held_elsewhere) || 0 }
    return te(`problem.${code}`) ? t(`problem.${code}`, facts) : t('problem.unknown')
  }
}
