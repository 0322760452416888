import { useInfiniteQuery, useQuery } from '@pinia/colada'
import { api, ask } from './client'

export function useBooking(id: () => string) {
  return useQuery({
    key: () => ['bookings', id()],
    query: () => ask(api.GET('/api/bookings/{id}', { params: { path: { id: id() } } })),
  })
}

/** The signed-in person's bookings, newest first, loaded page by page. */
export function useMyBookings() {
  return useInfiniteQuery({
    key: ['bookings'],
    query: ({ pageParam }) => ask(api.GET('/api/bookings', { params: { query: pageParam ? { cursor: pageParam } : {} } })),
    initialPageParam: '',
    getNextPageParam: (last) => last.next_cursor ?? null,
  })
}
