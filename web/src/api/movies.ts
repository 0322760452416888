import { useQuery } from '@pinia/colada'
import { useIntervalFn } from '@vueuse/core'
import { api, ask } from './client'
import type { Movie } from './types'

/** How many seats are left changes by the second; a page that stays open and in view asks this often. */
const RENEW_MS = 60_000

/** Asks again by and by while the page is looked at. */
function useRenewal<T extends { refetch: () => Promise<unknown> }>(query: T): T {
  useIntervalFn(() => {
    // A failure is shown by the page, from the query's own state.
    if (!document.hidden) void query.refetch()
  }, RENEW_MS)
  return query
}

/** The longest list the server gives at once; a cinema shows fewer films than that. */
const LIST_LIMIT = 200

export function useMovies() {
  return useRenewal(
    useQuery({
      key: ['movies'],
      query: async (): Promise<Movie[]> => (await ask(api.GET('/api/movies', { params: { query: { limit: LIST_LIMIT } } }))).items,
    }),
  )
}

/** A film with its showings, for the page that lists them. */
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
