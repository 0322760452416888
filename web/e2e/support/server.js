import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { Parts } from './parts.js'
import { startProcess } from './process.js'
import { waitFor } from './wait.js'

const PROGRAM =
  process.env.SEATKEEPER_TEST_PROGRAM ?? fileURLToPath(new URL('../../../target/debug/seatkeeper', import.meta.url))
/** The timeout of a start: the first one writes the demo cinema to the store, which may take many seconds on a busy MongoDB. */
const START_MS_MAX = 60_000
/** The tests' few people of one address take and let go more seats than people do. */
const CROWD_FLAGS = ['--seats-per-person-everywhere=1000000', '--holders-per-address=1000000', '--let-go-max=1000000']
const STOP_MS_MAX = 15_000
const OPEN = /^Seatkeeper is open: (http:\/\/\S+)$/m
/** How much of the end of the server's log is shown when the server fails. */
const LOG_TAIL_CHARS = 2_000

/** The Seatkeeper server under test, with its own data folder; it can be stopped and restarted on the same port. */
export class Server {
  #child = null
  #log = ''
  #flags
  #dataDir
  #parts
  url = ''

  static async start(...flags) {
    const server = new Server()
    server.#parts = await Parts.start()
    server.#flags = [...server.#parts.flags, ...flags]
    server.#dataDir = await mkdtemp(path.join(tmpdir(), 'seatkeeper-e2e-'))
    try {
      await server.start('127.0.0.1:0')
    } catch (error) {
      await server.remove()
      throw error
    }
    return server
  }

  /** Starts the stopped server again at the same address. */
  restart() {
    return this.start(new URL(this.url).host)
  }

  async start(listen) {
    const demo = this.#flags.some((flag) => flag.startsWith('--demo=')) ? [] : ['--demo']
    const settings = ['serve', ...demo, '--listen', listen, '--data-dir', this.#dataDir, ...CROWD_FLAGS, ...this.#flags]
    // Settings from the environment of the tests must not reach the server.
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('SEATKEEPER_')))
    const child = startProcess(PROGRAM, settings, env)
    this.#child = child
    let said = ''
    child.stdout.on('data', (data) => (said += data))
    child.stderr.on('data', (data) => (this.#log = (this.#log + data).slice(-LOG_TAIL_CHARS)))
    await waitFor(
      () => {
        if (child.exitCode !== null) throw new Error(`the program ended with ${child.exitCode}: ${this.#log}`)
        return OPEN.test(said)
      },
      'the program to print its address',
      START_MS_MAX,
    )
    this.url = OPEN.exec(said)[1].replace(/\/$/, '')
  }

  /** Stops the server with SIGTERM, and fails if it does not shut down gracefully. */
  async stop() {
    const child = this.#child
    if (child === null) return
    this.#child = null
    const ended = new Promise((resolve) => child.once('exit', (code) => resolve(code)))
    if (child.exitCode !== null || !child.kill('SIGTERM')) return
    const late = setTimeout(() => child.kill('SIGKILL'), STOP_MS_MAX)
    const code = await ended
    clearTimeout(late)
    if (code !== 0) throw new Error(`the program did not stop in order (${code}): ${this.#log}`)
  }

  /** Stops the server and removes its data folder. */
  async remove() {
    await this.stop()
    await this.#parts.end()
    await rm(this.#dataDir, { recursive: true, force: true })
  }

  /** Waits for the mail that contains this booking code and returns its decoded text. */
  mailWith(code) {
    const folder = path.join(this.#dataDir, 'mail')
    return waitFor(async () => {
      for (const name of await readdir(folder).catch(() => [])) {
        if (!name.endsWith('.eml')) continue
        const mail = decodeMail(await readFile(path.join(folder, name), 'latin1'))
        if (mail.includes(code)) return mail
      }
      return null
    }, `a mail with ${code}`)
  }

  async get(pathAndQuery) {
    const answer = await fetch(this.url + pathAndQuery)
    if (!answer.ok) throw new Error(`GET ${pathAndQuery}: ${answer.status}`)
    return answer.json()
  }

  /** Returns a screening with its film, at least 30 hours ahead, so that midnight does not matter; `skip` selects a later one. */
  async showing(hall, skip = 0) {
    const soonest = Date.now() + 30 * 3_600_000
    const { items } = await this.get('/api/movies?limit=200')
    const all = items
      .flatMap((movie) => movie.screenings.map((screening) => ({ ...screening, movie })))
      .filter((screening) => screening.hall_name === hall && Date.parse(screening.start_time) > soonest)
      .sort((a, b) => a.start_time.localeCompare(b.start_time))
    if (all[skip] === undefined) throw new Error(`no showing ${skip} in ${hall}`)
    return all[skip]
  }
}

/** Decodes the base64 and quoted-printable parts of a mail, so that tests can search its text. */
function decodeMail(raw) {
  const text = raw.replaceAll('\r\n', '\n')
  const quoted = text.replace(/=\n/g, '').replace(/(?:=[0-9A-F]{2})+/g, (run) => Buffer.from(run.replaceAll('=', ''), 'hex').toString('utf8'))
  const blocks = text.match(/(?:^[A-Za-z0-9+/]{40,}={0,2}\n)+(?:^[A-Za-z0-9+/]+={0,2}\n?)?/gm) ?? []
  const words = [...text.matchAll(/=\?utf-8\?b\?([^?]+)\?=/gi)].map((word) => Buffer.from(word[1], 'base64').toString('utf8'))
  return [quoted, Buffer.from(raw, 'latin1').toString('utf8'), ...blocks.map((block) => Buffer.from(block, 'base64').toString('utf8')), ...words].join('\n')
}
