import { computed, shallowRef, watch, type Ref } from 'vue'
import type { ApiProblem } from '@/api/problem'
import type { ScreeningDetail } from '@/api/types'
import type { Money } from '@/lib/money'
import type { ScreeningChange } from '@/live/frames'
import { compareTerms, type PricedSeat, type Terms } from './terms'

interface Sources {
  /** The screening as last loaded. */
  loaded: () => ScreeningDetail | undefined
  /** Loads the screening again, because a `screening` frame does not contain all its fields. */
  reload: () => void
  /** The seats that the person holds, wants or pays for. Without any, no change of the terms needs consent. */
  stake: Readonly<Ref<readonly PricedSeat[]>>
}

const NO_PRICES: ReadonlyMap<string, Money> = new Map()

/**
 * The current terms of a screening, and the terms that the person has accepted. While the two differ in a way that affects
 * the person's seats, `change` is set and the page asks for consent.
 */
export function useTerms({ loaded, reload, stake }: Sources) {
  const current = shallowRef<Terms | null>(null)
  const agreed = shallowRef<Terms | null>(null)

  const agree = () => (agreed.value = current.value)
  const change = computed(() => {
    if (current.value === null || agreed.value === null || stake.value.length === 0) return null
    return compareTerms(agreed.value, current.value, stake.value)
  })

  /** Replaces the current terms by this screening, unless its revision is older. */
  function take(next: ScreeningDetail): void {
    const known = current.value
    if (known !== null && next.revision < known.screening.revision) return
    const isNewer = known === null || next.revision !== known.screening.revision
    current.value = { screening: next, prices: isNewer ? NO_PRICES : known.prices }
    agreed.value ??= current.value
  }

  function hear(frame: ScreeningChange): void {
    const known = current.value?.screening
    if (known === undefined || frame.revision <= known.revision) return
    const { revision, start_time, end_time, hall_name, hall_name_th, prices, state } = frame
    // The frame does not contain the end of sales, which keeps its distance to the start of the screening.
    const sales_close_at = new Date(Date.parse(known.sales_close_at) + Date.parse(start_time) - Date.parse(known.start_time)).toISOString()
    take({ ...known, revision, start_time, end_time, hall_name, hall_name_th, prices, state, sales_close_at })
    reload()
  }

  function hearRevision(revision: number): void {
    const known = current.value?.screening
    if (known !== undefined && revision > known.revision) reload()
  }

  /** Applies the current screening and prices that an error response about changed terms contains. */
  function learn({ code, problem }: ApiProblem): void {
    if (problem.screening) take(problem.screening)
    const known = current.value
    if (known === null) return
    if (problem.seats) current.value = { ...known, prices: new Map([...known.prices, ...problem.seats.map(({ id, price }) => [id, price] as const)]) }
    if (code === 'screening_cancelled') current.value = { ...known, screening: { ...known.screening, state: 'CANCELLED' } }
    if (code === 'screening_cancelled' || code === 'price_changed') reload()
  }

  watch(loaded, (next) => next && take(next), { immediate: true, flush: 'sync' })
  watch([current, change, stake], () => change.value === null && agree(), { flush: 'sync' })

  return { current, change, agree, take, hear, hearRevision, learn }
}
