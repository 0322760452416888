import { computed, watchEffect } from 'vue'
import { useI18n } from 'vue-i18n'
import { useRoute } from 'vue-router'
import { pageTitle } from '@/lib/pageTitle'

/** Keeps the title of the browser's tab: what the page shows, else its route's title, and the cinema's name. */
export function useTabTitle(cinema: () => string | undefined) {
  const { t } = useI18n()
  const route = useRoute()
  const title = computed(() => pageTitle.value ?? (route.meta.title ? t(route.meta.title as string) : undefined))
  watchEffect(() => (document.title = [title.value, cinema() ?? 'Seatkeeper'].filter(Boolean).join(' · ')))
  return { title }
}
