import { usePreferredDark } from '@vueuse/core'
import { computed, ref, watchEffect } from 'vue'
import { readStored, store } from './storage'

export const THEMES = ['dark', 'light', 'auto'] as const
export type Theme = (typeof THEMES)[number]

const saved = readStored('theme')
const choice = ref<Theme>(THEMES.find((theme) => theme === saved) ?? 'dark')

/** The colour theme, dark by default. `first-paint.js` applies the saved theme with the same rule before the first paint. */
export function useTheme() {
  const prefersDark = usePreferredDark()
  const shown = computed(() => (choice.value === 'auto' ? (prefersDark.value ? 'dark' : 'light') : choice.value))
  watchEffect(() => (document.documentElement.dataset.theme = shown.value))
  return {
    choice,
    shown,
    choose(theme: Theme) {
      choice.value = theme
      store('theme', theme)
    },
  }
}
