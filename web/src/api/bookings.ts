import { useInfiniteQuery, useQuery } from '@pinia/colada'
import { api, ask } from './client'

export function useBooking(id: () => string) {
  return useQuery({
    key: () => ['bookings', id()],
    query: () => ask(api.GET('/api/bookings/{id}', { params: { path: { id: id() } } })),
  })
}

/** Mine, newest first, a page at a time. */
export function useMyBookings() {
  return useInfiniteQuery({
    key: ['bookings'],
    query: ({ pageParam }) => ask(api.GET('/api/bookings', { params: { query: pageParam ? { cursor: pageParam } : {} } })),
    initialPageParam: '',
    getNextPageParam: (last) => last.next_cursor ?? null,
  })
}
