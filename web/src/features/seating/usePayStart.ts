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

/** Starts the payment and opens its page, once however often the button is pressed. */
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
      // The person agrees to the terms that the button shows: the server refuses if they differ.
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
    // The session has ended: the lock call leads to the sign-in and requests the same seats afterwards.
    if (isProblem(error, 'sign_in_required')) return lock(seatIds)
    if (isProblem(error, 'screening_changed', 'price_changed', 'screening_cancelled')) learn(error)
    // A change of terms has its own question beside the button; other errors are shown as a toast.
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
