import { waitFor } from '../../web/e2e/support/wait.js'

const REDIRECTS_MAX = 10
const ANSWER_MS_MAX = 30_000
/** The first start fills an empty store, on a machine that starts every other container at the same time. */
export const START_MS_MAX = 300_000

/** A person with a cookie jar, who uses the API as the page does. All addresses are on one host, as cookies are. */
export class Visitor {
  #site
  #cookies = new Map()

  constructor(site) {
    this.#site = site
  }

  async send(method, address, body) {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const answer = await fetch(new URL(address, this.#site), {
      method,
      redirect: 'manual',
      headers: { cookie, ...(body && { 'content-type': 'application/json' }) },
      body: body && JSON.stringify(body),
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
    })
    for (const line of answer.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line)
      this.#cookies.set(name, value)
    }
    return answer
  }

  /** The body of a successful answer. */
  async call(method, address, body) {
    const answer = await this.send(method, address, body)
    const text = await answer.text()
    if (!answer.ok) throw new Error(`${method} ${address}: ${answer.status} ${text}`)
    return JSON.parse(text)
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

  /** Locks a free seat at the last screening, pays for it, and returns the booking. */
  async book() {
    const { items } = await this.call('GET', '/api/screenings?limit=200')
    const screening_id = items.at(-1).id
    const { seats } = await this.call('GET', `/api/screenings/${screening_id}/seats`)
    const seat = seats.find(({ status, kind }) => status === 'AVAILABLE' && kind === 'seat')
    await this.call('POST', '/api/lock', { screening_id, seat_ids: [seat.id] })
    const payment = await this.call('POST', '/api/payments', { screening_id, method: 'mock_card' })
    const { booking } = await this.call('POST', `/api/payments/${payment.id}/confirm`, { outcome: 'success' })
    const stored = await this.call('GET', `/api/bookings/${booking.id}`)
    if (stored.status !== 'CONFIRMED' || stored.seats[0].id !== seat.id) throw new Error(JSON.stringify(stored))
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
