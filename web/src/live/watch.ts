import type { Frame } from './frames'
import { parseFrame } from './frames'
import type { Verdict } from './liveMap'

/** The server sends a frame at least every 10 s; after a longer silence the connection counts as lost. */
export const SILENCE_MS_MAX = 25_000
/** Timeout from opening the WebSocket to its first frame. */
export const CONNECT_MS_MAX = 10_000
export const RECONNECT_MS_MIN = 400
export const RECONNECT_MS_MAX = 15_000
/** A connection that lasted this long resets the backoff. */
export const STABLE_MS_MIN = 5_000

export type ConnectionState = 'connecting' | 'live' | 'lost'

export interface SocketLike {
  onmessage: ((event: { data: unknown }) => void) | null
  onclose: (() => void) | null
  close(): void
}

export interface WatchOptions {
  connect: () => SocketLike
  /** Handles a frame and returns its verdict; `reload` makes the watcher reconnect for a new snapshot. */
  onFrame: (frame: Frame) => Verdict
  onState: (state: ConnectionState) => void
  random?: () => number
  now?: () => number
}

export interface Watch {
  /** Reconnects without waiting for the backoff: the device is online again or the page is visible again. */
  retryNow(): void
  /** Drops the connection without waiting for the silence timeout: the device is offline. */
  drop(): void
  /** Reconnects because another person signed in: the open socket belongs to the previous person, or to a guest. */
  redial(): void
  stop(): void
}

/** Capped exponential backoff before a reconnect; its second half is random, so that many clients do not reconnect at once. */
export function reconnectDelayMs(attempt: number, random: number): number {
  const full = Math.min(RECONNECT_MS_MAX, RECONNECT_MS_MIN * 2 ** attempt)
  return full / 2 + (full / 2) * random
}

/** Keeps a WebSocket to one screening connected, with reconnects, until stopped. */
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
      // Timers do not run while the device sleeps, so a socket that looks open may have been dead for long.
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
