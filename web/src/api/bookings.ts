import { useInfiniteQuery, useQuery } from '@pinia/colada'
import { api, ask } from './client'

export function useBooking(id: () => string) {
  return useQuery({
    key: () => ['bookings', id()],
    query: () => ask(api.GET('/api/bookings/{id}', { params: { path: { id: id() } } })),
  })
}

/** The person's own bookings, newest first, page by page. */
export function useMyBookings() {
  return useInfiniteQuery({
    key: ['bookings'],
    query: ({ pageParam }) => ask(api.GET('/api/bookings', { params: { query: pageParam ? { cursor: pageParam } : {} } })),
    initialPageParam: '',
    getNextPageParam: (last) => last.next_cursor ?? null,
  })
}
