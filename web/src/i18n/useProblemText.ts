import { useI18n } from 'vue-i18n'
import { isProblem } from '@/api/problem'

/** The only function that maps the error code of an API problem to a message. */
export function useProblemText() {
  const { t, te } = useI18n()
  return (error: unknown): string => {
    const code = isProblem(error) ? error.code : 'unknown'
    return te(`problem.${code}`) ? t(`problem.${code}`) : t('problem.unknown')
  }
}
