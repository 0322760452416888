import { useEventListener } from '@vueuse/core'
import { computed, onScopeDispose } from 'vue'
import type { SeatChange } from './frames'
import type { SeatTurn } from './room'
import { useSeatStore } from './seatStore'
import { watchScreening, type SocketLike } from './watch'

function openSocket(screeningId: string): SocketLike {
  const url = new URL('/api/ws', location.href)
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
  url.searchParams.set('screening_id', screeningId)
  const socket = new WebSocket(url)
  // Closing an unopened socket still reports `close` later; the watcher has let go of it by then.
  return socket as unknown as SocketLike
}

/** The live state of one screening for as long as the calling component lives. */
export function useLiveSeats(screeningId: string, options: { onChanged?: (changed: SeatTurn[]) => void } = {}) {
  const store = useSeatStore()
  const watch = watchScreening({
    connect: () => openSocket(screeningId),
    onState: (state) => store.setConnection(screeningId, state),
    onFrame: (frame) => {
      const { verdict, changed } = store.heard(screeningId, frame)
      if (changed.length > 0) options.onChanged?.(changed)
      return verdict
    },
  })

  useEventListener(window, 'offline', () => watch.drop())
  useEventListener(window, 'online', () => watch.retryNow())
  useEventListener(document, 'visibilitychange', () => {
    if (!document.hidden) watch.retryNow()
  })
  onScopeDispose(() => {
    watch.stop()
    store.forget(screeningId)
  })

  return {
    room: computed(() => store.roomOf(screeningId)),
    connection: computed(() => store.connectionOf(screeningId)),
    loaded: (seq: number, seats: readonly SeatChange[]) => store.loaded(screeningId, seq, seats),
  }
}
