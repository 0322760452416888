import { refDebounced } from '@vueuse/core'
import { computed, onMounted, ref, shallowRef, watch } from 'vue'
import { useI18n } from 'vue-i18n'
import { useRoute, useRouter } from 'vue-router'
import { notify } from '@/lib/notify'
import { isProblem } from '@/api/problem'
import { getSeats } from '@/api/screenings'
import { useSessionStore } from '@/api/session'
import type { ScreeningDetail, SeatMap } from '@/api/types'
import { useFormat } from '@/i18n/useFormat'
import { useProblemText } from '@/i18n/useProblemText'
import { sumMoney } from '@/lib/money'
import { nearestEqual, parseSeatIds } from '@/lib/seating'
import { useAnnouncer } from '@/lib/useAnnouncer'
import { useServerNow } from '@/lib/useServerNow'
import type { SeatTurn } from '@/live/room'
import { useLiveSeats } from '@/live/useLiveSeats'
import type { ConnectionState } from '@/live/watch'
import { useHold } from './useHold'
import { useSeatNews } from './useSeatNews'
import { useSeatViews } from './useSeatViews'

export type SeatNotice =
  | { kind: 'none' }
  | { kind: 'lost'; seats: string[]; offer: string[] }
  /** Their time ran out, or one came for them and could not have them; one button asks for them. */
  | { kind: 'lapsed' | 'wanted'; seats: string[] }

/** A blip shorter than this is not worth a banner; longer, and it is shown well within three seconds. */
const BANNER_DELAY_MS = 1_500
const TWO_MINUTES_MS = 120_000
const HALF_MINUTE_MS = 30_000

/** Everything the seat page does. */
export function useSeating(screening: ScreeningDetail) {
  const { t } = useI18n()
  const format = useFormat()
  const problemText = useProblemText()
  const route = useRoute()
  const router = useRouter()
  const session = useSessionStore()
  const now = useServerNow()
  const { text: announcement, announce } = useAnnouncer()
  const notice = shallowRef<SeatNotice>({ kind: 'none' })
  const loadedSeats = shallowRef<SeatMap | null>(null)
  const inspected = ref<string | null>(null)

  const news = useSeatNews((counts) => announce(t('seats.said_others', counts)))
  const live = useLiveSeats(screening.id, { onChanged: (changed) => hear(changed) })

  const holding = useHold(screening.id, now, {
    onGuest: (ids) => void router.push({ path: '/sign-in', query: { return_to: `/screenings/${screening.id}?seats=${ids.join(',')}` } }),
    onMine: (ids) => {
      if (notice.value.kind !== 'lost' || ids.every((id) => offerOf().includes(id))) notice.value = { kind: 'none' }
      announce(ids.map((id) => t('seats.said_mine', { seat: nameOf(id) })).join(' '))
    },
    onReleased: (ids) => announce(ids.map((id) => t('seats.said_free', { seat: nameOf(id) })).join(' ')),
    onLost: (ids) => (notice.value = { kind: 'lost', seats: ids, offer: nearestEqual(views.list.value, ids, views.plan) }),
    onLapsed: (ids) => {
      const before = notice.value.kind === 'lapsed' ? notice.value.seats : []
      notice.value = { kind: 'lapsed', seats: [...new Set([...before, ...ids])] }
    },
    onProblem: (error) => void notify('error', problemText(error)),
  })
  const views = useSeatViews({
    screening,
    room: live.room,
    loaded: loadedSeats,
    standing: holding.standing,
  })

  const offerOf = () => (notice.value.kind === 'lost' ? notice.value.offer : [])
  const nameOf = (id: string) => {
    const seat = views.plan.byId.get(id)
    return seat ? t('seats.name_short', { row: seat.row, number: seat.number }) : id
  }

  function hear(changed: SeatTurn[]): void {
    news.heard(changed.filter((change) => !holding.isOwn(change.id)))
    changed.forEach(holding.noteLive)
    if (changed.some(holding.isDoubted)) void holding.refresh()
  }

  const isLost = computed(() => live.connection.value === 'lost')
  // While a try is under way nothing is known to be better: the banner stays until a snapshot is there.
  const isDown = ref(false)
  const hearState = (state: ConnectionState): void => {
    if (state === 'lost') isDown.value = true
    if (state !== 'live') return
    // The map has come back as a whole, and what became of this person's seats meanwhile is not in it.
    if (isDown.value) void holding.refresh()
    isDown.value = false
  }
  // Each state counts, also one that another follows at once.
  watch(live.connection, hearState, { flush: 'sync' })
  const isLongDown = refDebounced(isDown, BANNER_DELAY_MS)
  const isOffline = computed(() => isDown.value && isLongDown.value)

  const isClosed = computed(() => Date.parse(screening.sales_close_at) <= now.value)
  const isPaying = computed(() => (holding.hold.value?.payment_id ?? null) !== null)
  const mine = computed(() => views.list.value.filter((seat) => seat.state === 'mine'))
  const total = computed(() => sumMoney(mine.value.map((seat) => seat.price), screening.price_from?.currency ?? 'THB'))

  function choose(id: string): void {
    const seat = views.seats.value.get(id)
    inspected.value = id
    if (seat === undefined || seat.pending || isOffline.value) return
    if (isPaying.value && (seat.state === 'mine' || seat.state === 'available')) {
      void notify('info', t('problem.payment_in_progress'))
      return
    }
    if (seat.state === 'mine') void holding.release([id])
    else if (seat.state === 'available' && !isClosed.value) void holding.lock([id])
    // It may be this person's own, chosen on another device just now.
    else if (seat.state === 'locked') void holding.refresh()
  }

  // Seats that are this person's again, whichever way, are no longer missed.
  watch(holding.hold, () => {
    const { value } = notice
    if (value.kind === 'none' || value.kind === 'lost') return
    const seats = value.seats.filter((id) => !holding.isMine(id))
    notice.value = seats.length > 0 ? { kind: value.kind, seats } : { kind: 'none' }
  })
  const isTaking = computed(() => {
    const { value } = notice
    const wanted = value.kind === 'none' ? [] : value.kind === 'lost' ? value.offer : value.seats
    return wanted.some((id) => holding.pending.has(id))
  })

  watch(holding.remainingMs, (left, before) => {
    if (left === null || before === null || before === undefined) return
    if (before > TWO_MINUTES_MS && left <= TWO_MINUTES_MS) announce(t('seats.two_minutes'))
    if (before > HALF_MINUTE_MS && left <= HALF_MINUTE_MS) announce(t('seats.half_minute'))
  })

  onMounted(async () => {
    getSeats(screening.id).then(
      (seatMap) => {
        loadedSeats.value = seatMap
        live.loaded(seatMap.seq, seatMap.seats.filter((seat) => seat.status !== 'UNAVAILABLE'))
      },
      // The socket brings the same soon; a missing screening has been reported by the page itself.
      (error) => (isProblem(error, 'no_answer') ? undefined : void notify('error', problemText(error))),
    )
    await holding.refresh()
    await lockWanted()
  })

  /**
   * Back from signing in, or from a payment that ran out of time: the same seats, and an address without them, so that a
   * reload asks for nothing. When they cannot be had now, they are not forgotten.
   */
  async function lockWanted(): Promise<void> {
    const wanted = parseSeatIds(route.query.seats)
    if (session.session.kind === 'guest' || route.query.seats === undefined) return
    await router.replace({ path: route.path })
    if (session.me !== null && !isPaying.value) await holding.lock(wanted.filter((id) => !holding.isMine(id)))
    const seats = wanted.filter((id) => !holding.isMine(id))
    if (seats.length > 0 && notice.value.kind === 'none') notice.value = { kind: 'wanted', seats }
  }

  return {
    ...views,
    ...holding,
    announcement,
    choose,
    format,
    inspected,
    isClosed,
    isLost,
    isOffline,
    isPaying,
    isTaking,
    mine,
    notice,
    dismiss: () => (notice.value = { kind: 'none' }),
    /** The notice stays until there is an answer: without one the choice must not be lost. */
    takeInstead: (ids: string[]) => void holding.lock(ids),
    total,
  }
}
