import type { Booking } from '@/api/types'

export const BOOKING_FILTERS = ['movie_id', 'screening_id', 'date', 'show_date', 'q', 'status'] as const
export type BookingFilter = (typeof BOOKING_FILTERS)[number]
/** As the server takes them; an unknown status in an address is refused there. */
export type BookingFilterValues = Partial<Record<Exclude<BookingFilter, 'status'>, string>> & {
  status?: Booking['status']
  cursor?: string
}
