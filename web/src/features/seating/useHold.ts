import { useBroadcastChannel, useEventListener } from '@vueuse/core'
import { computed, ref, shallowReactive, shallowRef, watch, type Ref } from 'vue'
import { isProblem } from '@/api/problem'
import { getHold, lockSeats, unlockSeats } from '@/api/screenings'
import { useSessionStore } from '@/api/session'
import type { Hold } from '@/api/types'

/** A seat that vanished from the hold this close to its time has run out; earlier, somebody let it go. */
const LAPSE_SLACK_MS = 1_500
/** How long a seat just let go may wait for the live change that says so. */
const SETTLE_MS_MAX = 2_000

export interface HoldEvents {
  /** Not signed in: these seats are wanted after signing in. */
  onGuest: (seatIds: string[]) => void
  onMine: (seatIds: string[]) => void
  onReleased: (seatIds: string[]) => void
  /** Somebody was faster with these. */
  onLost: (seatIds: string[]) => void
  onLapsed: (seatIds: string[]) => void
  onProblem: (error: unknown) => void
  /** Whether the live map still shows the seat as held, by whomever. */
  isHeldLive: (seatId: string) => boolean
}

/** This person's seats at one screening. The server decides everything; here is only what it last said. */
export function useHold(screeningId: string, now: Ref<number>, events: HoldEvents) {
  const session = useSessionStore()
  const hold = shallowRef<Hold | null>(null)
  const pending = shallowReactive(new Set<string>())
  const isReady = ref(false)
  let queue: Promise<void> = Promise.resolve()

  // Another tab only says that something has changed. What it knew may be older than what is known here by now, so the
  // server is asked, in line with the other calls. Each message is an object of its own: equal values would not be noticed.
  const { post, data: heard } = useBroadcastChannel<object, object>({ name: `seatkeeper-hold-${screeningId}` })
  const tellOtherTabs = () => post({})
  watch(heard, () => void refresh())

  const isMine = (id: string): boolean => hold.value?.seat_ids.includes(id) ?? false

  /** Keeps an answer, and notices what ran out on the way to it. */
  function take(next: Hold, released: readonly string[] = []): void {
    const lapsed = (hold.value?.seats ?? [])
      .filter((seat) => !next.seat_ids.includes(seat.id) && !released.includes(seat.id))
      .filter((seat) => Date.parse(seat.expires_at) - now.value < LAPSE_SLACK_MS)
    hold.value = next
    if (lapsed.length > 0) events.onLapsed(lapsed.map((seat) => seat.id))
  }

  /** One call at a time: answers carry the whole hold, and an older one must not overwrite a newer. */
  function enqueue(work: () => Promise<void>): Promise<void> {
    queue = queue.then(work)
    return queue
  }

  async function refresh(): Promise<void> {
    const known = await session.ensure()
    if (known.kind !== 'signed_in') {
      if (known.kind === 'unknown' && !isReady.value) events.onProblem(known.error)
      isReady.value = true
      return
    }
    await enqueue(async () => {
      try {
        take(await getHold(screeningId))
      } catch (error) {
        if (isProblem(error, 'sign_in_required')) session.ended()
        else if (!isReady.value) events.onProblem(error)
      }
    })
    isReady.value = true
  }

  async function lock(seatIds: string[]): Promise<void> {
    if (seatIds.length === 0) return
    const known = await session.ensure()
    if (known.kind === 'guest') return events.onGuest(seatIds)
    if (known.kind === 'unknown') return events.onProblem(known.error)
    seatIds.forEach((id) => pending.add(id))
    let retry: string[] = []
    await enqueue(async () => {
      try {
        take(await lockSeats(screeningId, seatIds))
        tellOtherTabs()
        events.onMine(seatIds)
      } catch (error) {
        retry = refused(seatIds, error)
      } finally {
        seatIds.forEach((id) => pending.delete(id))
      }
    })
    await lock(retry)
  }

  /** What a refusal means; the seats that are still worth asking for. */
  function refused(seatIds: string[], error: unknown): string[] {
    if (isProblem(error, 'seat_taken')) {
      const taken = error.problem.seat_ids ?? seatIds
      events.onLost(seatIds.filter((id) => taken.includes(id)))
      const rest = seatIds.filter((id) => !taken.includes(id))
      return rest.length < seatIds.length ? rest : []
    }
    if (isProblem(error, 'sign_in_required')) {
      session.ended()
      events.onGuest(seatIds)
      return []
    }
    events.onProblem(error)
    // Whether it had its effect is not known, or something else of ours changed: ask.
    void refresh()
    return []
  }

  async function release(seatIds: string[]): Promise<void> {
    if (seatIds.length === 0) return
    seatIds.forEach((id) => pending.add(id))
    await enqueue(async () => {
      try {
        take(await unlockSeats(screeningId, seatIds), seatIds)
        tellOtherTabs()
        events.onReleased(seatIds)
        // Until the live change arrives the seat would look like somebody else's; often it is here already.
        seatIds.filter((id) => !events.isHeldLive(id)).forEach(settled)
        setTimeout(() => seatIds.forEach(settled), SETTLE_MS_MAX)
      } catch (error) {
        seatIds.forEach(settled)
        events.onProblem(error)
        void refresh()
      }
    })
  }

  /** The live map now says what we know. */
  const settled = (seatId: string): void => void pending.delete(seatId)

  const expiresAt = computed(() => (hold.value?.expires_at ? Date.parse(hold.value.expires_at) : null))
  const remainingMs = computed(() => (expiresAt.value === null ? null : Math.max(0, expiresAt.value - now.value)))

  watch(remainingMs, (left) => {
    const held = hold.value
    if (left !== 0 || held === null || held.payment_id !== null) return
    const rest = held.seats.filter((seat) => Date.parse(seat.expires_at) > now.value)
    const earliest = rest.map((seat) => seat.expires_at).sort((a, b) => Date.parse(a) - Date.parse(b))[0]
    take({ ...held, seats: rest, seat_ids: rest.map((seat) => seat.id), expires_at: earliest ?? null })
  })

  useEventListener(window, 'focus', () => void refresh())
  useEventListener(window, 'pageshow', (event: PageTransitionEvent) => {
    if (event.persisted) void refresh()
  })

  return { hold, pending, isReady, isMine, remainingMs, refresh, lock, release, settled }
}
