import { computed, type ComputedRef } from 'vue'
import { useRoute, useRouter } from 'vue-router'

/** Filters that live in the address: a reload, a bookmark or a link to a colleague shows the same. */
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
