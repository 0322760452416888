import { useTimeoutPoll } from '@vueuse/core'
import { computed, onMounted, ref, shallowRef, watch } from 'vue'
import { loadRouteLocation, useRoute, useRouter } from 'vue-router'
import { notify } from '@/lib/notify'
import { cancelPayment, confirmPayment, getPayment, startPayment, type Outcome } from '@/api/payments'
import { isProblem } from '@/api/problem'
import { useSiteStore } from '@/api/site'
import type { Payment, PaymentMethod } from '@/api/types'
import { useSignInFirst } from '@/features/account/useSignInFirst'
import { useProblemText } from '@/i18n/useProblemText'
import { useServerNow } from '@/lib/useServerNow'
import { usePaymentTerms } from './usePaymentTerms'

export type PaymentState =
  | { kind: 'loading' }
  | { kind: 'missing' }
  | { kind: 'failed'; error: unknown }
  | { kind: 'known'; payment: Payment }

/** The action whose request is in flight. */
export type Doing = 'none' | Outcome | 'cancel' | 'switch'

/** Poll intervals. Live frames report status changes at once; polling covers a lost WebSocket and an ended session. */
const POLL_CONFIRMING_MS = 1_000
const POLL_PENDING_MS = 4_000

/** In these states the person still holds the seats until `expires_at`: a declined or cancelled payment releases none. */
const HOLDING: readonly Payment['status'][] = ['PENDING', 'DECLINED', 'CANCELLED']

export function usePayment(id: string) {
  const route = useRoute()
  const router = useRouter()
  const problemText = useProblemText()
  const { site } = useSiteStore()
  const now = useServerNow()
  useSignInFirst()
  const state = shallowRef<PaymentState>({ kind: 'loading' })
  const doing = ref<Doing>('none')
  const payment = computed(() => (state.value.kind === 'known' ? state.value.payment : null))

  /** Not every payment response contains the screening id, so the URL preserves it over a reload. */
  const screeningId = computed(() => {
    const fromAddress = route.query.screening
    return payment.value?.screening_id ?? (typeof fromAddress === 'string' ? fromAddress : undefined)
  })

  const terms = usePaymentTerms({
    payment,
    screeningId,
    // A frame is ignored while an action is in flight, because the response to the action contains the new state.
    onPayment: (paymentId, status) => void (paymentId === id && status !== payment.value?.status && doing.value === 'none' && load()),
  })

  async function load(): Promise<void> {
    try {
      state.value = { kind: 'known', payment: await getPayment(id) }
    } catch (error) {
      if (isProblem(error, 'payment_not_found', 'not_found')) state.value = { kind: 'missing' }
      // A loaded payment stays on the page while the network is unavailable.
      else if (state.value.kind !== 'known') state.value = { kind: 'failed', error }
    }
  }

  const ticketPage = (bookingId: string) => `/bookings/${bookingId}?new=1`

  const interval = computed(() => (payment.value?.status === 'CONFIRMING' ? POLL_CONFIRMING_MS : POLL_PENDING_MS))
  const isOpen = computed(() => payment.value?.status === 'PENDING' || payment.value?.status === 'CONFIRMING')
  const poll = useTimeoutPoll(() => (doing.value === 'none' ? load() : Promise.resolve()), interval, { immediate: false })
  watch(isOpen, (open) => (open ? poll.resume() : poll.pause()))

  watch(payment, (known) => {
    if (known?.status === 'SUCCEEDED' && known.booking_id) {
      // `router.onError` reports a failed redirect, and the notice has a link to the ticket.
      router.replace(ticketPage(known.booking_id)).catch(() => undefined)
    }
  })

  const remainingMs = computed(() =>
    payment.value && HOLDING.includes(payment.value.status) ? Math.max(0, Date.parse(payment.value.expires_at) - now.value) : null,
  )
  /** A failed payment is shown as expired once its seats have expired. */
  const status = computed(() => {
    const known = payment.value?.status
    return remainingMs.value === 0 && known !== 'PENDING' ? 'EXPIRED' : known
  })
  watch(remainingMs, (left, before) => {
    // At zero the payment is loaded again: the server decides whether it has expired.
    if (left === 0 && before !== 0) void load()
  })

  /** Runs one action at a time; a second press while one is in flight is ignored. */
  async function act(what: Exclude<Doing, 'none'>, work: () => Promise<void>): Promise<void> {
    if (doing.value !== 'none') return
    doing.value = what
    try {
      await work()
    } catch (error) {
      if (isProblem(error, 'screening_changed', 'price_changed', 'screening_cancelled')) terms.learn(error)
      // A declined payment is shown as a state of the page, any other error as a toast.
      if (!isProblem(error, 'payment_declined')) void notify('error', problemText(error))
      await load()
    } finally {
      doing.value = 'none'
    }
  }

  const confirm = (outcome: Outcome) =>
    act(outcome, async () => {
      state.value = { kind: 'known', payment: await confirmPayment(id, outcome) }
    })

  const backToSeats = () => router.push(screeningId.value ? `/screenings/${screeningId.value}` : '/')

  /** After an expired payment: opens the seat page, which locks the same seats again and names those that are taken. */
  const holdAgain = () => {
    const seats = payment.value?.seat_ids.join(',')
    return screeningId.value ? router.push({ path: `/screenings/${screeningId.value}`, query: { seats } }) : backToSeats()
  }

  const cancel = () =>
    act('cancel', async () => {
      if (payment.value?.status === 'PENDING') await cancelPayment(id)
      await backToSeats()
    })

  /**
   * Replaces this payment by a new one of the same seats, for another method or a retry; the seats' expiry does not change. A free
   * payment had no method, but its seats may cost something by now.
   */
  const startAgain = (wanted: PaymentMethod | null) =>
    act('switch', async () => {
      const method = wanted ?? site.payment_methods[0] ?? null
      const old = payment.value
      const [screening, total] = [terms.screening.value, terms.total.value]
      // The person must accept a change of terms before a new payment is started.
      if (old === null || screening === undefined || total === null || terms.change.value !== null) return
      if (old.status === 'PENDING') await cancelPayment(id)
      const next = await startPayment({ screening_id: screening.id, method, revision: screening.revision, total }, [id, ...old.seat_ids])
      await router.replace({ path: `/pay/${next.id}`, query: { screening: screening.id }, state: { switched: true } })
    })

  /** Accepts the change of terms. If this payment was declined or cancelled, a new one is then started. */
  async function acceptChange(): Promise<void> {
    terms.agree()
    if (payment.value && payment.value.status !== 'PENDING') await startAgain(payment.value.method)
  }

  onMounted(load)
  // Preloads the ticket page, so that it opens after the payment even without a network.
  onMounted(() => loadRouteLocation(router.resolve(ticketPage('new'))).catch(() => undefined))

  return {
    state,
    payment,
    status,
    doing,
    remainingMs,
    screening: terms.screening,
    isCancelled: terms.isCancelled,
    change: terms.change,
    load,
    confirm,
    cancel,
    startAgain,
    acceptChange,
    holdAgain,
    backToSeats,
  }
}
