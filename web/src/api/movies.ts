import { useQuery } from '@pinia/colada'
import { api, ask } from './client'
import type { Movie } from './types'

/** The longest list the server gives at once; a cinema shows fewer films than that. */
const LIST_LIMIT = 200

export function useMovies() {
  return useQuery({
    key: ['movies'],
    query: async (): Promise<Movie[]> => (await ask(api.GET('/api/movies', { params: { query: { limit: LIST_LIMIT } } }))).items,
  })
}

export function useMovie(id: () => string | undefined) {
  return useQuery({
    key: () => ['movies', id() ?? ''],
    query: () => ask(api.GET('/api/movies/{id}', { params: { path: { id: id() ?? '' } } })),
    enabled: () => id() !== undefined,
  })
}
