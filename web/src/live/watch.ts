import type { Frame } from './frames'
import { parseFrame } from './frames'
import type { Verdict } from './room'

/** The server says something every 10 s; silence for longer than this means that the line is dead. */
export const SILENCE_MS_MAX = 25_000
/** From dialling to the first frame. */
export const CONNECT_MS_MAX = 10_000
export const RECONNECT_MS_MIN = 400
export const RECONNECT_MS_MAX = 15_000
/** A connection that lasted this long proves the way is good again, so the next pause starts small. */
export const STABLE_MS_MIN = 5_000

export type ConnectionState = 'connecting' | 'live' | 'lost'

export interface SocketLike {
  onmessage: ((event: { data: unknown }) => void) | null
  onclose: (() => void) | null
  close(): void
}

export interface WatchOptions {
  connect: () => SocketLike
  /** Takes a frame in and says what it meant; `reload` makes the watcher start over. */
  onFrame: (frame: Frame) => Verdict
  onState: (state: ConnectionState) => void
  random?: () => number
  now?: () => number
}

export interface Watch {
  /** The device says that it is online again or the page is visible again: do not wait for the pause to end. */
  retryNow(): void
  /** The device says that it is offline: do not wait for the silence. */
  drop(): void
  /** Another person is at the screen: the socket that is open belongs to the one before, or to nobody. */
  redial(): void
  stop(): void
}

/** The pause before the n-th try: doubling, capped, and a random half so that a crowd does not come back at once. */
export function reconnectDelayMs(attempt: number, random: number): number {
  const full = Math.min(RECONNECT_MS_MAX, RECONNECT_MS_MIN * 2 ** attempt)
  return full / 2 + (full / 2) * random
}

/** Keeps one WebSocket to one screening alive until stopped. */
export function watchScreening({ connect, onFrame, onState, random = Math.random, now = Date.now }: WatchOptions): Watch {
  let socket: SocketLike | null = null
  let timer: ReturnType<typeof setTimeout> | undefined
  let attempt = 0
  let dialledAt = 0
  let heardAt = 0
  let stopped = false

  function dial(): void {
    clearTimeout(timer)
    onState('connecting')
    dialledAt = heardAt = now()
    const mine = connect()
    socket = mine
    timer = setTimeout(lose, CONNECT_MS_MAX)
    mine.onmessage = (event) => {
      if (socket === mine) hear(event.data)
    }
    mine.onclose = () => {
      if (socket === mine) lose()
    }
  }

  function hear(data: unknown): void {
    const frame = typeof data === 'string' ? parseFrame(data) : null
    heardAt = now()
    clearTimeout(timer)
    timer = setTimeout(lose, SILENCE_MS_MAX)
    if (frame === null) return
    if (now() - dialledAt >= STABLE_MS_MIN) attempt = 0
    if (onFrame(frame) === 'reload') lose()
    else if (frame.type === 'snapshot') onState('live')
  }

  function hangUp(): void {
    clearTimeout(timer)
    const old = socket
    socket = null
    old?.close()
  }

  function lose(): void {
    if (stopped) return
    hangUp()
    onState('lost')
    timer = setTimeout(dial, reconnectDelayMs(attempt, random()))
    attempt += 1
  }

  dial()
  return {
    retryNow() {
      // While the device slept the timer did not run, and a socket that looks alive may have died long ago.
      if (socket !== null && now() - heardAt >= SILENCE_MS_MAX) lose()
      if (!stopped && socket === null) dial()
    },
    drop() {
      if (!stopped && socket !== null) lose()
    },
    redial() {
      if (stopped) return
      hangUp()
      dial()
    },
    stop() {
      stopped = true
      hangUp()
    },
  }
}
