import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Verdict } from './liveMap'
import {
  CONNECT_MS_MAX,
  RECONNECT_MS_MAX,
  RECONNECT_MS_MIN,
  SILENCE_MS_MAX,
  STABLE_MS_MIN,
  reconnectDelayMs,
  watchScreening,
  type SocketLike,
} from './watch'

class FakeSocket implements SocketLike {
  onmessage: SocketLike['onmessage'] = null
  onclose: SocketLike['onclose'] = null
  closed = false
  close() {
    this.closed = true
    this.onclose?.()
  }
  say(frame: object) {
    this.onmessage?.({ data: JSON.stringify(frame) })
  }
}

const SNAPSHOT = { type: 'snapshot', seq: 1, seats: [] }

function setUp() {
  const sockets: FakeSocket[] = []
  const states: string[] = []
  const clock = { now: 0 }
  let verdict: Verdict = 'applied'
  const watch = watchScreening({
    connect: () => {
      const socket = new FakeSocket()
      sockets.push(socket)
      return socket
    },
    onFrame: () => verdict,
    onState: (state) => states.push(state),
    random: () => 1,
    now: () => clock.now + Date.now(),
  })
  return { watch, sockets, states, clock, answer: (next: Verdict) => (verdict = next), last: () => sockets.at(-1)! }
}

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

describe('watching a screening', () => {
  it('the connection is live after the first snapshot', () => {
    const { states, last } = setUp()
    last().say(SNAPSHOT)
    expect(states).toEqual(['connecting', 'live'])
  })

  it('the connection is lost after the silence timeout, and the watcher reconnects', () => {
    const { states, sockets, last } = setUp()
    last().say(SNAPSHOT)
    vi.advanceTimersByTime(SILENCE_MS_MAX - 1)
    expect(states.at(-1)).toBe('live')
    vi.advanceTimersByTime(1)
    expect(states.at(-1)).toBe('lost')
    expect(sockets[0]!.closed).toBe(true)
    vi.advanceTimersByTime(RECONNECT_MS_MIN)
    expect(sockets).toHaveLength(2)
    last().say(SNAPSHOT)
    expect(states.at(-1)).toBe('live')
  })

  it('the connection stays live while the server sends alive frames', () => {
    const { states, sockets, last } = setUp()
    last().say(SNAPSHOT)
    for (let i = 0; i < 10; i++) {
      vi.advanceTimersByTime(10_000)
      last().say({ type: 'alive', seq: 1 })
    }
    expect(sockets).toHaveLength(1)
    expect(states.at(-1)).toBe('live')
  })

  it('the watcher reconnects when a frame cannot be applied', () => {
    const { states, sockets, last, answer } = setUp()
    last().say(SNAPSHOT)
    answer('reload')
    last().say({ type: 'changes', prev: 9, seq: 10, changes: [] })
    expect(states.at(-1)).toBe('lost')
    vi.advanceTimersByTime(RECONNECT_MS_MIN)
    expect(sockets).toHaveLength(2)
  })

  it('the reconnect backoff doubles on each failure, and a stable connection resets it', () => {
    const { sockets, last } = setUp()
    for (let tries = 0; tries < 4; tries++) {
      last().close()
      vi.advanceTimersByTime(reconnectDelayMs(tries, 1) - 1)
      expect(sockets).toHaveLength(tries + 1)
      vi.advanceTimersByTime(1)
      expect(sockets).toHaveLength(tries + 2)
    }
    vi.advanceTimersByTime(STABLE_MS_MIN)
    last().say(SNAPSHOT)
    last().close()
    vi.advanceTimersByTime(RECONNECT_MS_MIN)
    expect(sockets).toHaveLength(6)
  })

  it('the connection is lost when no frame arrives within the connect timeout', () => {
    const { states } = setUp()
    vi.advanceTimersByTime(CONNECT_MS_MAX)
    expect(states.at(-1)).toBe('lost')
  })

  it('the watcher reconnects after the device slept if the socket was silent for too long', () => {
    const { sockets, states, watch, last, clock } = setUp()
    last().say(SNAPSHOT)
    clock.now += SILENCE_MS_MAX - 1
    watch.retryNow()
    expect(sockets).toHaveLength(1)
    clock.now += 1
    watch.retryNow()
    expect([sockets.length, sockets[0]!.closed]).toEqual([2, true])
    last().say(SNAPSHOT)
    expect(states.slice(-3)).toEqual(['lost', 'connecting', 'live'])
  })

  it('frames from a dropped socket are ignored', () => {
    const { sockets, states, watch } = setUp()
    sockets[0]!.say(SNAPSHOT)
    watch.drop()
    watch.retryNow()
    const before = states.length
    sockets[0]!.say(SNAPSHOT)
    expect(states).toHaveLength(before)
  })

  it('the watcher reconnects for another person without backoff and without the state lost', () => {
    const { sockets, states, watch, last } = setUp()
    last().say(SNAPSHOT)
    watch.redial()
    expect([sockets.length, sockets[0]!.closed]).toEqual([2, true])
    last().say(SNAPSHOT)
    expect(states).toEqual(['connecting', 'live', 'connecting', 'live'])
  })

  it('the watcher never reconnects after stop', () => {
    const { sockets, watch } = setUp()
    watch.stop()
    watch.retryNow()
    watch.redial()
    vi.advanceTimersByTime(10 * RECONNECT_MS_MAX)
    expect(sockets).toHaveLength(1)
  })
})

describe('the backoff before a reconnect', () => {
  it('the reconnect backoff has jitter over half its length and is capped', () => {
    expect(reconnectDelayMs(0, 0)).toBe(RECONNECT_MS_MIN / 2)
    expect(reconnectDelayMs(0, 1)).toBe(RECONNECT_MS_MIN)
    expect(reconnectDelayMs(50, 1)).toBe(RECONNECT_MS_MAX)
  })
})
