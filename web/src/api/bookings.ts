import { useInfiniteQuery, useQuery } from '@pinia/colada'
import { api, ask } from './client'
import { useSessionStore } from './session'

/** Returns whether to request bookings: not for a guest, and not while the session loads, unless that failed. */
function useMayAsk() {
  const store = useSessionStore()
  return () => {
    const { session } = store
    return session.kind === 'signed_in' || (session.kind === 'unknown' && session.error !== null)
  }
}

export function useBooking(id: () => string) {
  return useQuery({
    key: () => ['bookings', id()],
    enabled: useMayAsk(),
    query: () => ask(api.GET('/api/bookings/{id}', { params: { path: { id: id() } } })),
  })
}

/** The signed-in person's bookings, newest first, loaded page by page. */
export function useMyBookings() {
  return useInfiniteQuery({
    key: ['bookings'],
    enabled: useMayAsk(),
    query: ({ pageParam }) => ask(api.GET('/api/bookings', { params: { query: pageParam ? { cursor: pageParam } : {} } })),
    initialPageParam: '',
    getNextPageParam: (last) => last.next_cursor ?? null,
  })
}
