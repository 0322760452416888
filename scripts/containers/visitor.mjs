import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { waitFor } from '../../web/e2e/support/wait.js'

const REDIRECTS_MAX = 10
const ANSWER_MS_MAX = 30_000
/** The pause before a call is repeated, when the answer has no Retry-After. */
const REPEAT_MS = 500
/** The largest hall of the demo. */
const HALL = 'Hall 1'
/** The first start fills an empty store, on a machine that starts every other container at the same time. */
export const START_MS_MAX = 300_000

/** A person with a cookie jar, who uses the API as the page does. All addresses are on one host, as cookies are. */
export class Visitor {
  #site
  #mayRepeat
  #cookies = new Map()
  bookings = []
  /** The number of calls that were repetitions. */
  repeated = 0

  /** `mayRepeat` decides from the outcome of a call, and from `{ sent, elapsedMs }`, whether the call is repeated. */
  constructor(site, mayRepeat = () => false) {
    this.#site = site
    this.#mayRepeat = mayRepeat
  }

  async send(method, address, body, key = randomUUID()) {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const answer = await fetch(new URL(address, this.#site), {
      method,
      redirect: 'manual',
      headers: { cookie, ...(body && { 'content-type': 'application/json', 'idempotency-key': key }) },
      body: body && JSON.stringify(body),
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
    })
    for (const line of answer.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line)
      this.#cookies.set(name, value)
    }
    return answer
  }

  /** The body of a successful answer. Repetitions of a call have its idempotency key. */
  async call(method, address, body) {
    const [key, started] = [randomUUID(), Date.now()]
    for (let sent = 1; ; sent += 1) {
      const outcome = await this.#outcomeOf(method, address, body, key)
      const { status, text, retryAfterMs } = outcome
      if (!this.#mayRepeat(outcome, { sent, elapsedMs: Date.now() - started })) {
        if (status < 200 || status > 299) throw new Error(`${method} ${address}: ${status} ${text}`)
        return JSON.parse(text)
      }
      this.repeated += 1
      await pause(retryAfterMs || REPEAT_MS)
    }
  }

  /** The status is 0 when there was no answer, or only a part of one. */
  async #outcomeOf(method, address, body, key) {
    try {
      const answer = await this.send(method, address, body, key)
      const retryAfterMs = Number(answer.headers.get('retry-after')) * 1000
      return { status: answer.status, text: await answer.text(), retryAfterMs }
    } catch (error) {
      return { status: 0, text: `${error.cause ?? error}`, retryAfterMs: 0 }
    }
  }

  /** Demo sign-in, through its redirects. */
  async signIn(email) {
    let address = `/api/auth/google/login?return_to=/api/auth/me&login_hint=${encodeURIComponent(email)}`
    for (let redirects = 0; redirects < REDIRECTS_MAX; redirects += 1) {
      const answer = await this.send('GET', address)
      const location = answer.headers.get('location')
      if (location === null) break
      address = new URL(location, answer.url).href
    }
    const me = await this.call('GET', '/api/auth/me')
    if (me.email !== email) throw new Error(`signed in as ${me.email} instead of ${email}`)
  }

  /** Locks a free seat at one of the largest hall's screenings, counted from the last, pays for it, and returns the booking. */
  async book(fromLast = 0) {
    const { items } = await this.call('GET', '/api/screenings?limit=200')
    const screening_id = items.filter(({ hall_name }) => hall_name === HALL).at(-1 - fromLast).id
    const { seats } = await this.call('GET', `/api/screenings/${screening_id}/seats`)
    // A server may learn a moment later that this person has just bought a seat through the other one.
    const bought = this.bookings.flatMap((booking) => booking.seats.map(({ id }) => id))
    const seat = seats.find(({ id, status, kind }) => status === 'AVAILABLE' && kind === 'seat' && !bought.includes(id))
    await this.call('POST', '/api/lock', { screening_id, seat_ids: [seat.id] })
    const payment = await this.call('POST', '/api/payments', { screening_id, method: 'mock_card' })
    const { booking } = await this.call('POST', `/api/payments/${payment.id}/confirm`, { outcome: 'success' })
    const stored = await this.call('GET', `/api/bookings/${booking.id}`)
    if (stored.status !== 'CONFIRMED' || stored.seats[0].id !== seat.id) throw new Error(JSON.stringify(stored))
    this.bookings.push(stored)
    return stored
  }
}

/** Waits until the page, its API and the demo's screenings are served. */
export async function waitUntilOpen(site) {
  const visitor = new Visitor(site)
  const isOpen = async () => {
    const page = await visitor.send('GET', '/')
    if (!page.ok || !(await page.text()).includes('<div id="app"')) return false
    const { items } = await visitor.call('GET', '/api/screenings')
    return items.length > 0
  }
  // Refused connections and 502 are expected until the server is open.
  await waitFor(() => isOpen().catch(() => false), `${site} to serve the demo`, START_MS_MAX)
}

/** Books through a site as a new person, and prints the booking. */
export async function bookThrough(site, email) {
  const visitor = new Visitor(site)
  await visitor.signIn(email)
  const booking = await visitor.book()
  say(`${email} booked seat ${booking.seats[0].id} through ${site}: ${booking.code}`)
  return booking
}

export function say(text) {
  console.log(`  ${text}`)
}
