import { ref, type Ref } from 'vue'
import { useRouter } from 'vue-router'
import { notify } from '@/lib/notify'
import { cancelPayment, startPayment } from '@/api/payments'
import { isProblem, type ApiProblem } from '@/api/problem'
import { useSiteStore } from '@/api/site'
import type { ScreeningDetail } from '@/api/types'
import { useProblemText } from '@/i18n/useProblemText'
import type { Money } from '@/lib/money'
import type { SeatView } from '@/lib/seating'
import type { TermsChange } from './terms'

interface Order {
  screening: Readonly<Ref<ScreeningDetail>>
  mine: Readonly<Ref<readonly SeatView[]>>
  total: Readonly<Ref<Money>>
  /** The change of terms that the person has not accepted yet; it blocks payment. */
  change: Readonly<Ref<TermsChange | null>>
  learn: (error: ApiProblem) => void
  refresh: () => Promise<void>
  lock: (seatIds: string[]) => Promise<void>
}

/** Starts a payment for the held seats and opens the payment page. Presses of the button while a start is in flight are ignored. */
export function usePayStart({ screening, mine, total, change, learn, refresh, lock }: Order) {
  const { site } = useSiteStore()
  const router = useRouter()
  const problemText = useProblemText()
  const isStarting = ref(false)

  const paymentPage = (id: string) => ({ path: `/pay/${id}`, query: { screening: screening.value.id } })

  async function pay(): Promise<void> {
    const method = site.payment_methods[0]
    if (isStarting.value || method === undefined || change.value !== null) return
    isStarting.value = true
    const seatIds = mine.value.map((seat) => seat.id)
    try {
      // The request contains the total and the revision that the person sees; the server refuses if the current ones differ.
      const { id, revision } = screening.value
      const payment = await startPayment({ screening_id: id, method, revision, total: total.value }, seatIds)
      await router.push(paymentPage(payment.id))
    } catch (error) {
      await explain(error, seatIds)
    } finally {
      isStarting.value = false
    }
  }

  async function explain(error: unknown, seatIds: string[]): Promise<void> {
    if (isProblem(error, 'payment_in_progress') && error.problem.payment_id) {
      await router.push(paymentPage(error.problem.payment_id))
      return
    }
    // The session has ended. Locking the seats again redirects to the sign-in page and requests the same seats afterwards.
    if (isProblem(error, 'sign_in_required')) return lock(seatIds)
    if (isProblem(error, 'screening_changed', 'price_changed', 'screening_cancelled')) learn(error)
    // A change of terms is shown as a question beside the button, any other error as a toast.
    if (change.value === null) void notify('error', problemText(error))
    await refresh()
  }

  async function cancel(paymentId: string): Promise<void> {
    try {
      await cancelPayment(paymentId)
    } catch (error) {
      void notify('error', problemText(error))
    }
    await refresh()
  }

  return { pay, cancel, isStarting, paymentPage }
}
