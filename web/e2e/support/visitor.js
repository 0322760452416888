import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { servePageFromDisk } from './page.js'

const RESULTS = fileURLToPath(new URL('../../test-results/', import.meta.url))

export const DESKTOP = { viewport: { width: 1280, height: 900 } }
export const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 }
export const SMALL_PHONE = { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 }

/** Console messages about expected error responses: not signed in (401), payment declined (402), seat taken (409) and the like. */
const ORDINARY = /status of (401|402|409) /
/** The browser's console messages while a test has stopped the server. */
export const NO_SERVER = /ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE|ERR_SOCKET_NOT_CONNECTED|WebSocket connection to/

/** A browser context with one page, which stands for a person or device. */
export class Visitor {
  #language
  #url
  /** Requests to other sites, and errors and warnings of the console that `tolerate` does not match. */
  complaints = []

  static async come(browser, url, { language = 'en', theme = 'dark', screen = DESKTOP, keepsLanguage = false, tolerate, isStrict = false, alsoVisits = [], ...context } = {}) {
    const visitor = new Visitor()
    visitor.#language = language
    visitor.#url = url
    // The language and theme are stored as if chosen before, so that the account's language does not override them.
    const stored = [{ name: 'theme', value: theme }, ...(keepsLanguage ? [{ name: 'language', value: language }] : [])]
    visitor.touch = screen.hasTouch === true
    visitor.context = await browser.newContext({
      ...screen,
      locale: language === 'th' ? 'th-TH' : 'en-GB',
      timezoneId: 'America/New_York',
      baseURL: url,
      reducedMotion: 'reduce',
      storageState: { cookies: [], origins: [{ origin: url, localStorage: stored }] },
      ...context,
    })
    await servePageFromDisk(visitor.context, url)
    visitor.#watch([new URL(url).host, ...alsoVisits], isStrict ? null : ORDINARY, tolerate)
    visitor.page = await visitor.context.newPage()
    return visitor
  }

  #watch(hosts, ordinary, tolerate) {
    this.context.on('request', (request) => {
      const url = new URL(request.url())
      if (/^(https?|wss?):$/.test(url.protocol) && !hosts.includes(url.host)) this.complaints.push(`left the site: ${url.href}`)
    })
    this.context.on('console', (message) => {
      if (message.type() !== 'error' && message.type() !== 'warning') return
      const text = `${message.text()} ${message.location().url}`
      if (!ordinary?.test(text) && !tolerate?.test(text)) this.complaints.push(`console: ${text}`)
    })
    this.context.on('weberror', (error) => this.complaints.push(`error: ${error.error()}`))
  }

  byId(testId) {
    return this.page.getByTestId(testId)
  }

  seat(id) {
    return this.page.getByTestId(`seat-${id}`)
  }

  /** Taps on a phone, clicks elsewhere. */
  press(locator) {
    return this.touch ? locator.tap() : locator.click()
  }

  go(path) {
    return this.page.goto(path)
  }

  /** Waits until an element with these attributes is visible. */
  async sees(testId, attributes = {}) {
    const selector = Object.entries(attributes).map(([name, value]) => `[${name}="${value}"]`).join('')
    await this.page.locator(`[data-testid="${testId}"]${selector}`).first().waitFor()
  }

  async seesSeat(id, status) {
    await this.page.locator(`[data-testid="seat-${id}"][data-status="${status}"]:not([data-pending])`).waitFor()
  }

  /** Waits until the page has a heading and nothing is loading. */
  settled() {
    return this.page.waitForFunction(() => document.querySelector('#content h1, body:not(:has(#app)) h1') !== null && document.querySelector('[data-testid="loading"]') === null)
  }

  async gone(testId) {
    await this.byId(testId).first().waitFor({ state: 'detached' })
  }

  /** Signs in by HTTP requests to the demo identity provider, without opening its pages. */
  async signInQuietly(email) {
    const query = new URLSearchParams({ return_to: '/api/auth/me', login_hint: email })
    const answer = await this.context.request.get(`/api/auth/google/login?${query}`, { headers: { 'accept-language': this.#language } })
    assert.equal(answer.status(), 200)
    return answer.json()
  }

  /** Signs out by an API request, as another tab would; the open page is not notified. */
  async signOutQuietly() {
    const answer = await this.context.request.post('/api/auth/logout', { headers: { origin: this.#url } })
    assert.ok(answer.ok())
  }

  /** Signs in through the sign-in page and the identity provider's page, by typing an e-mail address. */
  async signInByHand(email) {
    await this.press(this.byId('sign-in'))
    await this.page.locator('#email').fill(email)
    await this.press(this.page.locator('button.go-on'))
  }

  async picture(name, options = {}) {
    await mkdir(RESULTS, { recursive: true })
    // The screenshot waits until images and fonts are loaded and animations have ended.
    await this.page.evaluate(async () => {
      await document.fonts.ready
      await Promise.all(document.getAnimations().map((animation) => animation.finished.catch(() => undefined)))
      const inView = [...document.images].filter((image) => image.getBoundingClientRect().top < innerHeight)
      await Promise.all(inView.map((image) => image.decode().catch(() => undefined)))
    })
    return this.page.screenshot({ path: `${RESULTS}${name}.png`, ...options })
  }
}
