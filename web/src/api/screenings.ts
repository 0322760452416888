import { useQuery } from '@pinia/colada'
import { api, ask } from './client'
import type { Hold, SeatMap } from './types'

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
  return ask(api.GET('/api/lock', { params: { query: { screening_id: screeningId } } }))
}

export function lockSeats(screeningId: string, seatIds: string[]): Promise<Hold> {
  return ask(api.POST('/api/lock', { body: { screening_id: screeningId, seat_ids: seatIds } }))
}

/** In the address and not in a body: some proxies drop the body of a DELETE. */
export function unlockSeats(screeningId: string, seatIds: string[]): Promise<Hold> {
  return ask(api.DELETE('/api/lock', { params: { query: { screening_id: screeningId, seat_ids: seatIds.join(',') } } }))
}
