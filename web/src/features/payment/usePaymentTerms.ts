import { computed, effectScope, shallowRef, watch, type Ref } from 'vue'
import { useScreeningDetail } from '@/api/screenings'
import type { Payment } from '@/api/types'
import { totalOf, type TermsChange } from '@/features/seating/terms'
import { useTerms } from '@/features/seating/useTerms'
import type { Money } from '@/lib/money'
import { planLayout } from '@/lib/seating'
import { useLiveSeats } from '@/live/useLiveSeats'

interface Sources {
  payment: Readonly<Ref<Payment | null>>
  screeningId: Readonly<Ref<string | undefined>>
  /** Called when the status of any payment of this person at this screening has changed, on any device. */
  onPayment: (id: string, status: string) => void
}

/** In these states of a payment, a new payment of the same seats can be started. */
const RETRYABLE: readonly Payment['status'][] = ['DECLINED', 'CANCELLED']

/** Tracks the screening of a payment, and how its terms have changed since the person accepted them. */
export function usePaymentTerms({ payment, screeningId, onPayment }: Sources) {
  const { data: loaded, refetch } = useScreeningDetail(() => screeningId.value)
  const stake = computed(() => {
    const layout = loaded.value?.layout
    if (layout === undefined) return []
    const { byId } = planLayout(layout)
    return (payment.value?.seat_ids ?? []).flatMap((id) => byId.get(id) ?? [])
  })
  const terms = useTerms({ loaded: () => loaded.value, reload: () => void refetch(), stake })

  /** The new total that the person has accepted for a retry; null before, when `total` is the amount of this payment. */
  const agreedTotal = shallowRef<Money | null>(null)
  const total = computed(() => agreedTotal.value ?? payment.value?.amount ?? null)

  /** The change that needs consent. A pending payment keeps its amount; a retry pays the current prices, so they count too. */
  const change = computed<TermsChange | null>(() => {
    const [current, paying] = [terms.current.value, payment.value]
    if (current === null || paying === null || total.value === null) return null
    const isOpen = paying.status === 'PENDING'
    if (!isOpen && !RETRYABLE.includes(paying.status)) return null
    const { film, start, hall } = terms.change.value ?? {}
    const costs = totalOf(current, stake.value)
    const isDearer = !isOpen && stake.value.length > 0 && costs.amount !== total.value.amount
    const found = { ...(film && { film }), ...(start && { start }), ...(hall && { hall }), ...(isDearer && { total: { was: total.value, is: costs } }) }
    return Object.keys(found).length > 0 ? found : null
  })

  function agree(): void {
    if (change.value?.total) agreedTotal.value = change.value.total.is
    terms.agree()
  }

  const scope = effectScope()
  const stop = watch(
    screeningId,
    (id) => {
      if (id === undefined) return
      scope.run(() =>
        useLiveSeats(id, {
          onPayment: ({ id: paymentId, status }) => onPayment(paymentId, status),
          onScreening: terms.hear,
          onRevision: terms.hearRevision,
        }),
      )
      queueMicrotask(() => stop())
    },
    { immediate: true },
  )

  return {
    screening: computed(() => terms.current.value?.screening),
    isCancelled: computed(() => terms.current.value?.screening.state === 'CANCELLED'),
    change,
    total,
    agree,
    learn: terms.learn,
  }
}
