import { refDebounced } from '@vueuse/core'
import { computed, onMounted, ref, shallowRef, watch } from 'vue'
import { useI18n } from 'vue-i18n'
import { useRoute, useRouter } from 'vue-router'
import { notify } from '@/lib/notify'
import { getPayment } from '@/api/payments'
import { isProblem, type ApiProblem } from '@/api/problem'
import { getSeats } from '@/api/screenings'
import { useSessionStore } from '@/api/session'
import type { ScreeningDetail, SeatMap } from '@/api/types'
import { useFormat } from '@/i18n/useFormat'
import { useProblemText } from '@/i18n/useProblemText'
import { nearestEqual, parseSeatIds, type SeatView } from '@/lib/seating'
import { useAnnouncer } from '@/lib/useAnnouncer'
import { useServerNow } from '@/lib/useServerNow'
import type { MapFrame } from '@/live/frames'
import type { SeatTransition } from '@/live/liveMap'
import { useLiveSeats } from '@/live/useLiveSeats'
import type { ConnectionState } from '@/live/watch'
import type { HoldNews } from './holdSteps'
import { totalOf } from './terms'
import { useHold } from './useHold'
import { useSeatNews } from './useSeatNews'
import { useSeatViews } from './useSeatViews'
import { useTerms } from './useTerms'

export type SeatNotice =
  | { kind: 'none' }
  | { kind: 'lost'; seats: string[]; offer: string[] }
  /** `lapsed`: the locks expired. `wanted`: seats from the URL could not be locked. A button in the notice locks them again. */
  | { kind: 'lapsed' | 'wanted'; seats: string[] }
  /** The seats were withdrawn from sale while this person held them. */
  | { kind: 'withdrawn'; seats: string[] }
  /** The person has paid for the seats on another device or in another window. */
  | { kind: 'paid'; bookingId: string }

/** The offline banner is shown only when the live connection is interrupted for longer than this. */
const BANNER_DELAY_MS = 1_500
const TWO_MINUTES_MS = 120_000
const HALF_MINUTE_MS = 30_000

/** The logic of the seat page: choosing seats, notices, changes of the terms, and the state of the live connection. */
export function useSeating(loaded: () => ScreeningDetail, reload: () => void) {
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
  /** Seats that the server did not lock because the terms had changed: the question about the new terms covers these too. */
  const asked = ref<string[]>([])
  const { id } = loaded()

  const stake = shallowRef<readonly SeatView[]>([])
  const terms = useTerms({ loaded, reload, stake })
  const screening = computed(() => terms.current.value?.screening ?? loaded())
  const prices = computed(() => terms.current.value?.prices ?? new Map())

  const news = useSeatNews((counts) => announce(t('seats.said_others', counts)))
  const live = useLiveSeats(id, {
    onMap: hear,
    onHold: (hold) => holding.hearHold(hold),
    onPayment: ({ id: paymentId, status }) => void hearPayment(paymentId, status),
    onScreening: terms.hear,
    onRevision: terms.hearRevision,
  })

  const holding = useHold(
    { screeningId: id, now, revision: () => screening.value.revision },
    { onNews: hearNews, onProblem: (error) => void notify('error', problemText(error)), onChanged: (error, ids) => void askAgain(error, ids) },
  )
  const views = useSeatViews({ screening, prices, liveMap: live.map, loaded: loadedSeats, standing: holding.standing })

  // Seat views depend on the terms, and the change of terms depends on the chosen seats. This watcher breaks the cycle.
  watch(
    () => views.list.value.filter((seat) => seat.state === 'mine' || asked.value.includes(seat.id)),
    (seats) => (stake.value = seats),
    { immediate: true, flush: 'sync' },
  )

  function hearNews(what: HoldNews, ids: string[]): void {
    switch (what) {
      case 'guest':
        return void router.push({ path: '/sign-in', query: { return_to: `/screenings/${id}?seats=${ids.join(',')}` } })
      case 'mine':
        if (notice.value.kind !== 'lost' || ids.every((seat) => offerOf().includes(seat))) notice.value = { kind: 'none' }
        return announce(ids.map((seat) => t('seats.said_mine', { seat: nameOf(seat) })).join(' '))
      case 'released':
        return announce(ids.map((seat) => t('seats.said_free', { seat: nameOf(seat) })).join(' '))
      case 'lost':
        notice.value = { kind: 'lost', seats: ids, offer: nearestEqual(views.list.value, ids, views.plan.value) }
        return
      case 'lapsed':
      case 'withdrawn': {
        const before = notice.value.kind === what ? notice.value.seats : []
        notice.value = { kind: what, seats: [...new Set([...before, ...ids])] }
      }
    }
  }

  const offerOf = () => (notice.value.kind === 'lost' ? notice.value.offer : [])
  const nameOf = (seatId: string) => {
    const seat = views.plan.value.byId.get(seatId)
    return seat ? t('seats.name_short', { row: seat.row, number: seat.number }) : seatId
  }

  function hear(frame: MapFrame, changed: SeatTransition[]): void {
    news.heard(changed.filter((change) => !holding.isOwn(change.id)))
    holding.hearMap(frame, changed)
  }

  /** Shows a link to the ticket when another window or device of the person has paid. */
  async function hearPayment(paymentId: string, status: string): Promise<void> {
    if (status !== 'SUCCEEDED') return
    const payment = await getPayment(paymentId).catch(() => null)
    if (payment?.booking_id) notice.value = { kind: 'paid', bookingId: payment.booking_id }
  }

  const isLost = computed(() => live.connection.value === 'lost')
  // True from the loss of the connection, during all reconnects, until a snapshot has arrived.
  const isDown = ref(false)
  const hearState = (state: ConnectionState): void => {
    if (state === 'lost') isDown.value = true
    if (state !== 'live') return
    // The snapshot restores the map but does not contain this person's hold.
    if (isDown.value) void holding.refresh()
    isDown.value = false
  }
  // Without `sync`, the watcher would miss a connection state that is replaced by the next one in the same tick.
  watch(live.connection, hearState, { flush: 'sync' })
  const isLongDown = refDebounced(isDown, BANNER_DELAY_MS)
  const isOffline = computed(() => isDown.value && isLongDown.value)

  const isCancelled = computed(() => screening.value.state === 'CANCELLED')
  const isClosed = computed(() => screening.value.state === 'CLOSED' || Date.parse(screening.value.sales_close_at) <= now.value)
  const isPaying = computed(() => (holding.hold.value?.payment_id ?? null) !== null)
  const mine = computed(() => views.list.value.filter((seat) => seat.state === 'mine'))
  const total = computed(() => totalOf({ screening: screening.value, prices: prices.value }, mine.value))
  const canChoose = computed(() => !isOffline.value && !isClosed.value && !isCancelled.value)

  function choose(seatId: string): void {
    const seat = views.seats.value.get(seatId)
    inspected.value = seatId
    if (seat === undefined || seat.pending || isOffline.value) return
    if (isPaying.value && (seat.state === 'mine' || seat.state === 'available')) {
      void notify('info', t('problem.payment_in_progress'))
      return
    }
    if (seat.state === 'mine') void holding.release([seatId])
    else if (seat.state === 'available' && canChoose.value) void holding.lock([seatId])
  }

  /** Handles a refused lock because the terms had changed: shows the change and asks whether the person still wants the seats. */
  async function askAgain(error: ApiProblem, seatIds: string[]): Promise<void> {
    const before = screening.value.revision
    asked.value = seatIds
    terms.learn(error)
    if (terms.change.value !== null) return
    asked.value = []
    // The change does not affect these seats, so they are locked without a question.
    if (screening.value.revision > before) await holding.lock(seatIds)
    else void notify('error', problemText(error))
  }

  function acceptChange(): void {
    const seats = asked.value
    terms.agree()
    asked.value = []
    if (seats.length > 0) void holding.lock(seats)
  }

  function declineChange(): void {
    asked.value = []
    void holding.release(mine.value.map((seat) => seat.id))
  }

  // Seats that this person holds again are removed from the notice.
  watch(holding.hold, () => {
    const { value } = notice
    if (value.kind !== 'lapsed' && value.kind !== 'wanted') return
    const seats = value.seats.filter((seat) => !holding.isMine(seat))
    notice.value = seats.length > 0 ? { kind: value.kind, seats } : { kind: 'none' }
  })
  const isTaking = computed(() => {
    const { value } = notice
    const wanted = value.kind === 'lost' ? value.offer : value.kind === 'lapsed' || value.kind === 'wanted' ? value.seats : []
    return wanted.some(holding.isPending)
  })

  watch(holding.remainingMs, (left, before) => {
    if (left === null || before === null || before === undefined) return
    if (before > TWO_MINUTES_MS && left <= TWO_MINUTES_MS) announce(t('seats.two_minutes'))
    if (before > HALF_MINUTE_MS && left <= HALF_MINUTE_MS) announce(t('seats.half_minute'))
  })

  onMounted(async () => {
    getSeats(id).then(
      (seatMap) => {
        loadedSeats.value = seatMap
        const { verdict, changed } = live.loaded(seatMap.seq, seatMap.seats.filter((seat) => seat.status !== 'UNAVAILABLE'))
        if (verdict === 'applied') holding.hearMap({ type: 'snapshot', seq: seatMap.seq, seats: [] }, changed)
        terms.hearRevision(seatMap.revision)
      },
      // A network error needs no toast: the WebSocket will deliver the same map once it is connected.
      (error) => (isProblem(error, 'no_answer') ? undefined : void notify('error', problemText(error))),
    )
    await holding.refresh()
    await lockWanted()
  })

  /**
   * Locks the seats in the URL, which a redirect after a sign-in or an expired payment contains, and removes them from the
   * URL, so that a reload does not request them again. Seats that cannot be locked now are shown in a notice.
   */
  async function lockWanted(): Promise<void> {
    const wanted = parseSeatIds(route.query.seats)
    if (session.session.kind === 'guest' || route.query.seats === undefined) return
    await router.replace({ path: route.path })
    if (session.me !== null && !isPaying.value) await holding.lock(wanted.filter((seat) => !holding.isMine(seat)))
    const seats = wanted.filter((seat) => !holding.isMine(seat))
    if (seats.length > 0 && notice.value.kind === 'none' && asked.value.length === 0) notice.value = { kind: 'wanted', seats }
  }

  return {
    ...views,
    ...holding,
    acceptChange,
    announcement,
    asked,
    canChoose,
    /** The change of terms to ask about; null during a payment, because a payment in progress keeps its terms. */
    change: computed(() => (isCancelled.value || isPaying.value ? null : terms.change.value)),
    choose,
    declineChange,
    format,
    inspected,
    isCancelled,
    isClosed,
    isLost,
    isOffline,
    isPaying,
    isTaking,
    learn: terms.learn,
    mine,
    notice,
    screening,
    dismiss: () => (notice.value = { kind: 'none' }),
    /** Locks the seats that a notice offers. The notice stays until the server has locked them, so that the person can retry. */
    takeInstead: (ids: string[]) => void holding.lock(ids),
    total,
  }
}
