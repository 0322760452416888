import { useTimeoutPoll } from '@vueuse/core'
import { computed, onMounted, ref, shallowRef, watch } from 'vue'
import { loadRouteLocation, useRoute, useRouter } from 'vue-router'
import { notify } from '@/lib/notify'
import { cancelPayment, confirmPayment, getPayment, startPayment, type Outcome } from '@/api/payments'
import { isProblem } from '@/api/problem'
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

/** What a button has started and has no answer yet. */
export type Doing = 'none' | Outcome | 'cancel' | 'switch'

/** A frame tells at once when the status changes; without one (no connection, or no longer signed in there) it is asked for. */
const POLL_CONFIRMING_MS = 1_000
const POLL_PENDING_MS = 4_000

/** The seats are still held, until the same time: a payment that failed lets none go. */
const HOLDING: readonly Payment['status'][] = ['PENDING', 'DECLINED', 'CANCELLED']

export function usePayment(id: string) {
  const route = useRoute()
  const router = useRouter()
  const problemText = useProblemText()
  const now = useServerNow()
  useSignInFirst()
  const state = shallowRef<PaymentState>({ kind: 'loading' })
  const doing = ref<Doing>('none')
  const payment = computed(() => (state.value.kind === 'known' ? state.value.payment : null))

  /** The showing is not part of every answer; the address keeps it over a reload. */
  const screeningId = computed(() => {
    const fromAddress = route.query.screening
    return payment.value?.screening_id ?? (typeof fromAddress === 'string' ? fromAddress : undefined)
  })

  const terms = usePaymentTerms({
    payment,
    screeningId,
    // While a button is being answered its answer says more.
    onPayment: (paymentId, status) => void (paymentId === id && status !== payment.value?.status && doing.value === 'none' && load()),
  })

  async function load(): Promise<void> {
    try {
      state.value = { kind: 'known', payment: await getPayment(id) }
    } catch (error) {
      if (isProblem(error, 'payment_not_found', 'not_found')) state.value = { kind: 'missing' }
      // A payment that is known stays on the page while the network is away.
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
      // What fails is told by the router, and the notice has a link.
      router.replace(ticketPage(known.booking_id)).catch(() => undefined)
    }
  })

  const remainingMs = computed(() =>
    payment.value && HOLDING.includes(payment.value.status) ? Math.max(0, Date.parse(payment.value.expires_at) - now.value) : null,
  )
  /** A declined payment whose seats have run out offers what an expired one does. */
  const status = computed(() => {
    const known = payment.value?.status
    return remainingMs.value === 0 && known !== 'PENDING' ? 'EXPIRED' : known
  })
  watch(remainingMs, (left, before) => {
    // The server decides whether it was in time.
    if (left === 0 && before !== 0) void load()
  })

  /** One thing at a time: a second press while the first is under way does nothing. */
  async function act(what: Exclude<Doing, 'none'>, work: () => Promise<void>): Promise<void> {
    if (doing.value !== 'none') return
    doing.value = what
    try {
      await work()
    } catch (error) {
      if (isProblem(error, 'screening_changed', 'price_changed', 'screening_cancelled')) terms.learn(error)
      // A decline is a state of the payment and is shown as such; everything else is said at once.
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

  /** The time is up: the seat page takes the same seats as if they had been chosen there, and says which are gone. */
  const holdAgain = () => {
    const seats = payment.value?.seat_ids.join(',')
    return screeningId.value ? router.push({ path: `/screenings/${screeningId.value}`, query: { seats } }) : backToSeats()
  }

  const cancel = () =>
    act('cancel', async () => {
      if (payment.value?.status === 'PENDING') await cancelPayment(id)
      await backToSeats()
    })

  /** Another method, or another try, is another payment of the same seats; they keep the time they have. */
  const startAgain = (method: PaymentMethod) =>
    act('switch', async () => {
      const old = payment.value
      const [screening, total] = [terms.screening.value, terms.total.value]
      // What has changed is asked about first.
      if (old === null || screening === undefined || total === null || terms.change.value !== null) return
      if (old.status === 'PENDING') await cancelPayment(id)
      const next = await startPayment({ screening_id: screening.id, method, revision: screening.revision, total }, [id, ...old.seat_ids])
      await router.replace({ path: `/pay/${next.id}`, query: { screening: screening.id }, state: { switched: true } })
    })

  /** What has changed is all right: the payment goes on, or the next one begins. */
  async function acceptChange(): Promise<void> {
    terms.agree()
    if (payment.value && payment.value.status !== 'PENDING') await startAgain(payment.value.method)
  }

  onMounted(load)
  // Whoever has paid sees the ticket even if the network is away by then.
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
