import { useQuery } from '@pinia/colada'
import { useIntervalFn } from '@vueuse/core'
import { api, ask } from './client'
import type { Movie } from './types'

/** The number of available seats changes constantly; a visible page reloads it at this interval. */
const RENEW_MS = 60_000

/** Refetches the query periodically while the page is visible. */
function useRenewal<T extends { refetch: () => Promise<unknown> }>(query: T): T {
  useIntervalFn(() => {
    // A rejected refetch needs no handler here: the page shows the error from the state of the query.
    if (!document.hidden) void query.refetch()
  }, RENEW_MS)
  return query
}

/** The largest page size that the server accepts; a cinema has fewer films, so one request loads all. */
const LIST_LIMIT = 200

export function useMovies() {
  return useRenewal(
    useQuery({
      key: ['movies'],
      query: async (): Promise<Movie[]> => (await ask(api.GET('/api/movies', { params: { query: { limit: LIST_LIMIT } } }))).items,
    }),
  )
}

/** A film with its screenings, refetched periodically. */
export function useMovieShowings(id: () => string) {
  return useRenewal(useMovie(id))
}

export function useMovie(id: () => string | undefined) {
  return useQuery({
    key: () => ['movies', id() ?? ''],
    query: () => ask(api.GET('/api/movies/{id}', { params: { path: { id: id() ?? '' } } })),
    enabled: () => id() !== undefined,
  })
}
