import { useI18n } from 'vue-i18n'
import type { components } from '@/api/schema'
import type { ApiProblem } from '@/api/problem'
import { MINOR_PER_MAJOR } from '@/lib/money'

type FieldProblem = components['schemas']['FieldProblem']

/** Validation errors of the API in the page's language: the server names the broken rule, and the page has its sentence. */
export function useFieldErrors() {
  const { t, te, locale } = useI18n()

  function whyOf({ rule, params }: FieldProblem): string {
    const shown = Object.entries(params as Record<string, unknown>).map(([name, value]) => {
      const number = rule === 'price' && typeof value === 'number' ? value / MINOR_PER_MAJOR : value
      return [name, typeof number === 'number' ? new Intl.NumberFormat(locale.value).format(number) : number]
    })
    // A newer server may know a rule that this page does not.
    return te(`rule.${rule}`) ? t(`rule.${rule}`, Object.fromEntries(shown)) : t('rule.type')
  }

  /** The errors of a problem by the path of their field; of several errors of one field, the first. */
  function textsOf(problem: ApiProblem): Record<string, string> {
    const errors = problem.problem.errors ?? []
    return Object.fromEntries(errors.map((error) => [error.field, whyOf(error)]).reverse())
  }

  /** The name of a field for people: `layout.rows[2].label` is "Row 3, letter". */
  function nameOf(field: string): string {
    const price = /^prices\.(.+)$/.exec(field)?.[1]
    if (price !== undefined) return t('field.price', { name: te(`category.${price}`) ? t(`category.${price}`) : price })
    const key = /(\w+)(?:\[\d+\])?$/.exec(field)?.[1] ?? field
    const index = /\[(\d+)\]/.exec(field)?.[1]
    if (index === undefined && te(`field.${key}_all`)) return t(`field.${key}_all`)
    return te(`field.${key}`) ? t(`field.${key}`, { n: Number(index ?? 0) + 1 }) : field
  }

  return { textsOf, nameOf }
}
