import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { startProcess } from './process.js'
import { waitFor } from './wait.js'

/** `embedded` or `cluster`: in cluster mode the same tests run with a server on Redis, MongoDB and Kafka. */
const MODE = process.env.SEATKEEPER_TEST_MODE ?? 'embedded'
const REDIS_IS_READY = /Ready to accept connections/

/**
 * The external services of one Seatkeeper server: none in embedded mode; in cluster mode a Redis of its own, and a database
 * and topics of its own on the shared MongoDB and Kafka that `seatkeeper-testbed` has started.
 */
export class Parts {
  #redis = null
  /** Command-line flags with which the Seatkeeper server uses these services. */
  flags = []

  static async start() {
    const parts = new Parts()
    if (MODE === 'cluster') await parts.#start()
    else if (MODE !== 'embedded') throw new Error(`SEATKEEPER_TEST_MODE is ${MODE}`)
    return parts
  }

  async #start() {
    const name = `e2e${randomUUID().replaceAll('-', '')}`
    const [mongodb, options = ''] = shared('SEATKEEPER_TEST_MONGODB_URL').split('?')
    const brokers = shared('SEATKEEPER_TEST_KAFKA_URL').replace(/^kafka:\/\//, '')
    const port = await freePort()
    this.flags = [
      `--store-url=${mongodb.replace(/\/$/, '')}/${name}?${options}`,
      `--locks-url=redis://127.0.0.1:${port}`,
      `--events-url=kafka://${brokers}?prefix=${name}_`,
    ]
    await this.#startRedis(port)
  }

  async #startRedis(port) {
    const redis = startProcess('redis-server', ['--port', port, '--bind', '127.0.0.1', '--save', ''])
    this.#redis = redis
    let said = ''
    for (const stream of [redis.stdout, redis.stderr]) stream.on('data', (data) => (said += data))
    await waitFor(() => {
      if (redis.exitCode !== null) throw new Error(`Redis ended with ${redis.exitCode}: ${said}`)
      return REDIS_IS_READY.test(said)
    }, 'Redis to be ready')
  }

  async end() {
    const redis = this.#redis
    this.#redis = null
    if (redis === null || redis.exitCode !== null) return
    const ended = once(redis, 'exit')
    redis.kill('SIGKILL')
    await ended
  }
}

/** Returns the URL of a shared service from an environment variable. */
function shared(variable) {
  const url = process.env[variable]
  if (url === undefined) throw new Error(`${variable} is not set: run this by seatkeeper-testbed, as make e2e-cluster does`)
  return url
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return String(port)
}
