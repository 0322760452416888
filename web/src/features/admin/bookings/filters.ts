import type { Booking } from '@/api/types'

export const BOOKING_FILTERS = ['movie_id', 'screening_id', 'date', 'show_date', 'q', 'status'] as const
export type BookingFilter = (typeof BOOKING_FILTERS)[number]
/** The filters of the bookings list as query parameters. The server refuses an unknown `status` that a URL contains. */
export type BookingFilterValues = Partial<Record<Exclude<BookingFilter, 'status'>, string>> & {
  status?: Booking['status']
  cursor?: string
}
