// Books through both ports of deploy/compose.cluster.yaml, reads the message and the mail of each booking, and kills a server
// while people read and book through both ports without pauses. docs/operating.md says what is asserted.
//
//   node cluster.mjs COMMAND…    the command that kills the first server
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { waitFor } from '../../web/e2e/support/wait.js'
import { bookThrough, say, START_MS_MAX, Visitor, waitUntilOpen } from './visitor.mjs'

const SITES = ['http://localhost:5173', 'http://localhost:8080']
const KAFDROP = 'http://localhost:9000'
const MAILS = 'http://localhost:1080'
const TOPIC = 'booking_events'
/** Kafdrop 4.2.0 fails when one of these is missing. */
const AS_TEXT = 'format=DEFAULT&keyFormat=DEFAULT&isAnyProto=false'
const ARRIVAL_MS_MAX = 60_000
/** The killed server may have been sending a mail. Its lease on the mail lasts two minutes, so that no mail is sent twice. */
const MAIL_LEASE_MS = 120_000
/** People who read or book at the same time, half of them through each port. */
const READERS = 6
const BUYERS = 4
/** Reads before the kill, and after it: many more than are in progress at one time, fewer than the limit of one address. */
const READS_AROUND_KILL = 300
/** How long one call is repeated. The killed server's lease on a call blocks its repetitions for 30 s. */
const REPEATED_MS_MAX = 120_000

/** The server refuses the call for now, and says when to repeat it. */
const isRefusedForNow = ({ status, retryAfterMs }) => (status === 503 || status === 429) && retryAfterMs > 0
/** The call may have had its effect: no answer, not even to Caddy (502); not decided yet (202); or the first one still runs. */
const isUnknown = ({ status, text }) => [0, 202, 502].includes(status) || (status === 409 && text.includes('"in_progress"'))
const mayReadAgain = (outcome, { sent }) => sent === 1 && isRefusedForNow(outcome)
const mayBuyAgain = (outcome, { elapsedMs }) => elapsedMs < REPEATED_MS_MAX && (isRefusedForNow(outcome) || isUnknown(outcome))

/** The message of a booking, as Kafdrop shows it. */
async function messageOf(booking) {
  // In Kafdrop's response, `lastOffset` is the number of messages.
  for (const { partition, firstOffset, lastOffset: count } of await getJson(`${KAFDROP}/topic/${TOPIC}/messages`)) {
    if (count === 0) continue
    const range = `partition=${partition}&offset=${firstOffset}&count=${count}`
    const messages = await getJson(`${KAFDROP}/topic/${TOPIC}/messages?${range}&${AS_TEXT}`)
    const events = messages.map(({ message }) => JSON.parse(message))
    const sold = events.find(({ type, data }) => type === 'BOOKING_SUCCESS' && data.booking_id === booking.id)
    if (sold) return `${sold.type} in partition ${partition}`
  }
  return null
}

/** The mail of a booking, as the mail catcher shows it. */
async function mailOf(booking) {
  const mails = await getJson(`${MAILS}/email`)
  return mails.find(({ text, html }) => `${text}${html}`.includes(booking.code))?.subject
}

async function getJson(url) {
  const answer = await fetch(url, { headers: { accept: 'application/json' } })
  if (!answer.ok) throw new Error(`GET ${url}: ${answer.status}`)
  return answer.json()
}

async function bookAndCheck(site, email) {
  const { message, mail } = await arrivalOf(await bookThrough(site, email))
  say(`Kafdrop shows its message (${message}), the mail catcher its mail (“${mail}”)`)
}

/** Waits for the message and the mail of a booking. The mail may be leased for `leasedMs` more. */
async function arrivalOf(booking, leasedMs = 0) {
  const message = await waitFor(() => messageOf(booking), `the message of ${booking.code} in Kafdrop`, ARRIVAL_MS_MAX)
  const mail = await waitFor(() => mailOf(booking), `the mail of ${booking.code}`, ARRIVAL_MS_MAX + leasedMs)
  return { message, mail }
}

/** People who read or book, one request after the other without pauses, while a server is killed. */
class Crowd {
  phase = 'before'
  isReading = true
  reads = 0
  slowestReadMs = 0
  /** The bookings that were in progress during the kill. */
  bookings = []

  async read(visitor) {
    while (this.isReading) {
      const started = Date.now()
      await visitor.call('GET', '/api/movies')
      this.reads += 1
      this.slowestReadMs = Math.max(this.slowestReadMs, Date.now() - started)
    }
  }

  /** Books again and again until the server has been killed, each buyer at another screening. */
  async buy(visitor, screening) {
    while (this.phase !== 'after') {
      const booking = await visitor.book(screening)
      if (this.phase !== 'before') this.bookings.push(booking)
    }
    const { items } = await visitor.call('GET', '/api/bookings?limit=200')
    const { length } = visitor.bookings
    if (items.length !== length) throw new Error(`${length} bookings became ${items.length}`)
  }
}

/** `count` visitors, the first through the first port, the second through the second, and so on. */
function visitors(count, mayRepeat) {
  return Array.from({ length: count }, (_, index) => new Visitor(SITES[index % SITES.length], mayRepeat))
}

async function killOneServer([command, ...args]) {
  const [readers, buyers] = [visitors(READERS, mayReadAgain), visitors(BUYERS, mayBuyAgain)]
  await Promise.all(buyers.map((buyer, index) => buyer.signIn(`during-${index}@example.test`)))
  const crowd = new Crowd()
  const everybody = Promise.all([
    ...readers.map((reader) => crowd.read(reader)),
    ...buyers.map((buyer, index) => crowd.buy(buyer, index + 1)),
  ])
  // A failure of anybody ends the wait.
  const further = (count) => {
    const enough = crowd.reads + count
    return Promise.race([everybody, waitFor(() => crowd.reads >= enough, `${count} reads`, ARRIVAL_MS_MAX)])
  }
  await further(READS_AROUND_KILL)
  const before = crowd.reads
  crowd.phase = 'kill'
  await promisify(execFile)(command, args)
  crowd.phase = 'after'
  const during = crowd.reads - before
  await further(READS_AROUND_KILL)
  crowd.isReading = false
  await everybody
  const repeats = (people) => people.reduce((sum, { repeated }) => sum + repeated, 0)
  const after = crowd.reads - before - during
  say(`killed a server: ${before} reads before, ${during} during and ${after} after; none failed`)
  say(`${repeats(readers)} reads were repeated, and the slowest took ${crowd.slowestReadMs} ms`)
  for (const booking of crowd.bookings) await arrivalOf(booking, MAIL_LEASE_MS)
  say(`${crowd.bookings.length} bookings were in progress; each has its message and its mail`)
  say(`${repeats(buyers)} calls of the buyers were repeated`)
  for (const [index, site] of SITES.entries()) await bookAndCheck(site, `after-${index}@example.test`)
}

for (const site of SITES) await waitUntilOpen(site)
await waitFor(() => getJson(`${KAFDROP}/topic`).catch(() => null), 'Kafdrop', START_MS_MAX)
for (const [index, site] of SITES.entries()) await bookAndCheck(site, `before-${index}@example.test`)
await killOneServer(process.argv.slice(2))
