import { ref } from 'vue'
import { useRouter } from 'vue-router'
import { notify } from '@/lib/notify'
import { cancelPayment, startPayment } from '@/api/payments'
import { isProblem } from '@/api/problem'
import { useSiteStore } from '@/api/site'
import { useProblemText } from '@/i18n/useProblemText'
import type { useHold } from './useHold'

type Hold = Pick<ReturnType<typeof useHold>, 'refresh' | 'lock' | 'tellOtherTabs'>

/** From the seats to the payment page, once however often the button is pressed. */
export function usePayStart(screeningId: string, { refresh, lock, tellOtherTabs }: Hold) {
  const { site } = useSiteStore()
  const router = useRouter()
  const problemText = useProblemText()
  const isStarting = ref(false)

  const paymentPage = (id: string) => ({ path: `/pay/${id}`, query: { screening: screeningId } })

  async function pay(seatIds: readonly string[]): Promise<void> {
    const method = site.payment_methods[0]
    if (isStarting.value || method === undefined) return
    isStarting.value = true
    try {
      const payment = await startPayment(screeningId, method, seatIds)
      tellOtherTabs()
      await router.push(paymentPage(payment.id))
    } catch (error) {
      if (isProblem(error, 'payment_in_progress') && error.problem.payment_id) {
        await router.push(paymentPage(error.problem.payment_id))
        return
      }
      // Whoever is no longer signed in wants the same seats afterwards.
      if (isProblem(error, 'sign_in_required')) return await lock([...seatIds])
      void notify('error', problemText(error))
      await refresh()
    } finally {
      isStarting.value = false
    }
  }

  async function cancel(paymentId: string): Promise<void> {
    try {
      await cancelPayment(paymentId)
      tellOtherTabs()
    } catch (error) {
      void notify('error', problemText(error))
    }
    await refresh()
  }

  return { pay, cancel, isStarting, paymentPage }
}
