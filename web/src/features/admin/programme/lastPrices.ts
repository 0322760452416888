import type { AdminScreening } from '@/api/types'
import type { Money } from '@/lib/money'

/** A price of an earlier showing, and whether that showing is in the same hall. */
export interface LastPrice {
  price: Money
  isSameHall: boolean
}

/**
 * Returns for each category the price of the newest showing in the hall that has one, else of the newest showing in any
 * hall. A category that no showing has ever had is absent.
 */
export function lastPrices(screenings: readonly AdminScreening[], hallId: string, categories: readonly string[]): Map<string, LastPrice> {
  const newestFirst = [...screenings].sort((a, b) => Date.parse(b.start_time) - Date.parse(a.start_time))
  const found = new Map<string, LastPrice>()
  for (const category of categories) {
    const has = ({ prices }: AdminScreening) => prices[category] !== undefined
    const here = newestFirst.find((screening) => screening.hall_id === hallId && has(screening))
    const source = here ?? newestFirst.find(has)
    if (source !== undefined) found.set(category, { price: source.prices[category]!, isSameHall: here !== undefined })
  }
  return found
}
