import { useQuery } from '@pinia/colada'
import { computed, ref, watch, type Ref } from 'vue'

/** Rows per page, enough to fill one or two screens. */
const PAGE_LIMIT = 25

interface Page {
  next_cursor?: string | null
}

/** Cursor pagination of a server list, forwards and backwards; returns to the first page when the filters change. */
export function useCursorPages<P extends Page, F extends object>(
  name: string,
  filters: Readonly<Ref<F>>,
  fetchPage: (query: F & { cursor?: string; limit: number }) => Promise<P>,
) {
  const cursors = ref<string[]>([])
  watch(filters, (next, before) => {
    if (JSON.stringify(next) !== JSON.stringify(before)) cursors.value = []
  })
  const cursor = computed(() => cursors.value.at(-1))
  const query = useQuery({
    key: () => ['admin', name, JSON.stringify(filters.value), cursor.value ?? ''],
    query: () => fetchPage({ ...filters.value, limit: PAGE_LIMIT, ...(cursor.value === undefined ? {} : { cursor: cursor.value }) }),
    // The previous page stays visible while the next one loads.
    placeholderData: (before) => before,
  })
  return {
    ...query,
    number: computed(() => cursors.value.length + 1),
    hasNext: computed(() => Boolean(query.data.value?.next_cursor)),
    hasPrevious: computed(() => cursors.value.length > 0),
    next() {
      const after = query.data.value?.next_cursor
      if (after) cursors.value = [...cursors.value, after]
    },
    previous() {
      cursors.value = cursors.value.slice(0, -1)
    },
  }
}
