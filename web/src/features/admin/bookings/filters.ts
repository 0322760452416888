export const BOOKING_FILTERS = ['movie_id', 'screening_id', 'date', 'show_date', 'q', 'status'] as const
export type BookingFilter = (typeof BOOKING_FILTERS)[number]
export type BookingFilterValues = Partial<Record<BookingFilter, string>> & { cursor?: string }
