import { useQuery, useQueryCache } from '@pinia/colada'
import { api, ask } from '@/api/client'

/** The largest page size that the server accepts; longer lists are loaded page by page. */
const PAGE_LIMIT = 200
/** The maximum number of pages that one list loads; the administration does not support more items. */
const PAGES_MAX = 50

interface Page<T> {
  items: T[]
  next_cursor?: string | null
}

async function readAll<T>(fetchPage: (query: { limit: number; cursor?: string }) => Promise<Page<T>>): Promise<T[]> {
  const items: T[] = []
  let cursor: string | undefined
  for (let page = 0; page < PAGES_MAX; page++) {
    const answer = await fetchPage(cursor === undefined ? { limit: PAGE_LIMIT } : { limit: PAGE_LIMIT, cursor })
    items.push(...answer.items)
    if (!answer.next_cursor) break
    cursor = answer.next_cursor
  }
  return items
}

export function useAdminMovies() {
  return useQuery({
    key: ['admin', 'movies'],
    query: () => readAll((query) => ask(api.GET('/api/admin/movies', { params: { query } }))),
  })
}

export function useAdminHalls() {
  return useQuery({
    key: ['admin', 'halls'],
    query: () => readAll((query) => ask(api.GET('/api/admin/halls', { params: { query } }))),
  })
}

export function useAdminScreenings() {
  return useQuery({
    key: ['admin', 'screenings'],
    query: () => readAll((query) => ask(api.GET('/api/admin/screenings', { params: { query } }))),
  })
}

/** Returns a function that invalidates every cached query with films, halls or screenings, to call after a change of them. */
export function useProgrammeChanged() {
  const cache = useQueryCache()
  return async () => {
    await cache.invalidateQueries({ key: ['admin'] })
    await cache.invalidateQueries({ key: ['movies'] })
    await cache.invalidateQueries({ key: ['screenings'] })
  }
}
