import { until, useEventListener } from '@vueuse/core'
import { computed, onScopeDispose, shallowRef, watch, type Ref } from 'vue'
import type { ApiProblem } from '@/api/problem'
import { getHold, lockSeats, unlockSeats } from '@/api/screenings'
import { useSessionStore } from '@/api/session'
import type { Hold } from '@/api/types'
import type { MapFrame, SeatChange } from '@/live/frames'
import type { SeatTransition } from '@/live/liveMap'
import { reconnectDelayMs } from '@/live/watch'
import { isMine, isOwn, isPending, NO_HOLD, standing, step, type Call, type HoldEffect, type HoldEvent, type HoldNews } from './holdSteps'

/** The settle timeout: how long a response may override the live seat map while the map does not confirm it. */
const SETTLE_MS_MAX = 5_000

export interface HoldListener {
  /** `guest`: the person must sign in first, then these seats are requested again. `lost`: another person was faster. */
  onNews: (news: HoldNews, seatIds: string[]) => void
  onProblem: (error: unknown) => void
  /** The server refused to lock these seats, because the screening has changed since the page loaded it. */
  onChanged: (error: ApiProblem, seatIds: string[]) => void
}

interface Sources {
  screeningId: string
  now: Readonly<Ref<number>>
  /** The revision of the screening that the page shows. */
  revision: () => number
}

/** The seats that the person holds at one screening. The logic is the reducer `step`; this composable runs its effects. */
export function useHold({ screeningId, now, revision }: Sources, listener: HoldListener) {
  const session = useSessionStore()
  const state = shallowRef(NO_HOLD)
  const timers = new Set<ReturnType<typeof setTimeout>>()

  function dispatch(event: HoldEvent): void {
    const next = step(state.value, event)
    state.value = next.state
    next.effects.forEach(carryOut)
  }

  function carryOut(effect: HoldEffect): void {
    switch (effect.type) {
      case 'call':
        return void call(effect.call)
      case 'announce':
        return listener.onNews(effect.news, effect.seatIds)
      case 'problem':
        return listener.onProblem(effect.error)
      case 'changed':
        return listener.onChanged(effect.error, effect.seatIds)
      case 'session_ended':
        return session.ended()
      case 'settle_later':
        return later(SETTLE_MS_MAX, () => dispatch({ type: 'settle', seatIds: effect.seatIds, token: effect.token }))
      case 'retry_later':
        return later(reconnectDelayMs(effect.failures - 1, Math.random()), () => void refresh())
    }
  }

  async function call(wanted: Call): Promise<void> {
    try {
      const hold = await send(wanted)
      dispatch({ type: 'answer', hold, now: now.value })
    } catch (error) {
      dispatch({ type: 'refused', error })
    }
  }

  function send({ kind, seatIds }: Call): Promise<Hold> {
    if (kind === 'lock') return lockSeats(screeningId, [...seatIds], revision())
    return kind === 'release' ? unlockSeats(screeningId, [...seatIds]) : getHold(screeningId)
  }

  function later(ms: number, work: () => void): void {
    const timer = setTimeout(() => {
      timers.delete(timer)
      work()
    }, ms)
    timers.add(timer)
  }
  onScopeDispose(() => timers.forEach(clearTimeout))

  /** Resolves when every queued request has been answered or has failed. */
  const settled = () => until(() => state.value.queue.length === 0).toBe(true, { flush: 'sync' })

  async function refresh(): Promise<void> {
    const known = await session.ensure()
    if (known.kind === 'unknown') dispatch({ type: 'unreachable', error: known.error })
    else dispatch({ type: 'refresh' })
    await settled()
  }

  async function lock(seatIds: string[]): Promise<void> {
    const known = await session.ensure()
    if (known.kind === 'unknown') return listener.onProblem(known.error)
    dispatch({ type: 'lock', seatIds })
    await settled()
  }

  async function release(seatIds: string[]): Promise<void> {
    dispatch({ type: 'release', seatIds })
    await settled()
  }

  let personId: string | undefined
  watch(
    () => session.session,
    (known) => {
      if (known.kind === 'unknown') return
      const id = known.kind === 'signed_in' ? known.me.id : undefined
      const isAnother = personId !== undefined && id !== personId
      const wasGuest = state.value.person === 'guest'
      personId = id
      if (isAnother || id === undefined) dispatch({ type: 'person', kind: 'guest' })
      if (id === undefined) return
      dispatch({ type: 'person', kind: 'signed_in' })
      if (isAnother || wasGuest) void refresh()
    },
    { immediate: true, flush: 'sync' },
  )

  const hold = computed(() => state.value.hold)
  const remainingMs = computed(() => (hold.value?.expires_at ? Math.max(0, Date.parse(hold.value.expires_at) - now.value) : null))
  watch(remainingMs, (left) => left === 0 && dispatch({ type: 'time', now: now.value }))

  // A page that was suspended may have missed `hold` frames, so it loads the hold again.
  useEventListener(document, 'visibilitychange', () => {
    if (!document.hidden) void refresh()
  })
  useEventListener(window, 'focus', () => void refresh())
  useEventListener(window, 'pageshow', (event: PageTransitionEvent) => {
    if (event.persisted) void refresh()
  })

  return {
    hold,
    isReady: computed(() => state.value.isReady),
    isMine: (id: string) => isMine(state.value, id),
    isPending: (id: string) => isPending(state.value, id),
    isOwn: (id: string) => isOwn(state.value, id),
    standing: (id: string, live: SeatChange | undefined) => standing(state.value, id, live),
    remainingMs,
    refresh,
    lock,
    release,
    hearHold: (heard: Hold) => dispatch({ type: 'frame', hold: heard, now: now.value }),
    hearMap: (frame: MapFrame, changes: readonly SeatTransition[]) => dispatch({ type: 'map', seq: frame.seq, changes, isWhole: frame.type === 'snapshot' }),
  }
}
