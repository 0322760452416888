import { createIntent } from '@/lib/idempotency'
import { api, ask, askWithStatus } from './client'
import { ApiProblem } from './problem'
import type { Payment, StartPaymentRequest } from './types'

const start = createIntent()
const confirm = createIntent()

/** Retries of one operation (`about`) reuse its idempotency key until the server has given a definite answer. */
async function once<T>(intent: typeof start, about: string, call: (key: string) => Promise<T>): Promise<T> {
  try {
    const answer = await call(intent.keyFor(about))
    intent.settle()
    return answer
  } catch (error) {
    if (error instanceof ApiProblem && error.isDefinite && error.code !== 'in_progress') intent.settle()
    throw error
  }
}

/** `wish` becomes part of what the idempotency key stands for: the same body with another `wish` starts another payment. */
export function startPayment(body: StartPaymentRequest, wish: readonly string[]): Promise<Payment> {
  // The generated type allows one literal currency; the page has the currency as a string from the server.
  const sent = body as StartPaymentRequest & { total: Payment['amount'] }
  return once(start, [JSON.stringify(body), ...wish].join(' '), (key) =>
    ask(api.POST('/api/payments', { params: { header: { 'Idempotency-Key': key } }, body: sent })),
  )
}

export function getPayment(id: string): Promise<Payment> {
  return ask(api.GET('/api/payments/{id}', { params: { path: { id } } }))
}

export type Outcome = 'success' | 'decline'

/** A 202 means that the outcome is not known yet; the payment is then `CONFIRMING`. */
export async function confirmPayment(id: string, outcome: Outcome): Promise<Payment> {
  const { data } = await once(confirm, `${id} ${outcome}`, (key) =>
    askWithStatus(
      api.POST('/api/payments/{id}/confirm', {
        params: { path: { id }, header: { 'Idempotency-Key': key } },
        body: { outcome },
      }),
    ),
  )
  return data.payment
}

export function cancelPayment(id: string): Promise<Payment> {
  return ask(api.POST('/api/payments/{id}/cancel', { params: { path: { id } } }))
}
