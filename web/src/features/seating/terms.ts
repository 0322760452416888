import type { ScreeningDetail } from '@/api/types'
import { sumMoney, type Money } from '@/lib/money'

export interface Was<T> {
  was: T
  is: T
}

/** The differences between the terms that a person has accepted and the current ones, as far as they affect the person's seats. */
export interface TermsChange {
  film?: Was<Pick<ScreeningDetail, 'movie_title' | 'movie_title_th'>>
  start?: Was<string>
  hall?: Was<Pick<ScreeningDetail, 'hall_name' | 'hall_name_th'>>
  total?: Was<Money>
}

/** The terms of a sale: the screening, and newer prices of single seats from a later error response of the server. */
export interface Terms {
  screening: ScreeningDetail
  prices: ReadonlyMap<string, Money>
}

export interface PricedSeat {
  id: string
  category: string
}

export function priceOf(screening: ScreeningDetail, category: string): Money {
  return screening.prices[category] ?? screening.price_from ?? { amount: 0, currency: '' }
}

export function totalOf({ screening, prices }: Terms, seats: readonly PricedSeat[]): Money {
  const parts = seats.map(({ id, category }) => prices.get(id) ?? priceOf(screening, category))
  return sumMoney(parts, screening.price_from?.currency ?? 'THB')
}

/** Compares two versions of the terms for these seats. Returns null when no difference affects them. */
export function compareTerms(was: Terms, is: Terms, seats: readonly PricedSeat[]): TermsChange | null {
  const change: TermsChange = {}
  if (was.screening.movie_id !== is.screening.movie_id) change.film = { was: was.screening, is: is.screening }
  // Compared as instants, because the same instant may be written in two forms.
  if (Date.parse(was.screening.start_time) !== Date.parse(is.screening.start_time)) {
    change.start = { was: was.screening.start_time, is: is.screening.start_time }
  }
  if (was.screening.hall_name !== is.screening.hall_name) change.hall = { was: was.screening, is: is.screening }
  const [before, after] = [totalOf(was, seats), totalOf(is, seats)]
  if (before.amount !== after.amount) change.total = { was: before, is: after }
  return Object.keys(change).length > 0 ? change : null
}
