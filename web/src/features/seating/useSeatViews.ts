import { computed, type Ref } from 'vue'
import { useI18n } from 'vue-i18n'
import type { ScreeningDetail, SeatMap } from '@/api/types'
import { useFormat } from '@/i18n/useFormat'
import { formatAmount, type Money } from '@/lib/money'
import { planLayout, type SeatState, type SeatView } from '@/lib/seating'
import type { SeatChange } from '@/live/frames'
import type { LiveMap } from '@/live/liveMap'
import type { Standing } from './holdSteps'
import { priceOf } from './terms'

interface Sources {
  screening: Readonly<Ref<ScreeningDetail>>
  /** Prices of single seats, newer than those of the screening, from a later error response of the server. */
  prices?: Readonly<Ref<ReadonlyMap<string, Money>>>
  liveMap: Readonly<Ref<LiveMap>>
  /** The seat map as loaded by GET, used for the seats that are not for sale. */
  loaded: Readonly<Ref<SeatMap | null>>
  standing: (id: string, live: SeatChange | undefined) => Standing
}

/** Combines the hall, the live state and this person's hold into seat views and their labels. */
export function useSeatViews({ screening, prices, liveMap, loaded, standing }: Sources) {
  const { t, locale } = useI18n()
  const format = useFormat()
  const layout = computed(() => screening.value.layout)
  const plan = computed(() => planLayout(layout.value))
  const notForSale = computed(
    () => new Set((loaded.value?.seats ?? []).filter((seat) => seat.status === 'UNAVAILABLE').map((seat) => seat.id)),
  )

  const seats = computed(() => {
    const live = liveMap.value.kind === 'synced' ? liveMap.value.seats : null
    const views = new Map<string, SeatView>()
    for (const seat of plan.value.byId.values()) {
      const change = live?.get(seat.id)
      const own = standing(seat.id, change)
      let state: SeatState = own.state
      if (seat.kind === 'blocked' || notForSale.value.has(seat.id) || change?.status === 'UNAVAILABLE') state = 'unavailable'
      else if (change?.status === 'BOOKED') state = 'booked'
      const price = prices?.value.get(seat.id) ?? priceOf(screening.value, seat.category)
      views.set(seat.id, { ...seat, price, state, pending: own.pending, until: change?.until ?? null })
    }
    return views
  })

  function stateText(seat: SeatView): string {
    if (seat.pending) return t('seats.state.pending')
    if (seat.state === 'locked' && seat.until) return t('seats.state.locked_until', { time: format.time(seat.until) })
    return t(`seats.state.${seat.state}`)
  }

  function label(seat: SeatView): string {
    return t('seats.name', {
      row: seat.row,
      number: seat.number,
      kind: t(`seats.kind.${seat.kind}`),
      price: formatAmount(seat.price, locale.value),
      state: stateText(seat),
    })
  }

  const labels = computed(() => new Map([...seats.value.values()].map((seat) => [seat.id, label(seat)])))
  const list = computed(() => [...seats.value.values()])
  return { plan, seats, list, labels, stateText }
}
