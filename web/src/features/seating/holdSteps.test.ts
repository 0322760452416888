import { describe, expect, it } from 'vitest'
import { ApiProblem, NO_ANSWER, type ProblemCode } from '@/api/problem'
import type { Hold } from '@/api/types'
import type { LiveStatus, SeatChange } from '@/live/frames'
import { isPending, NO_HOLD, standing, step, type HoldEffect, type HoldEvent, type HoldState } from './holdSteps'

const NOW = Date.parse('2026-11-23T12:00:00Z')
const UNTIL = '2026-11-23T12:05:00.000Z'

function hold(seq: number, seats: string, { until = UNTIL, payment_id = null as string | null } = {}): Hold {
  const seat_ids = seats.split(' ').filter(Boolean)
  return { screening_id: 's', seq, seat_ids, seats: seat_ids.map((id) => ({ id, expires_at: until })), expires_at: seat_ids.length > 0 ? until : null, payment_id }
}

const problem = (code: ProblemCode, status: number, seat_ids?: string[]) => new ApiProblem({ ...NO_ANSWER, status, code, seat_ids })

// Short constructors for events, so that each race below fits on one line.
const me: HoldEvent = { type: 'person', kind: 'signed_in' }
const guest: HoldEvent = { type: 'person', kind: 'guest' }
const lock = (...seatIds: string[]): HoldEvent => ({ type: 'lock', seatIds })
const release = (...seatIds: string[]): HoldEvent => ({ type: 'release', seatIds })
const refresh: HoldEvent = { type: 'refresh' }
const answer = (held: Hold): HoldEvent => ({ type: 'answer', hold: held, now: NOW })
const frame = (held: Hold, now = NOW): HoldEvent => ({ type: 'frame', hold: held, now })
const refuse = (code: ProblemCode, status: number, seats?: string[]): HoldEvent => ({ type: 'refused', error: problem(code, status, seats) })
const map = (seq: number, text = '', isWhole = false): HoldEvent => ({ type: 'map', seq, isWhole, changes: changesOf(text) })
const at = (time: string): HoldEvent => ({ type: 'time', now: Date.parse(time) })

const LIVE: Record<string, LiveStatus> = { l: 'LOCKED', b: 'BOOKED', u: 'UNAVAILABLE', '.': 'AVAILABLE' }
/** Builds seat changes from text: `A1=l A2=.` means that A1 is locked and A2 available. */
function changesOf(text: string): SeatChange[] {
  return text.split(' ').filter(Boolean).map((part) => {
    const [id, glyph] = part.split('=')
    return { id: id!, status: LIVE[glyph!]! }
  })
}

function describeEffect(effect: HoldEffect): string {
  switch (effect.type) {
    case 'call':
      return `${effect.call.kind}(${effect.call.seatIds.join(' ')})`
    case 'announce':
      return `${effect.news} ${effect.seatIds.join(' ')}`
    case 'problem':
      return `problem ${(effect.error as ApiProblem).code}`
    case 'changed':
      return `changed ${effect.seatIds.join(' ')}`
    default:
      return effect.type
  }
}

/** Runs the events, after `before` (an empty hold at seq 1), and returns the effects and the successive displayed states of A1. */
function run(events: HoldEvent[], before: HoldEvent[] = [me, frame(hold(1, ''))]) {
  let state: HoldState = NO_HOLD
  const live = new Map<string, SeatChange>()
  const looks: string[] = []
  const done: string[] = []
  const apply = (event: HoldEvent): string[] => {
    if (event.type === 'map') event.changes.forEach((change) => live.set(change.id, change))
    const next = step(state, event)
    state = next.state
    const { state: look, pending } = standing(state, 'A1', live.get('A1'))
    const seen = `${look}${pending ? '?' : ''}`
    if (looks.at(-1) !== seen) looks.push(seen)
    return next.effects.map(describeEffect)
  }
  before.forEach(apply)
  looks.splice(0, looks.length - 1)
  for (const event of events) done.push(...apply(event))
  return { looks: looks.join(' '), done: done.filter((what) => what !== 'settle_later'), state }
}

const RACES: [string, HoldEvent[], looks: string, done: string[]][] = [
  ['the answer arrives first', [lock('A1'), answer(hold(2, 'A1')), frame(hold(2, 'A1')), map(2, 'A1=l')], 'available available? mine', ['lock(A1)', 'mine A1']],
  ['the hold frame arrives first', [lock('A1'), frame(hold(2, 'A1')), map(2, 'A1=l'), answer(hold(2, 'A1'))], 'available available? mine', ['lock(A1)', 'mine A1']],
  ['the live change arrives first', [lock('A1'), map(2, 'A1=l'), frame(hold(2, 'A1')), answer(hold(2, 'A1'))], 'available available? mine', ['lock(A1)', 'mine A1']],
  ['another person is faster, map first', [lock('A1'), map(2, 'A1=l'), refuse('seat_taken', 409, ['A1'])], 'available available? locked', ['lock(A1)', 'lost A1']],
  ['another person is faster, refusal first', [lock('A1'), refuse('seat_taken', 409, ['A1']), map(2, 'A1=l')], 'available available? locked', ['lock(A1)', 'lost A1']],
  ['some seats are taken: the rest is requested at once', [lock('A1', 'A2'), refuse('seat_taken', 409, ['A2']), answer(hold(2, 'A1'))], 'available available? mine', ['lock(A1 A2)', 'lost A2', 'lock(A1)', 'mine A1']],
  ['the answer is lost after a frame has shown the result', [lock('A1'), frame(hold(2, 'A1')), refuse('no_answer', 0)], 'available available? mine', ['lock(A1)', 'mine A1']],
  ['the answer is lost without a frame: the hold is loaded', [lock('A1'), refuse('no_answer', 0), answer(hold(2, 'A1'))], 'available available? mine', ['lock(A1)', 'problem no_answer', 'fetch(A1)']],
  ['the answer is lost and loading the hold fails, then a frame shows the result', [lock('A1'), refuse('no_answer', 0), refuse('try_again', 503), frame(hold(2, 'A1'))], 'available available? mine', ['lock(A1)', 'problem no_answer', 'fetch(A1)', 'retry_later']],
  ['another device locks the seat, frame first', [frame(hold(2, 'A1')), map(2, 'A1=l')], 'available mine', []],
  ['another device locks another seat meanwhile', [lock('A1'), frame(hold(2, 'A2')), map(2, 'A2=l'), answer(hold(3, 'A1 A2')), map(3, 'A1=l')], 'available available? mine', ['lock(A1)', 'mine A1']],
  ['an older answer comes after a newer frame', [refresh, frame(hold(5, 'A1')), answer(hold(3, ''))], 'available mine', ['fetch()']],
  ['an older frame comes after a newer answer', [lock('A1'), answer(hold(5, 'A1')), frame(hold(3, ''))], 'available available? mine', ['lock(A1)', 'mine A1']],
  ['the screening has changed since it was shown', [lock('A1'), refuse('screening_changed', 409)], 'available available? available', ['lock(A1)', 'changed A1']],
  ['the session has ended', [lock('A1'), refuse('sign_in_required', 401)], 'available available? available', ['lock(A1)', 'session_ended', 'guest A1']],
  ['the session has ended, and another request reported it first', [lock('A1'), guest, refuse('sign_in_required', 401)], 'available available? available', ['lock(A1)', 'guest A1']],
  ['two seats are chosen one after the other', [lock('A1'), lock('A2'), answer(hold(2, 'A1')), answer(hold(3, 'A1 A2'))], 'available available? mine', ['lock(A1)', 'mine A1', 'lock(A2)', 'mine A2']],
]

const HELD: HoldEvent[] = [me, frame(hold(2, 'A1')), map(2, 'A1=l')]
const RACES_OF_MINE: [string, HoldEvent[], looks: string, done: string[]][] = [
  ['released, answer first', [release('A1'), answer(hold(3, '')), map(3, 'A1=.')], 'mine mine? available', ['release(A1)', 'released A1']],
  ['released, map first', [release('A1'), map(3, 'A1=.'), answer(hold(3, ''))], 'mine mine? available', ['release(A1)', 'released A1']],
  ['released, frame first', [release('A1'), frame(hold(3, '')), answer(hold(3, '')), map(3, 'A1=.')], 'mine mine? available', ['release(A1)', 'released A1']],
  ['released, and another person locks it', [release('A1'), answer(hold(3, '')), map(4, 'A1=l')], 'mine mine? available locked', ['release(A1)', 'released A1']],
  ['released, and the map catches up before another person locks it', [release('A1'), answer(hold(3, '')), map(3, 'A1=.'), map(4, 'A1=l')], 'mine mine? available locked', ['release(A1)', 'released A1']],
  ['released on another device', [frame(hold(3, '')), map(3, 'A1=.')], 'mine available', []],
  ['released on another device, frame missed: the hold is loaded', [map(3, 'A1=.'), answer(hold(3, ''))], 'mine available', ['fetch()']],
  ['another device starts a payment: a new expiry, the same seat', [frame(hold(3, 'A1', { payment_id: 'pay' })), map(3, 'A1=l')], 'mine', []],
  ['sold on another device', [frame(hold(3, 'A1', { payment_id: 'pay' })), map(3), frame(hold(4, '')), map(4, 'A1=b')], 'mine available? available', []],
  ['expires before the map shows it', [at(UNTIL), map(3, 'A1=.')], 'mine available', ['lapsed A1']],
  ['expires, and a repeated frame does not bring it back', [at(UNTIL), frame(hold(2, 'A1'), Date.parse(UNTIL))], 'mine available', ['lapsed A1']],
  ['expires while a payment runs', [frame(hold(3, 'A1', { payment_id: 'pay' })), at(UNTIL)], 'mine', []],
  ['withdrawn from sale', [map(3, 'A1=u')], 'mine available', ['withdrawn A1', 'fetch()']],
  ['other people change other seats', [map(3, 'B1=l'), map(4, 'B1=.')], 'mine', []],
  ['a frame with an empty list of changes', [frame(hold(3, 'A1', { payment_id: 'pay' })), map(3)], 'mine', []],
  ['signing out', [guest, map(3, 'A1=l')], 'mine locked', []],
  ['signing out while a frame is in flight', [guest, frame(hold(3, 'A1'))], 'mine locked', []],
]

describe('locking a seat', () => {
  it.each(RACES)('%s', (_, events, looks, done) => {
    expect(run(events)).toMatchObject({ looks, done })
  })
})

describe('events about a held seat', () => {
  it.each(RACES_OF_MINE)('%s', (_, events, looks, done) => {
    expect(run(events, HELD)).toMatchObject({ looks, done })
  })
})

describe('before the hold is loaded', () => {
  it('a locked seat is pending until a hold frame shows whether it is mine', () => {
    expect(run([map(2, 'A1=l'), frame(hold(2, 'A1'))], [me]).looks).toBe('available available? mine')
    expect(run([map(2, 'A1=l'), frame(hold(2, ''))], [me]).looks).toBe('available available? locked')
  })

  it('a guest holds nothing and causes no fetch of the hold', () => {
    expect(run([map(2, 'A1=l'), guest, refresh, lock('A2')], []).done).toEqual(['guest A2'])
  })
})

describe('the request queue', () => {
  it('the request queue never has two requests in flight, and deduplicates fetches of the hold', () => {
    const { done, state } = run([lock('A1'), refresh, refresh, release('A2'), refresh])
    expect(done).toEqual(['lock(A1)'])
    expect(state.queue.map(({ kind }) => kind)).toEqual(['lock', 'fetch', 'release'])
  })
})

describe('random histories', () => {
  it('random histories end with the server state and nothing pending, and never show an own seat as another person\'s', () => {
    let seed = 11
    const wrong: number[] = []
    const random = (below: number) => (seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648) % below
    for (let history = 0; history < 200; history++) {
      let seq = 1
      let mine = false
      let state = [me, frame(hold(1, ''))].reduce((now, event) => step(now, event).state, NO_HOLD)
      // In these histories map changes arrive late but in order, hold frames at once, and responses at once or late.
      const toMap: HoldEvent[] = []
      const toHold: HoldEvent[] = []
      const live = new Map<string, SeatChange>()
      const apply = (event: HoldEvent) => {
        if (event.type === 'map') event.changes.forEach((change) => live.set(change.id, change))
        const next = step(state, event)
        state = next.state
        if (standing(state, 'A1', live.get('A1')).state === 'locked') wrong.push(history)
      }
      for (let turn = 0; turn < 12; turn++) {
        const isHere = random(2) === 0
        if (isHere) apply(mine ? release('A1') : lock('A1'))
        mine = !mine
        seq += 1
        toMap.push(map(seq, mine ? 'A1=l' : 'A1=.'))
        const held = hold(seq, mine ? 'A1' : '')
        // The server sends a hold frame before the map change of the same seats.
        apply(frame(held))
        if (isHere) toHold.push(answer(held))
        while (toMap.length > 0 && random(2) === 0) apply(toMap.shift()!)
        while (toHold.length > 0 && random(3) > 0) apply(toHold.shift()!)
      }
      toHold.forEach(apply)
      toMap.forEach(apply)
      while (state.queue.length > 0) apply(answer(hold(seq, mine ? 'A1' : '')))
      expect(standing(state, 'A1', live.get('A1'))).toEqual({ state: mine ? 'mine' : 'available', pending: false })
      expect(isPending(state, 'A1')).toBe(false)
    }
    expect(wrong, 'histories in which an own seat looked like another person\'s').toEqual([])
  })
})
