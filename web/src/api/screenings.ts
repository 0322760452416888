import { useQuery } from '@pinia/colada'
import { api, ask, within } from './client'
import type { Hold, LockRequest, ScreeningDetail, SeatMap } from './types'

/**
 * A `fetch` with a shorter timeout for calls about the person's held seats: they run one at a time, so a slow call delays the
 * others, and they are idempotent, so a retry is safe.
 */
const fetchSoon = within(10_000)

export function useScreeningDetail(id: () => string | undefined) {
  return useQuery({
    key: () => ['screenings', id() ?? ''],
    query: () => getScreening(id() ?? ''),
    enabled: () => id() !== undefined,
  })
}

export function getScreening(id: string): Promise<ScreeningDetail> {
  return ask(api.GET('/api/screenings/{id}', { params: { path: { id } } })) as Promise<ScreeningDetail>
}

export function getSeats(id: string): Promise<SeatMap> {
  return ask(api.GET('/api/screenings/{id}/seats', { params: { path: { id } } })) as Promise<SeatMap>
}

export function getHold(screeningId: string): Promise<Hold> {
  return ask(api.GET('/api/lock', { params: { query: { screening_id: screeningId } }, fetch: fetchSoon })) as Promise<Hold>
}

/** `revision` is the revision of the screening that the page shows: the server refuses to lock seats on terms that are outdated. */
export function lockSeats(screeningId: string, seatIds: string[], revision: number): Promise<Hold> {
  const body: LockRequest = { screening_id: screeningId, seat_ids: seatIds, revision }
  return ask(api.POST('/api/lock', { body, fetch: fetchSoon })) as Promise<Hold>
}

/** The seats are sent in the URL, because some proxies drop the body of a DELETE. */
export function unlockSeats(screeningId: string, seatIds: string[]): Promise<Hold> {
  const query = { screening_id: screeningId, seat_ids: seatIds.join(',') }
  return ask(api.DELETE('/api/lock', { params: { query }, fetch: fetchSoon })) as Promise<Hold>
}
