import { useEventListener } from '@vueuse/core'
import { computed, ref, shallowReactive, shallowRef, watch, type Ref } from 'vue'
import { isProblem } from '@/api/problem'
import { getHold, lockSeats, unlockSeats } from '@/api/screenings'
import { useSessionStore } from '@/api/session'
import type { Hold } from '@/api/types'
import type { SeatChange } from '@/live/frames'
import type { TabMessage } from '@/live/tabs'
import { reconnectDelayMs } from '@/live/watch'
import { useOtherTabs } from './useOtherTabs'

/** A seat that vanished from the hold this close to its time has run out; earlier, somebody let it go. */
const LAPSE_SLACK_MS = 1_500
/** How long a seat just let go, or just refused, may wait for the live change that says so. */
const SETTLE_MS_MAX = 5_000
/** The live map tells when a seat may come back in whole seconds, rounded up. */
const UNTIL_STEP_MS = 1_000

export interface HoldEvents {
  /** Not signed in: these seats are wanted after signing in. */
  onGuest: (seatIds: string[]) => void
  onMine: (seatIds: string[]) => void
  onReleased: (seatIds: string[]) => void
  /** Somebody was faster with these. */
  onLost: (seatIds: string[]) => void
  onLapsed: (seatIds: string[]) => void
  onProblem: (error: unknown) => void
}

/** What a seat is to this person, when it is neither sold nor kept from sale. */
export interface Standing {
  state: 'available' | 'mine' | 'locked'
  pending: boolean
}

/** This person's seats at one screening. The server decides everything; here is only what it last said. */
export function useHold(screeningId: string, now: Ref<number>, events: HoldEvents) {
  const session = useSessionStore()
  const hold = shallowRef<Hold | null>(null)
  /** Asked about just now; each until it is known what came of it. */
  const pending = shallowReactive(new Set<string>())
  /** Mine until just now, with the time until when: the live map may still say that they are held. */
  const letGo = shallowReactive(new Map<string, number>())
  /** Refused just now: the live map may not say yet that somebody has them. */
  const taken = shallowReactive(new Set<string>())
  /** Asked about without an answer: pending until the server has said what is true. */
  const unsure = new Set<string>()
  const isReady = ref(false)
  /** How often in a row it could not be learnt what this person holds. */
  const failures = ref(0)
  let queue: Promise<void> = Promise.resolve()

  // What another tab knew may be older than what is known here by now, so the server is asked, in line with the other calls.
  const tabs = useOtherTabs(screeningId, () => void refresh())
  // What is known here is of the person who has left.
  watch(
    () => session.session.kind,
    (kind) => kind === 'guest' && (hold.value = null),
  )

  const isMine = (id: string): boolean => hold.value?.seat_ids.includes(id) ?? false

  /**
   * The live map says that a seat is held, never by whom, and comes before or after the answer that tells. So a question
   * under way hides it, and a lock that was mine is known by its time.
   */
  function standing(id: string, live: SeatChange | undefined): Standing {
    const isHeld = live?.status === 'LOCKED'
    if (!isReady.value && isHeld) return { state: 'available', pending: true }
    const isPending = pending.has(id) || tabs.isAsking(id)
    if (isMine(id)) return { state: 'mine', pending: isPending }
    const isOthers = taken.has(id) || (isHeld && !isPending && !wasMine(id, live.until))
    return { state: isOthers ? 'locked' : 'available', pending: isPending }
  }

  function wasMine(id: string, until: string | null | undefined): boolean {
    const mineUntil = letGo.get(id)
    return mineUntil !== undefined && isSameTime(until, mineUntil)
  }

  /** One of mine is no longer held, or until another time: another window, the clock, or a payment. The server knows. */
  function isDoubted({ id, status, until }: SeatChange): boolean {
    const seat = hold.value?.seats.find((held) => held.id === id)
    if (seat === undefined || pending.has(id) || tabs.isAsking(id)) return false
    return status !== 'LOCKED' || !isSameTime(until, Date.parse(seat.expires_at))
  }

  /** Whether news of this seat is about what this person does. */
  const isOwn = (id: string): boolean => isMine(id) || pending.has(id) || tabs.isAsking(id) || letGo.has(id)

  /** The live map has said something new, which is newer than what was remembered for it. */
  function noteLive({ id, status }: SeatChange): void {
    taken.delete(id)
    if (status !== 'LOCKED') letGo.delete(id)
  }

  function remember(id: string, until: number): void {
    letGo.set(id, until)
    setTimeout(() => letGo.get(id) === until && letGo.delete(id), SETTLE_MS_MAX)
  }

  function markTaken(id: string): void {
    taken.add(id)
    setTimeout(() => taken.delete(id), SETTLE_MS_MAX)
  }

  /** An answer says all that this person holds, so that nothing is unsure any more. */
  function accept(answer: Hold, released: readonly string[] = []): void {
    take(answer, released)
    know()
  }

  /** The server has said what is true, also of what other tabs were told before it was asked. */
  function know(told: readonly TabMessage[] = []): void {
    isReady.value = true
    failures.value = 0
    settle([...unsure])
    tabs.settle(told)
  }

  /** Keeps what is held now, and notices what ran out on the way to it. */
  function take(next: Hold, released: readonly string[] = []): void {
    const gone = (hold.value?.seats ?? []).filter((seat) => !next.seat_ids.includes(seat.id))
    gone.forEach((seat) => remember(seat.id, Date.parse(seat.expires_at)))
    const lapsed = gone
      .filter((seat) => !released.includes(seat.id))
      .filter((seat) => Date.parse(seat.expires_at) - now.value < LAPSE_SLACK_MS)
    hold.value = next
    if (lapsed.length > 0) events.onLapsed(lapsed.map((seat) => seat.id))
  }

  /** One call at a time: answers carry the whole hold, and an older one must not overwrite a newer. */
  function enqueue(work: () => Promise<void>): Promise<void> {
    queue = queue.then(work, work)
    return queue
  }

  async function refresh(): Promise<void> {
    const known = await session.ensure()
    if (known.kind === 'guest') know(tabs.answered())
    else if (known.kind === 'unknown') notKnown(known.error)
    else await enqueue(() => askHold())
  }

  /** What is held, or is unsure, is asked for again by and by. What is known from before may stay. */
  function notKnown(error: unknown): void {
    if (isReady.value && unsure.size === 0 && !tabs.isAnyAsked()) return
    if (!isReady.value && failures.value === 0) events.onProblem(error)
    failures.value += 1
  }

  watch(failures, (count, _, onCleanup) => {
    if (count === 0) return
    const again = setTimeout(() => void refresh(), reconnectDelayMs(count - 1, Math.random()))
    onCleanup(() => clearTimeout(again))
  })

  /** What is asked about stops being pending with the answer, in one step: nothing may be drawn between the two. */
  async function askHold(asked: readonly string[] = []): Promise<void> {
    asked.forEach((id) => unsure.add(id))
    const told = tabs.answered()
    try {
      take(await getHold(screeningId))
      know(told)
    } catch (error) {
      if (!isProblem(error) || !error.isDefinite) return notKnown(error)
      if (error.code === 'sign_in_required') session.ended()
      else if (!isReady.value) events.onProblem(error)
      know(told)
    }
  }

  async function lock(seatIds: string[]): Promise<void> {
    if (seatIds.length === 0) return
    const known = await session.ensure()
    if (known.kind === 'guest') return events.onGuest(seatIds)
    if (known.kind === 'unknown') return events.onProblem(known.error)
    wait(seatIds)
    await enqueue(async () => {
      let asked = seatIds
      while (asked.length > 0) asked = await ask(asked)
      tabs.tell()
    })
  }

  /** Asks for these; those that are still worth asking for are given back, and stay pending. */
  async function ask(seatIds: string[]): Promise<string[]> {
    tabs.tell({ asking: seatIds })
    try {
      accept(await lockSeats(screeningId, seatIds))
      settle(seatIds)
      events.onMine(seatIds)
      return []
    } catch (error) {
      return refused(seatIds, error)
    }
  }

  /** What a refusal means; the seats that are still worth asking for. Not `async`: a refusal is drawn in one step. */
  function refused(seatIds: string[], error: unknown): string[] | Promise<string[]> {
    if (isProblem(error, 'seat_taken')) {
      const others = error.problem.seat_ids ?? seatIds
      const lost = seatIds.filter((id) => others.includes(id))
      const rest = lost.length > 0 ? seatIds.filter((id) => !others.includes(id)) : []
      lost.forEach(markTaken)
      settle(seatIds.filter((id) => !rest.includes(id)))
      events.onLost(lost)
      return rest
    }
    if (isProblem(error, 'sign_in_required')) {
      settle(seatIds)
      session.ended()
      events.onGuest(seatIds)
      return []
    }
    events.onProblem(error)
    // Whether it had its effect is not known, or something else of ours changed: ask, and say nothing of the seats before.
    return askHold(seatIds).then(() => [])
  }

  async function release(seatIds: string[]): Promise<void> {
    if (seatIds.length === 0) return
    wait(seatIds)
    await enqueue(async () => {
      tabs.tell({ asking: seatIds })
      try {
        accept(await unlockSeats(screeningId, seatIds), seatIds)
        settle(seatIds)
        events.onReleased(seatIds)
      } catch (error) {
        events.onProblem(error)
        await askHold(seatIds)
      }
      tabs.tell()
    })
  }

  function wait(seatIds: readonly string[]): void {
    for (const id of seatIds) {
      pending.add(id)
      unsure.delete(id)
    }
  }

  function settle(seatIds: readonly string[]): void {
    for (const id of seatIds) {
      pending.delete(id)
      unsure.delete(id)
    }
  }

  const expiresAt = computed(() => (hold.value?.expires_at ? Date.parse(hold.value.expires_at) : null))
  const remainingMs = computed(() => (expiresAt.value === null ? null : Math.max(0, expiresAt.value - now.value)))

  watch(remainingMs, (left) => {
    const held = hold.value
    if (left !== 0 || held === null || held.payment_id !== null) return
    const rest = held.seats.filter((seat) => Date.parse(seat.expires_at) > now.value)
    const earliest = rest.map((seat) => seat.expires_at).sort((a, b) => Date.parse(a) - Date.parse(b))[0]
    take({ ...held, seats: rest, seat_ids: rest.map((seat) => seat.id), expires_at: earliest ?? null })
  })

  // Another device of the same person has no other way to say what it did.
  useEventListener(document, 'visibilitychange', () => {
    if (!document.hidden) void refresh()
  })
  useEventListener(window, 'focus', () => void refresh())
  useEventListener(window, 'pageshow', (event: PageTransitionEvent) => {
    if (event.persisted) void refresh()
  })

  return { hold, pending, isReady, isMine, isOwn, isDoubted, standing, remainingMs, refresh, tellOtherTabs: () => tabs.tell(), lock, release, noteLive }
}

function isSameTime(live: string | null | undefined, mine: number): boolean {
  const late = live ? Date.parse(live) - mine : Number.NaN
  return late >= 0 && late < UNTIL_STEP_MS
}
