import { usePreferredDark } from '@vueuse/core'
import { computed, ref } from 'vue'
import { readStored, store } from './storage'

export const THEMES = ['auto', 'light', 'dark'] as const
export type Theme = (typeof THEMES)[number]

const saved = readStored('theme')
const choice = ref<Theme>(THEMES.find((theme) => theme === saved) ?? 'auto')

/**
 * The colour theme: the device's, unless the person has chosen another on this device. The style sheet follows the device by
 * itself, so only a choice is written to the document. `first-paint.js` writes a stored one before the first paint.
 */
export function useTheme() {
  const prefersDark = usePreferredDark()
  return {
    choice,
    shown: computed(() => (choice.value === 'auto' ? (prefersDark.value ? 'dark' : 'light') : choice.value)),
    choose(theme: Theme) {
      writeTheme(document, theme)
      store('theme', theme)
      choice.value = theme
    },
  }
}

/** Sets the theme of the page, of the browser's own controls, and of the bars around the page on a phone. */
export function writeTheme(page: Document, theme: Theme): void {
  if (theme === 'auto') delete page.documentElement.dataset.theme
  else page.documentElement.dataset.theme = theme
  page.querySelector('meta[name="color-scheme"]')?.setAttribute('content', theme === 'auto' ? 'light dark' : theme)
  for (const meta of page.querySelectorAll<HTMLMetaElement>('meta[name="theme-color"]')) {
    const own = meta.dataset.theme!
    meta.media = theme === 'auto' ? `(prefers-color-scheme: ${own})` : theme === own ? 'all' : 'not all'
  }
}
