// Books through both ports of deploy/compose.cluster.yaml, reads the message and the mail of each booking, and kills a server
// while requests are running: none may fail.
//
//   node cluster.mjs COMMAND…    the command that kills the first server
import { execFile } from 'node:child_process'
import { setTimeout as pause } from 'node:timers/promises'
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
/** Between the requests of one reader: most of a small machine is left to the servers. */
const PAUSE_MS = 25
/** Requests before the kill, and after the bookings that follow it: many more than are in progress at one time. */
const REQUESTS_AROUND_KILL = 100

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
  const booking = await bookThrough(site, email)
  const message = await waitFor(() => messageOf(booking), `the message of ${booking.code} in Kafdrop`, ARRIVAL_MS_MAX)
  const mail = await waitFor(() => mailOf(booking), `the mail of ${booking.code}`, ARRIVAL_MS_MAX)
  say(`Kafdrop shows its message (${message}), the mail catcher its mail (“${mail}”)`)
}

/** Reads the programme, one request at a time through each port, until it is stopped; an answer that is no success stops it. */
class Readers {
  answers = 0
  slowestMs = 0
  #running = true
  #loops = SITES.map((site) => this.#read(site))

  async #read(site) {
    const visitor = new Visitor(site)
    while (this.#running) {
      const started = Date.now()
      await visitor.call('GET', '/api/movies')
      this.answers += 1
      this.slowestMs = Math.max(this.slowestMs, Date.now() - started)
      await pause(PAUSE_MS)
    }
  }

  /** Waits for further answers; throws when a request has failed. */
  async further(count) {
    const enough = this.answers + count
    await Promise.race([Promise.all(this.#loops), waitFor(() => this.answers >= enough, `${count} answers`, ARRIVAL_MS_MAX)])
  }

  async stop() {
    this.#running = false
    await Promise.all(this.#loops)
  }
}

async function killOneServer([command, ...args]) {
  const readers = new Readers()
  await readers.further(REQUESTS_AROUND_KILL)
  await promisify(execFile)(command, args)
  const before = readers.answers
  for (const [index, site] of SITES.entries()) await bookAndCheck(site, `after-${index}@example.test`)
  await readers.further(REQUESTS_AROUND_KILL)
  await readers.stop()
  const after = readers.answers - before
  say(`killed a server: ${before} requests before and ${after} after, none failed; the slowest took ${readers.slowestMs} ms`)
}

for (const site of SITES) await waitUntilOpen(site)
await waitFor(() => getJson(`${KAFDROP}/topic`).catch(() => null), 'Kafdrop', START_MS_MAX)
for (const [index, site] of SITES.entries()) await bookAndCheck(site, `before-${index}@example.test`)
await killOneServer(process.argv.slice(2))
