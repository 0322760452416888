import { computed, type ComputedRef } from 'vue'
import { useRoute, useRouter } from 'vue-router'

/** Filters stored in the URL, so that a reload, a bookmark or a shared link shows the same list. */
export function useFilters<K extends string>(names: readonly K[]) {
  const route = useRoute()
  const router = useRouter()
  const filters: ComputedRef<Partial<Record<K, string>>> = computed(() => {
    const entries = names.map((name) => [name, route.query[name]] as const)
    return Object.fromEntries(entries.filter(([, value]) => typeof value === 'string' && value !== '')) as Partial<Record<K, string>>
  })

  const set = (name: K, value: string) =>
    router.replace({ query: { ...route.query, [name]: value === '' ? undefined : value } })
  const clear = () => router.replace({ query: {} })
  return { filters, set, clear, isFiltered: computed(() => Object.keys(filters.value).length > 0) }
}
