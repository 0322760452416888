import assert from 'node:assert/strict'

/** Two Latin letters in a row: one alone is the letter of a row, or a rating. */
const LATIN_WORD = /[A-Za-z]{2,}/

/** Elements whose texts are not Thai on any page. */
const NOT_THAI = [
  // The name of the other language, in that language.
  '[data-testid="language-en"]',
  // What the API and mail servers said, in their own words; the page's sentence stands beside it.
  '[data-testid="raw-data"]',
  '[data-testid="server-text"]',
  // The English fields of a film and a hall in their forms.
  'form input[lang="en"]',
  'form textarea[lang="en"]',
  'form [data-testid="field-name"]',
  // The demo provider's accounts are names of people.
  'button[name="login_hint"]',
]

/** What is neither Thai nor English, wherever it stands. */
const EXCEPTIONS = [
  // Ids of showings in the event log, e-mail addresses, refused calls in the audit log.
  /\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g,
  /[\w.+-]+@[\w.-]+/g,
  /\b(?:GET|POST|PATCH|DELETE) \/\S+/g,
  // Seats of halls with more than 26 rows, such as AA12.
  /\b[A-Z]{1,3}\d{1,3}\b/g,
  // Names of products, formats, units and keys.
  /\b(?:Seatkeeper|Google|PromptPay|QR|THB|PDF|CSV|PNG|JPEG|WebP|SVG|MB|Shift|Escape)\b/g,
]

/**
 * Returns the texts of a Thai page in which a Latin word is left, each with the element that shows it: visible and accessible
 * texts, texts of closed details, options, values of fields, and the title. `names` are texts that people have entered. Those of them
 * in `english` must be marked as English where they are the whole text of an element, so that screen readers say them so.
 */
export async function readLatin(page, names, english = new Set()) {
  const { language, texts } = await page.evaluate(collectTexts, NOT_THAI.join(', '))
  assert.equal(language, 'th')
  assert.ok(texts.length > 1, 'the page has texts')
  const latin = texts.filter(({ text }) => LATIN_WORD.test(withoutNames(text, names))).map(({ place, text }) => `${place}: ${text}`)
  const unmarked = texts.filter(({ text, marked }) => marked !== undefined && marked !== 'en' && english.has(text)).map(({ place, text }) => `${place} without lang="en": ${text}`)
  return [...latin, ...unmarked]
}

function withoutNames(text, names) {
  // Longer names first, because one name may be a part of another.
  const known = [...names].sort((a, b) => b.length - a.length)
  const unnamed = known.reduce((rest, name) => rest.replaceAll(name, ' '), text)
  return EXCEPTIONS.reduce((rest, exception) => rest.replace(exception, ' '), unnamed)
}

/** Runs in the page. */
function collectTexts(notThai) {
  const ATTRIBUTES = ['aria-label', 'aria-description', 'aria-roledescription', 'aria-valuetext', 'title', 'alt', 'placeholder', 'label']
  const WRITTEN = 'textarea, input:not([type="hidden"], [type="radio"], [type="checkbox"], [type="file"], [type="date"])'
  const texts = [{ place: 'title', text: document.title }]
  for (const element of document.body.querySelectorAll('*')) {
    if (element.closest(`script, style, template, noscript, ${notThai}`)) continue
    const own = [...element.childNodes].filter(({ nodeType }) => nodeType === Node.TEXT_NODE).map(({ data }) => data)
    const attributes = ATTRIBUTES.map((name) => element.getAttribute(name) ?? '')
    const values = element.matches(`${WRITTEN}, datalist option`) ? [element.value] : []
    const id = element.closest('[data-testid]')?.dataset.testid
    const place = `${element.localName}${id === undefined ? '' : ` in ${id}`}`
    // An attribute or the title of the page has the language of the page, whatever its text is.
    const marked = element.closest('[lang]').lang
    const all = [{ text: own.join(' '), marked }, ...[...attributes, ...values].map((text) => ({ text }))]
    for (const { text, ...rest } of all) if (text.trim() !== '') texts.push({ place, text: text.trim().replace(/\s+/g, ' '), ...rest })
  }
  return { language: document.documentElement.lang, texts }
}
