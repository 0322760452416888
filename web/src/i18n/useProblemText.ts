import { useI18n } from 'vue-i18n'
import { isProblem, type Problem } from '@/api/problem'

const BYTES_PER_KB = 1024
const KB_PER_MB = 1024
const SECONDS_PER_MINUTE = 60

const isGiven = (number: number | null | undefined): number is number => number !== null && number !== undefined

/** The only function that maps the error code of an API problem to a message. */
export function useProblemText() {
  const { t, te, locale } = useI18n()
  const count = (value: number) => new Intl.NumberFormat(locale.value).format(value)
  const measure = (value: number, unit: string) => new Intl.NumberFormat(locale.value, { style: 'unit', unit, unitDisplay: 'long', maximumFractionDigits: 1 }).format(value)
  const time = (seconds: number) => (seconds < SECONDS_PER_MINUTE ? measure(seconds, 'second') : measure(Math.ceil(seconds / SECONDS_PER_MINUTE), 'minute'))
  const size = (bytes: number) => {
    const kilobytes = bytes / BYTES_PER_KB
    return kilobytes < KB_PER_MB ? measure(kilobytes, 'kilobyte') : measure(kilobytes / KB_PER_MB, 'megabyte')
  }

  /** The sentence with numbers of a problem; null when the answer lacks one, such as that of an older server. A number may be 0. */
  function withNumbers(problem: Problem): string | null {
    const { seats_max: seats, held_elsewhere: held, holders_max: holders, wait_s: wait, bytes_max: bytes } = problem
    const showings = problem.screening_ids?.length ?? 0
    switch (problem.code) {
      case 'too_many_seats':
        return isGiven(seats) ? t('problem_numbers.too_many_seats', { max: count(seats) }, seats) : null
      case 'too_many_seats_everywhere':
        if (!isGiven(seats) || !isGiven(held)) return null
        // Nobody can let go of seats or pay for them who holds none elsewhere: the limit alone says why.
        if (held === 0) return t('problem_numbers.too_many_seats', { max: count(seats) }, seats)
        return t('problem_numbers.too_many_seats_everywhere', { max: count(seats), held: count(held) })
      case 'let_go_too_often':
        return isGiven(wait) ? t('problem_numbers.let_go_too_often', { time: time(wait) }) : null
      // The code is that of too many requests, but waiting a moment does not help.
      case 'rate_limited':
        return isGiven(holders) ? t('problem_numbers.rate_limited', { max: count(holders) }, holders) : null
      case 'too_large':
        return isGiven(bytes) ? t('problem_numbers.too_large', { size: size(bytes) }) : null
      case 'hall_busy':
      case 'ambiguous_screening':
        return showings > 1 ? t(`problem_numbers.${problem.code}`, { n: count(showings) }) : null
      default:
        return null
    }
  }

  return (error: unknown): string => {
    if (!isProblem(error)) return t('problem.unknown')
    return withNumbers(error.problem) ?? (te(`problem.${error.code}`) ? t(`problem.${error.code}`) : t('problem.unknown'))
  }
}
