import type { Booking } from '@/api/types'

export const BOOKING_FILTERS = ['movie_id', 'screening_id', 'date', 'show_date', 'q', 'status'] as const
export type BookingFilter = (typeof BOOKING_FILTERS)[number]
/** The filters as query parameters; the server refuses an unknown status from the URL. */
export type BookingFilterValues = Partial<Record<Exclude<BookingFilter, 'status'>, string>> & {
  status?: Booking['status']
  cursor?: string
}
