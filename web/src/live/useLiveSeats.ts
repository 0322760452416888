import { useEventListener } from '@vueuse/core'
import { computed, onScopeDispose, watch as observe } from 'vue'
import { useSessionStore } from '@/api/session'
import type { Hold } from '@/api/types'
import type { Frame, MapFrame, ScreeningChange, SeatChange } from './frames'
import type { SeatTransition, Verdict } from './liveMap'
import { useSeatStore } from './seatStore'
import { watchScreening, type SocketLike } from './watch'

export interface LiveEvents {
  /** Called after a frame was applied to the seat map; `changed` lists the seats that it has changed. */
  onMap?: (frame: MapFrame, changed: SeatTransition[]) => void
  /** Called with all seats that this person holds at this screening, whichever device locked them. */
  onHold?: (hold: Hold) => void
  onPayment?: (payment: Extract<Frame, { type: 'payment' }>) => void
  onScreening?: (change: ScreeningChange) => void
  /** Called with the current revision of the screening; a page that shows an older one has missed a change. */
  onRevision?: (revision: number) => void
}

function openSocket(screeningId: string): SocketLike {
  const url = new URL('/api/ws', location.href)
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
  url.searchParams.set('screening_id', screeningId)
  const socket = new WebSocket(url)
  // `watchScreening` ignores the `close` event that a socket emits after it was replaced.
  return socket as unknown as SocketLike
}

/** Subscribes to the live state of one screening until the calling component is unmounted. */
export function useLiveSeats(screeningId: string, events: LiveEvents = {}) {
  const store = useSeatStore()
  const session = useSessionStore()
  const watch = watchScreening({
    connect: () => openSocket(screeningId),
    onState: (state) => store.setConnection(screeningId, state),
    onFrame: hear,
  })

  function hear(frame: Frame): Verdict {
    switch (frame.type) {
      case 'hold':
        events.onHold?.(frame.hold)
        return 'ignored'
      case 'payment':
        events.onPayment?.(frame)
        return 'ignored'
      case 'screening':
        events.onScreening?.(frame)
        return 'ignored'
      default:
        return hearMap(frame)
    }
  }

  function hearMap(frame: MapFrame): Verdict {
    const { verdict, changed } = store.heard(screeningId, frame)
    if (verdict === 'applied') events.onMap?.(frame, changed)
    if (frame.type === 'snapshot' && frame.revision !== undefined) events.onRevision?.(frame.revision)
    return verdict
  }

  // The person to whom the open socket belongs: the server reads it from the session cookie when the socket opens.
  // `null` is a guest, `undefined` means that the session has not been loaded yet.
  let owner: string | null | undefined
  observe(
    () => session.session,
    (known) => {
      if (known.kind === 'unknown') return
      const person = known.kind === 'signed_in' ? known.me.id : null
      if (person !== null && owner !== undefined && owner !== person) watch.redial()
      owner = person
    },
    { immediate: true },
  )

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
    map: computed(() => store.mapOf(screeningId)),
    connection: computed(() => store.connectionOf(screeningId)),
    loaded: (seq: number, seats: readonly SeatChange[]) => store.loaded(screeningId, seq, seats),
  }
}
