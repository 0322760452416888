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
  /** What has changed and is not agreed to yet; while there is something, nothing is paid. */
  change: Readonly<Ref<TermsChange | null>>
  learn: (error: ApiProblem) => void
  refresh: () => Promise<void>
  lock: (seatIds: string[]) => Promise<void>
}

/** From the seats to the payment page, once however often the button is pressed. */
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
      // What the button says is what is agreed to: on other terms the server refuses.
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
    // Whoever is no longer signed in wants the same seats afterwards.
    if (isProblem(error, 'sign_in_required')) return lock(seatIds)
    if (isProblem(error, 'screening_changed', 'price_changed', 'screening_cancelled')) learn(error)
    // A change is asked about beside the button; what is no question is said in passing.
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
