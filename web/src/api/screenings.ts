import { useQuery } from '@pinia/colada'
import { api, ask, within } from './client'
import type { Hold, SeatMap } from './types'

/** Calls for one's own seats wait for each other, and may be made again: none waits longer than this. */
const fetchSoon = within(10_000)

export function useScreeningDetail(id: () => string | undefined) {
  return useQuery({
    key: () => ['screenings', id() ?? ''],
    query: () => ask(api.GET('/api/screenings/{id}', { params: { path: { id: id() ?? '' } } })),
    enabled: () => id() !== undefined,
  })
}

export function getSeats(id: string): Promise<SeatMap> {
  return ask(api.GET('/api/screenings/{id}/seats', { params: { path: { id } } }))
}

export function getHold(screeningId: string): Promise<Hold> {
  return ask(api.GET('/api/lock', { params: { query: { screening_id: screeningId } }, fetch: fetchSoon }))
}

export function lockSeats(screeningId: string, seatIds: string[]): Promise<Hold> {
  return ask(api.POST('/api/lock', { body: { screening_id: screeningId, seat_ids: seatIds }, fetch: fetchSoon }))
}

/** In the address and not in a body: some proxies drop the body of a DELETE. */
export function unlockSeats(screeningId: string, seatIds: string[]): Promise<Hold> {
  const query = { screening_id: screeningId, seat_ids: seatIds.join(',') }
  return ask(api.DELETE('/api/lock', { params: { query }, fetch: fetchSoon }))
}
