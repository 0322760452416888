export const LANGUAGES = ['th', 'en'] as const
export type Language = (typeof LANGUAGES)[number]

export function isLanguage(value: unknown): value is Language {
  return LANGUAGES.some((language) => language === value)
}

/** Returns the saved language, else the first language of the browser that the page supports, else English. */
export function pickLanguage(saved: string | null, wanted: readonly string[]): Language {
  if (isLanguage(saved)) return saved
  for (const tag of wanted) {
    const base = tag.toLowerCase().split('-')[0]
    if (isLanguage(base)) return base
  }
  return 'en'
}

/** Returns the text in the page's language, or in the other language if it has no translation. */
export function inLanguage(language: string, english: string | null | undefined, thai: string | null | undefined): string {
  return (language === 'th' ? thai || english : english || thai) ?? ''
}

/**
 * The value of `lang` for a text that people entered, such as a title or a name: undefined when it is in the page's language
 * or in none, so that the element inherits it. One Thai letter makes a text Thai, because Thai texts contain Latin names.
 */
export function langOf(text: string, page: string): Language | undefined {
  const language = /\p{Script=Thai}/u.test(text) ? 'th' : /\p{Script=Latin}{2}/u.test(text) ? 'en' : undefined
  return language === page ? undefined : language
}
