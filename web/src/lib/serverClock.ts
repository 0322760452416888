/**
 * The offset between the server's clock and this device's, estimated from `Date` headers. A header is truncated to the
 * second, so each response gives a range. Ranges are intersected; an empty intersection (a clock was set) starts a new estimate.
 */
const HEADER_RESOLUTION_MS = 1000

export interface ServerClock {
  observe(dateHeader: string | null, sentAt: number, receivedAt: number): void
  /** The server's time in ms. */
  now(): number
}

export function createServerClock(deviceNow: () => number = () => Date.now()): ServerClock {
  let low = Number.NEGATIVE_INFINITY
  let high = Number.POSITIVE_INFINITY

  return {
    observe(dateHeader, sentAt, receivedAt) {
      const stated = dateHeader === null ? Number.NaN : Date.parse(dateHeader)
      if (Number.isNaN(stated)) return
      const newLow = stated - receivedAt
      const newHigh = stated + HEADER_RESOLUTION_MS - sentAt
      const contradicts = newLow > high || newHigh < low
      low = contradicts ? newLow : Math.max(low, newLow)
      high = contradicts ? newHigh : Math.min(high, newHigh)
    },
    now() {
      return deviceNow() + (Number.isFinite(low) ? (low + high) / 2 : 0)
    },
  }
}

/** The shared instance: every API response updates it, and every countdown reads it. */
export const serverClock = createServerClock()
