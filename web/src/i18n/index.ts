import { createI18n } from 'vue-i18n'
import { pickLanguage, type Language } from '@/lib/language'
import { readStored, store } from '@/lib/storage'

type Messages = Record<string, unknown>

const shared: Record<Language, () => Promise<{ default: Messages }>> = {
  en: () => import('./en'),
  th: () => import('./th'),
}
const admin: Record<Language, () => Promise<{ default: Messages[] }>> = {
  en: () => import('./administration.en'),
  th: () => import('./administration.th'),
}

export const i18n = createI18n({ legacy: false, locale: 'en', fallbackLocale: 'en', missingWarn: false, fallbackWarn: false })

let wantsAdmin = false

async function loadMessages(language: Language): Promise<void> {
  const [own, administration] = await Promise.all([shared[language](), wantsAdmin ? admin[language]() : null])
  for (const part of [own.default, ...(administration?.default ?? [])]) i18n.global.mergeLocaleMessage(language, part)
}

/** Loads the messages of the language if they are not loaded yet, and switches the page to it. */
export async function setLanguage(language: Language): Promise<void> {
  // An administration page may request its own messages during the await; the loop then loads them in this language too.
  let hadAdmin
  do {
    hadAdmin = wantsAdmin
    await loadMessages(language)
  } while (hadAdmin !== wantsAdmin)
  ;(i18n.global.locale as unknown as { value: string }).value = language
  document.documentElement.lang = language
}

/** Loads the messages of the administration pages on demand, because they are many and other pages do not need them. */
export async function loadAdminMessages(): Promise<void> {
  wantsAdmin = true
  await loadMessages(i18n.global.locale.value as Language)
}

export function savedLanguage(): string | null {
  return readStored('language')
}

export function saveLanguage(language: Language): void {
  store('language', language)
}

export function initialLanguage(): Language {
  return pickLanguage(savedLanguage(), navigator.languages ?? [navigator.language])
}
