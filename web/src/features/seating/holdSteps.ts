import { isProblem, type ApiProblem } from '@/api/problem'
import type { Hold } from '@/api/types'
import type { SeatChange } from '@/live/frames'

/**
 * A pure reducer for a person's hold, the seats that the person has locked at one screening: `step(state, event)` returns the
 * next state and the effects to run. The server is authoritative. Its responses and `hold` frames carry the `seq` of the seat
 * map to which they belong, so that the newer of two is known in whatever order they arrive.
 */

/** A seat that the server removes from the hold less than this before its expiry counts as expired, earlier as released. */
const LAPSE_SLACK_MS = 1_500

/** The `seq` of an `Ahead` entry with unknown `seq`: the seat's next map change, a snapshot or the settle timeout removes it. */
const UNNUMBERED = Number.POSITIVE_INFINITY

/** A request to the server. Requests are queued, and only the first of the queue is in flight. */
export type Call =
  | { kind: 'lock'; seatIds: readonly string[] }
  | { kind: 'release'; seatIds: readonly string[] }
  /** Loads the hold. `seatIds`: seats of an earlier request whose response was lost, so that its result is unknown. */
  | { kind: 'fetch'; seatIds: readonly string[] }

/** Overrides the live seat map for one seat, because a response or the clock has shown a newer state than the map. */
interface Ahead {
  state: 'available' | 'locked' | 'unsettled'
  /** A seat map with at least this `seq` includes the state, so the override is then removed. */
  seq: number
  token: number
}

export interface HoldState {
  person: 'unknown' | 'guest' | 'signed_in'
  hold: Hold | null
  /** True once the server has sent the hold, even an empty one. */
  isReady: boolean
  queue: readonly Call[]
  /** Seats of requests whose response was lost: shown as pending until the hold is loaded. */
  unsure: ReadonlySet<string>
  ahead: ReadonlyMap<string, Ahead>
  mapSeq: number
  /** How often in a row loading the hold has failed, for the backoff. */
  failures: number
  nextToken: number
}

export type HoldEvent =
  | { type: 'person'; kind: HoldState['person'] }
  | { type: 'lock' | 'release'; seatIds: readonly string[] }
  | { type: 'refresh' }
  /** The server has accepted the request in flight. */
  | { type: 'answer'; hold: Hold; now: number }
  | { type: 'refused'; error: unknown }
  /** The hold could not be requested, because the session is unknown. */
  | { type: 'unreachable'; error: unknown }
  /** The server has pushed the hold, because a device of this person changed it. */
  | { type: 'frame'; hold: Hold; now: number }
  | { type: 'map'; seq: number; changes: readonly SeatChange[]; isWhole: boolean }
  | { type: 'time'; now: number }
  /** These entries of `ahead` have timed out and are removed, so that the seat map alone decides again. */
  | { type: 'settle'; seatIds: readonly string[]; token: number }

export type HoldNews = 'guest' | 'mine' | 'released' | 'lost' | 'lapsed' | 'withdrawn'

export type HoldEffect =
  | { type: 'call'; call: Call }
  | { type: 'announce'; news: HoldNews; seatIds: string[] }
  | { type: 'problem'; error: unknown }
  /** The screening or its price has changed since the person chose these seats. */
  | { type: 'changed'; error: ApiProblem; seatIds: string[] }
  | { type: 'session_ended' }
  | { type: 'settle_later'; seatIds: string[]; token: number }
  | { type: 'retry_later'; failures: number }

export interface HoldStep {
  state: HoldState
  effects: HoldEffect[]
}

export const NO_HOLD: HoldState = {
  person: 'unknown',
  hold: null,
  isReady: false,
  queue: [],
  unsure: new Set(),
  ahead: new Map(),
  mapSeq: 0,
  failures: 0,
  nextToken: 1,
}

export const isMine = (state: HoldState, id: string): boolean => state.hold?.seat_ids.includes(id) ?? false

/** True while the result of a request about the seat is unknown: no response, and no `hold` frame that shows the result. */
export function isPending(state: HoldState, id: string): boolean {
  const isHeld = isMine(state, id)
  const isAsked = ({ kind, seatIds }: Call) => seatIds.includes(id) && (kind === 'fetch' || (kind === 'release') === isHeld)
  return state.unsure.has(id) || state.queue.some(isAsked)
}

/** True when changes of this seat in the seat map are caused by this person, so they are not announced as other people's. */
export function isOwn(state: HoldState, id: string): boolean {
  const ahead = state.ahead.get(id)
  return isMine(state, id) || isPending(state, id) || (ahead !== undefined && ahead.state !== 'locked')
}

/** The state of a seat as this person sees it. It does not cover sold and withdrawn seats, which are the same for everybody. */
export interface Standing {
  state: 'available' | 'mine' | 'locked'
  pending: boolean
}

export function standing(state: HoldState, id: string, live: SeatChange | undefined): Standing {
  const isHeld = live?.status === 'LOCKED'
  if (!state.isReady && isHeld) return { state: 'available', pending: true }
  const pending = isPending(state, id)
  if (isMine(state, id)) return { state: 'mine', pending }
  const ahead = state.ahead.get(id)
  if (ahead?.state === 'unsettled') return { state: 'available', pending: true }
  const isOthers = ahead ? ahead.state === 'locked' : isHeld && !pending
  return { state: isOthers ? 'locked' : 'available', pending }
}

export function step(state: HoldState, event: HoldEvent): HoldStep {
  switch (event.type) {
    case 'person':
      return meet(state, event.kind)
    case 'lock':
      return askToLock(state, event.seatIds)
    case 'release':
      return event.seatIds.length === 0 ? still(state) : enqueue(sure(state, event.seatIds), { kind: 'release', seatIds: event.seatIds })
    case 'refresh':
      return refresh(state)
    case 'answer':
      return answered(state, event.hold, event.now)
    case 'refused':
      return refused(state, event.error)
    case 'unreachable':
      return fail(state, event.error, [])
    case 'frame':
      // A `hold` frame that arrives after the sign-out belongs to the previous person and is ignored.
      return state.person === 'guest' ? still(state) : know(accept(state, event.hold, event.now), event.hold.seat_ids)
    case 'map':
      return hearMap(state, event)
    case 'time':
      return expire(state, event.now)
    case 'settle':
      return still({ ...state, ahead: without(state.ahead, (id, { token }) => token === event.token && event.seatIds.includes(id)) })
  }
}

const still = (state: HoldState): HoldStep => ({ state, effects: [] })

/** Applies a second step to the result of a first one and joins the effects of both. */
function then({ state, effects }: HoldStep, next: (state: HoldState) => HoldStep): HoldStep {
  const after = next(state)
  return { state: after.state, effects: [...effects, ...after.effects] }
}

const announce = (news: HoldNews, seatIds: readonly string[]): HoldEffect => ({ type: 'announce', news, seatIds: [...seatIds] })

/** Handles a sign-in or sign-out. A sign-out clears the hold, and responses to requests still in flight are then ignored. */
function meet(state: HoldState, person: HoldState['person']): HoldStep {
  if (person === state.person) return still(state)
  if (person !== 'guest') return still({ ...state, person })
  return still({ ...state, person, hold: null, isReady: true, unsure: new Set(), ahead: new Map(), failures: 0 })
}

function askToLock(state: HoldState, seatIds: readonly string[]): HoldStep {
  if (seatIds.length === 0) return still(state)
  if (state.person === 'guest') return { state, effects: [announce('guest', seatIds)] }
  return enqueue(sure(state, seatIds), { kind: 'lock', seatIds })
}

/** Removes seats from `unsure`: a new call replaces the unknown result of an earlier one. */
const sure = (state: HoldState, seatIds: readonly string[]): HoldState => ({ ...state, unsure: new Set([...state.unsure].filter((id) => !seatIds.includes(id))) })

function refresh(state: HoldState): HoldStep {
  if (state.person === 'guest') return still(state)
  // A queued fetch will return the current hold, so a second one is not needed. One in flight may have read an older hold.
  if (state.queue.slice(1).some(({ kind }) => kind === 'fetch')) return still(state)
  return enqueue(state, { kind: 'fetch', seatIds: [] })
}

/** Queues a request. Requests run one at a time and in order, because a later one may depend on the result of an earlier one. */
function enqueue(state: HoldState, call: Call): HoldStep {
  const queue = [...state.queue, call]
  return { state: { ...state, queue }, effects: queue.length === 1 ? [{ type: 'call', call }] : [] }
}

/** Removes the request in flight and sends the next one; requests in `instead` go before the queued ones. */
function finish(state: HoldState, instead: Call[] = []): HoldStep {
  const queue = [...instead, ...state.queue.slice(1)]
  return { state: { ...state, queue }, effects: queue[0] ? [{ type: 'call', call: queue[0] }] : [] }
}

function answered(state: HoldState, hold: Hold, now: number): HoldStep {
  const call = state.queue[0]
  if (call === undefined || state.person === 'guest') return finish(state)
  const released = call.kind === 'release' ? call.seatIds : []
  const news = call.kind === 'lock' ? [announce('mine', call.seatIds)] : call.kind === 'release' ? [announce('released', call.seatIds)] : []
  const accepted = know(accept(state, hold, now, released), [...state.unsure])
  return then({ ...accepted, effects: [...accepted.effects, ...news] }, finish)
}

/** Marks the hold as loaded, and these seats as no longer pending. */
function know({ state, effects }: HoldStep, seatIds: readonly string[]): HoldStep {
  return { state: { ...sure(state, seatIds), isReady: true, failures: 0 }, effects }
}

/** Replaces the hold by `next` unless the known hold is newer, and removes seats that have already expired. */
function accept(state: HoldState, next: Hold, now: number, released: readonly string[] = []): HoldStep {
  const known = state.hold
  if (known !== null && next.seq < known.seq) return still(state)
  return then(replace(state, next, now, released), (kept) => expire(kept, now, (id) => known === null || known.seat_ids.includes(id)))
}

function replace(state: HoldState, next: Hold, now: number, released: readonly string[]): HoldStep {
  const known = state.hold
  const gone = (known?.seats ?? []).filter(({ id }) => !next.seat_ids.includes(id))
  const asked = (id: string) => released.includes(id) || state.queue.some(({ kind, seatIds }) => kind === 'release' && seatIds.includes(id))
  const lapsed = gone.filter(({ id, expires_at }) => !asked(id) && Date.parse(expires_at) - now < LAPSE_SLACK_MS).map(({ id }) => id)
  // Seats that leave a hold with a payment are sold or available again: they stay pending until the seat map shows which.
  const became = (known?.payment_id ?? null) === null ? 'available' : 'unsettled'
  const kept = { ...state, hold: next, ahead: without(state.ahead, (id) => next.seat_ids.includes(id)) }
  const moved = goAhead(kept, gone.map(({ id }) => id), became, next.seq)
  return { state: moved.state, effects: [...moved.effects, ...(lapsed.length > 0 ? [announce('lapsed', lapsed)] : [])] }
}

/** Overrides the seat map for these seats until the map reaches `seq` or the settle timeout ends. */
function goAhead(state: HoldState, seatIds: string[], became: Ahead['state'], seq: number): HoldStep {
  if (seatIds.length === 0 || state.mapSeq >= seq) return still(state)
  const token = state.nextToken
  const ahead = new Map(state.ahead)
  seatIds.forEach((id) => ahead.set(id, { state: became, seq, token }))
  return { state: { ...state, ahead, nextToken: token + 1 }, effects: [{ type: 'settle_later', seatIds, token }] }
}

function refused(state: HoldState, error: unknown): HoldStep {
  const call = state.queue[0]
  if (call === undefined) return still(state)
  if (isProblem(error, 'sign_in_required')) return signedOut(state, call)
  if (state.person === 'guest') return finish(state)
  return call.kind === 'fetch' ? notFetched(state, call, error) : notDone(state, call, error)
}

function signedOut(state: HoldState, call: Call): HoldStep {
  const wanted = call.kind === 'lock' ? [announce('guest', call.seatIds)] : []
  const { state: next, effects } = finish(state)
  // If another request has already reported the end of the session, only the wanted seats are reported, for after the sign-in.
  const ended: HoldEffect[] = state.person === 'guest' ? [] : [{ type: 'session_ended' }]
  return { state: { ...next, isReady: true, unsure: new Set() }, effects: [...ended, ...wanted, ...effects] }
}

function notFetched(state: HoldState, call: Call, error: unknown): HoldStep {
  if (!isProblem(error) || !error.isDefinite) return then(fail(state, error, call.seatIds), finish)
  const known = know(still(state), [...state.unsure])
  return then({ state: known.state, effects: state.isReady ? [] : [{ type: 'problem', error }] }, finish)
}

/** Handles a failed fetch of the hold: keeps a known hold; retries with backoff if the hold or a request's result is unknown. */
function fail(state: HoldState, error: unknown, seatIds: readonly string[]): HoldStep {
  const unsure = new Set([...state.unsure, ...seatIds])
  if (state.isReady && unsure.size === 0) return still(state)
  const said: HoldEffect[] = !state.isReady && state.failures === 0 ? [{ type: 'problem', error }] : []
  const failures = state.failures + 1
  return { state: { ...state, unsure, failures }, effects: [...said, { type: 'retry_later', failures }] }
}

function notDone(state: HoldState, call: Call, error: unknown): HoldStep {
  if (call.kind === 'lock' && isProblem(error, 'seat_taken')) return lose(state, call.seatIds, error.problem.seat_ids ?? call.seatIds)
  if (call.kind === 'lock' && isProblem(error, 'screening_changed')) {
    return then({ state, effects: [{ type: 'changed', error, seatIds: [...call.seatIds] }] }, finish)
  }
  const done = call.seatIds.filter((id) => isMine(state, id) === (call.kind === 'lock'))
  const open = call.seatIds.filter((id) => !done.includes(id))
  // The request failed or its response was lost, but a `hold` frame has already shown the wanted result.
  if (open.length === 0) return then({ state, effects: [announce(call.kind === 'lock' ? 'mine' : 'released', done)] }, finish)
  // The seats of the request are not as wanted: load the hold, and keep the seats pending until then.
  return then({ state, effects: [{ type: 'problem', error }] }, (next) => finish(next, [{ kind: 'fetch', seatIds: open }]))
}

/** Other people have locked some of the requested seats (`others`). The rest is requested again at once and stays pending. */
function lose(state: HoldState, seatIds: readonly string[], others: readonly string[]): HoldStep {
  const named = seatIds.filter((id) => others.includes(id))
  const lost = named.length > 0 ? named : [...seatIds]
  const rest = seatIds.filter((id) => !lost.includes(id))
  const marked = goAhead(state, lost, 'locked', UNNUMBERED)
  const announced = { ...marked, effects: [...marked.effects, announce('lost', lost)] }
  return then(announced, (next) => finish(next, rest.length > 0 ? [{ kind: 'lock', seatIds: rest }] : []))
}

function hearMap(state: HoldState, { seq, changes, isWhole }: Extract<HoldEvent, { type: 'map' }>): HoldStep {
  const { hold } = state
  const isNews = hold === null || !(seq <= hold.seq)
  const changed = new Set(changes.map(({ id }) => id))
  const isConfirmed = (id: string, { seq: until, state: said }: Ahead) => seq >= until || (isWhole && until === UNNUMBERED) || (changed.has(id) && (isNews || said === 'locked'))
  const next = { ...state, mapSeq: seq, ahead: without(state.ahead, isConfirmed) }
  const isOwn = ({ id }: SeatChange) => isMine(next, id) && !isPending(next, id)
  const withdrawn = changes.filter((change) => change.status === 'UNAVAILABLE' && isMine(next, change.id)).map(({ id }) => id)
  const announced = withdrawn.length > 0 ? { state: drop(next, withdrawn), effects: [announce('withdrawn', withdrawn)] } : still(next)
  // The server sends a `hold` frame before the map change of an own seat. A map change without it means that the frame was
  // missed, so the hold is loaded.
  return isNews && changes.some(isOwn) ? then(announced, refresh) : announced
}

/** Removes expired seats from the hold without waiting for the server. Seats with a payment in progress end with the payment. */
function expire(state: HoldState, now: number, isNews: (id: string) => boolean = () => true): HoldStep {
  const { hold } = state
  if (hold === null || hold.payment_id !== null) return still(state)
  const over = hold.seats.filter((seat) => Date.parse(seat.expires_at) <= now).map(({ id }) => id)
  if (over.length === 0) return still(state)
  const { state: next, effects } = goAhead(drop(state, over), over, 'available', UNNUMBERED)
  const lapsed = over.filter(isNews)
  return { state: next, effects: lapsed.length > 0 ? [...effects, announce('lapsed', lapsed)] : effects }
}

function drop(state: HoldState, seatIds: readonly string[]): HoldState {
  if (state.hold === null) return state
  const seats = state.hold.seats.filter(({ id }) => !seatIds.includes(id))
  const times = seats.map((seat) => seat.expires_at).sort((a, b) => Date.parse(a) - Date.parse(b))
  return { ...state, hold: { ...state.hold, seats, seat_ids: seats.map(({ id }) => id), expires_at: times[0] ?? null } }
}

function without(ahead: HoldState['ahead'], isOver: (id: string, entry: Ahead) => boolean): HoldState['ahead'] {
  const left = [...ahead].filter(([id, entry]) => !isOver(id, entry))
  return left.length === ahead.size ? ahead : new Map(left)
}
