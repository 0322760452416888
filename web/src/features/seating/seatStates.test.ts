import { flushPromises, mount, type VueWrapper } from '@vue/test-utils'
import { createPinia, setActivePinia } from 'pinia'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { defineComponent, ref, shallowRef, watch } from 'vue'
import { createI18n } from 'vue-i18n'
import { ApiProblem, type ProblemCode } from '@/api/problem'
import * as calls from '@/api/screenings'
import { useSessionStore } from '@/api/session'
import type { Hold, ScreeningDetail } from '@/api/types'
import en from '@/i18n/en'
import type { LiveStatus, MapFrame } from '@/live/frames'
import { EMPTY_MAP, applyFrame, type LiveMap } from '@/live/liveMap'
import { RECONNECT_MS_MIN } from '@/live/watch'
import { useHold } from './useHold'
import { useSeatViews } from './useSeatViews'

vi.mock('@/api/screenings')
const server = vi.mocked(calls)

const START = Date.parse('2026-11-23T12:00:00Z')
/** The expiry of one lock in two forms: the holder of the seat gets milliseconds, the seat map whole seconds, rounded up. */
const MINE_UNTIL = '2026-11-23T12:04:59.250Z'
const MINE_UNTIL_LIVE = '2026-11-23T12:05:00Z'
const OTHERS_UNTIL_LIVE = '2026-11-23T12:05:01Z'
const SETTLED_MS = 5_000

const screening = {
  id: 's',
  layout: { rows: [{ label: 'A', cells: ['seat', 'seat'] }] },
  prices: { standard: { amount: 20_000, currency: 'THB' } },
} as unknown as ScreeningDetail

/** Returns a hold of these seats as of the seat map with this `seq`. */
function hold(seq: number, ...ids: string[]): Hold {
  const seats = ids.map((id) => ({ id, expires_at: MINE_UNTIL }))
  return { screening_id: 's', seq, seat_ids: ids, seats, expires_at: seats[0]?.expires_at ?? null, payment_id: null }
}

function refusal(code: ProblemCode, status: number, seat_ids?: string[]): ApiProblem {
  return new ApiProblem({ type: '', title: '', detail: '', request_id: '', status, code, seat_ids })
}

/** Leaves the next request of this kind without a response until the test calls `give` or `refuse`. */
function answerOf(call: 'lockSeats' | 'unlockSeats' | 'getHold') {
  let resolve: (answer: Hold) => void = () => {}
  let reject: (problem: ApiProblem) => void = () => {}
  server[call].mockReturnValueOnce(new Promise((...both) => ([resolve, reject] = both)))
  return {
    give: (answer: Hold) => (resolve(answer), flushPromises()),
    refuse: (problem: ApiProblem) => (reject(problem), flushPromises()),
  }
}

let page: VueWrapper | undefined

/** Mounts a seat page with a simulated live map; `looks` records every displayed state of seat A1. */
async function open({ isReady = true, now = ref(START) } = {}) {
  const liveMap = shallowRef<LiveMap>(EMPTY_MAP)
  const looks: string[] = []
  const hears: ReturnType<typeof useHold>[] = []
  const Page = defineComponent(() => {
    const nothing = () => {}
    const holding = useHold({ screeningId: 's', now, revision: () => 1 }, { onNews: nothing, onProblem: nothing, onChanged: nothing })
    const { seats } = useSeatViews({ screening: ref(screening), liveMap, loaded: ref(null), standing: holding.standing })
    hears.push(holding)
    const look = () => `${seats.value.get('A1')?.state}${seats.value.get('A1')?.pending ? ' pending' : ''}`
    watch(look, (next) => looks.push(next), { immediate: true })
    return () => null
  })
  page = mount(Page, { global: { plugins: [createI18n({ legacy: false, locale: 'en', messages: { en } })] } })
  const holding = hears[0]!
  async function live(status: LiveStatus, until?: string) {
    const seq = liveMap.value.kind === 'synced' ? liveMap.value.seq : 0
    const frame: MapFrame = { type: 'changes', prev: seq, seq: seq + 1, changes: [{ id: 'A1', status, until }] }
    const step = applyFrame(liveMap.value, frame)
    liveMap.value = step.map
    holding.hearMap(frame, step.changed)
    await flushPromises()
  }
  const frame = (heard: Hold) => (holding.hearHold(heard), flushPromises())
  liveMap.value = { kind: 'synced', seq: 0, seats: new Map() }
  if (isReady) await holding.refresh()
  return { holding, looks, live, frame, now, ask: () => (void holding.lock(['A1']), flushPromises()), release: () => (void holding.release(['A1']), flushPromises()) }
}

/** Mounts a seat page whose person holds A1, with the lock already shown by the live map. */
async function openHolding(options = {}) {
  server.getHold.mockResolvedValueOnce(hold(1, 'A1'))
  const opened = await open(options)
  await opened.live('LOCKED', MINE_UNTIL_LIVE)
  opened.looks.splice(0, opened.looks.length, 'mine')
  return opened
}

beforeEach(() => {
  vi.resetAllMocks()
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  server.getHold.mockResolvedValue(hold(0))
  setActivePinia(createPinia())
  const me = { id: 'p', name: 'Ann', email: 'ann@example.test', picture_url: null, role: 'USER', language: 'en' } as const
  useSessionStore().session = { kind: 'signed_in', me }
})

afterEach(() => {
  page?.unmount()
  vi.useRealTimers()
})

describe('choosing a seat', () => {
  it('a chosen seat goes from pending to mine, whether the response or the live change arrives first', async () => {
    for (const isLiveFirst of [true, false]) {
      const { looks, live, ask } = await open()
      const answer = answerOf('lockSeats')
      await ask()
      if (isLiveFirst) await live('LOCKED', MINE_UNTIL_LIVE)
      await answer.give(hold(1, 'A1'))
      if (!isLiveFirst) await live('LOCKED', MINE_UNTIL_LIVE)
      expect(looks).toEqual(['available', 'available pending', 'mine'])
      page?.unmount()
    }
  })

  it('a chosen seat goes from pending to locked when another person was faster, whether the response or the live change arrives first', async () => {
    for (const isLiveFirst of [true, false]) {
      const { looks, live, ask } = await open()
      const answer = answerOf('lockSeats')
      await ask()
      if (isLiveFirst) await live('LOCKED', OTHERS_UNTIL_LIVE)
      await answer.refuse(refusal('seat_taken', 409, ['A1']))
      if (!isLiveFirst) await live('LOCKED', OTHERS_UNTIL_LIVE)
      vi.advanceTimersByTime(SETTLED_MS)
      await flushPromises()
      expect(looks).toEqual(['available', 'available pending', 'locked'])
      page?.unmount()
    }
  })

  it('a refused seat follows the live map again when the map does not show another person’s lock in time', async () => {
    const { looks, ask } = await open()
    const answer = answerOf('lockSeats')
    await ask()
    await answer.refuse(refusal('seat_taken', 409, ['A1']))
    vi.advanceTimersByTime(SETTLED_MS)
    await flushPromises()
    expect(looks).toEqual(['available', 'available pending', 'locked', 'available'])
  })

  it('a chosen seat stays pending while it is requested again without the taken seats of the selection', async () => {
    const { holding, looks } = await open()
    const [first, second] = [answerOf('lockSeats'), answerOf('lockSeats')]
    void holding.lock(['A1', 'A2'])
    await flushPromises()
    await first.refuse(refusal('seat_taken', 409, ['A2']))
    await second.give(hold(1, 'A1'))
    expect(looks).toEqual(['available', 'available pending', 'mine'])
  })

  it('a chosen seat stays pending after a lost response until the hold is loaded', async () => {
    for (const [truth, end, until] of [
      [hold(1, 'A1'), 'mine', MINE_UNTIL_LIVE],
      [hold(1), 'locked', OTHERS_UNTIL_LIVE],
    ] as const) {
      const { looks, live, ask } = await open()
      const [answer, second] = [answerOf('lockSeats'), answerOf('getHold')]
      await ask()
      await live('LOCKED', until)
      await answer.refuse(refusal('no_answer', 0))
      await second.give(truth)
      expect(looks).toEqual(['available', 'available pending', end])
      page?.unmount()
    }
  })

  it('after a lost response, loading the hold is retried, and the seat never looks like another person\'s meanwhile', async () => {
    const { looks, live, ask } = await open()
    const [answer, second] = [answerOf('lockSeats'), answerOf('getHold')]
    await ask()
    await answer.refuse(refusal('no_answer', 0))
    await second.refuse(refusal('try_again', 503))
    await live('LOCKED', MINE_UNTIL_LIVE)
    expect(looks).toEqual(['available', 'available pending'])
    server.getHold.mockResolvedValueOnce(hold(1, 'A1'))
    vi.advanceTimersByTime(RECONNECT_MS_MIN)
    await flushPromises()
    expect(looks).toEqual(['available', 'available pending', 'mine'])
  })
})

describe('releasing a seat', () => {
  it('a released seat goes from mine to available, whether the response or the live change arrives first', async () => {
    for (const isLiveFirst of [true, false]) {
      const { looks, live, release } = await openHolding()
      const answer = answerOf('unlockSeats')
      await release()
      if (isLiveFirst) await live('AVAILABLE')
      await answer.give(hold(2))
      if (!isLiveFirst) await live('AVAILABLE')
      expect(looks).toEqual(['mine', 'mine pending', 'available'])
      page?.unmount()
    }
  })

  it('a release is not undone by the late live change of the lock before it', async () => {
    const { holding, looks, live, release } = await open()
    server.lockSeats.mockResolvedValueOnce(hold(1, 'A1'))
    await holding.lock(['A1'])
    server.unlockSeats.mockResolvedValueOnce(hold(2))
    await release()
    await live('LOCKED', MINE_UNTIL_LIVE)
    await live('AVAILABLE')
    expect(looks.at(-1)).toBe('available')
    expect(looks).not.toContain('locked')
  })

  it('a released seat that another person locks is shown as locked at once', async () => {
    const { looks, live, release } = await openHolding()
    server.unlockSeats.mockResolvedValueOnce(hold(2))
    await release()
    await live('LOCKED', OTHERS_UNTIL_LIVE)
    expect(looks.slice(-2)).toEqual(['available', 'locked'])
  })

  it('after the live change of a release, the next lock is another person\'s, even with the same expiry', async () => {
    const { holding, looks, live, release } = await openHolding()
    server.unlockSeats.mockResolvedValueOnce(hold(2))
    await release()
    expect(holding.isOwn('A1')).toBe(true)
    await live('AVAILABLE')
    expect(holding.isOwn('A1')).toBe(false)
    await live('LOCKED', MINE_UNTIL_LIVE)
    expect(looks.slice(-2)).toEqual(['available', 'locked'])
  })

  it('a seat can be chosen again before the live change of its release has arrived', async () => {
    const { looks, live, release, ask } = await openHolding()
    server.unlockSeats.mockResolvedValueOnce(hold(2))
    await release()
    const answer = answerOf('lockSeats')
    await ask()
    await live('AVAILABLE')
    vi.advanceTimersByTime(SETTLED_MS)
    await live('LOCKED', MINE_UNTIL_LIVE)
    await answer.give(hold(3, 'A1'))
    expect(looks.slice(-3)).toEqual(['available', 'available pending', 'mine'])
  })

  it('a released seat follows the live map again when the map still shows the lock after the settle timeout', async () => {
    const { looks, release } = await openHolding()
    server.unlockSeats.mockResolvedValueOnce(hold(2))
    await release()
    vi.advanceTimersByTime(SETTLED_MS)
    await flushPromises()
    expect(looks.slice(-2)).toEqual(['available', 'locked'])
  })

  it('a held seat is available at its expiry, before the live map shows it', async () => {
    const { looks, live, now } = await openHolding()
    now.value = Date.parse(MINE_UNTIL)
    await flushPromises()
    await live('AVAILABLE')
    expect(looks).toEqual(['mine', 'available'])
  })
})

describe('another device of the same person', () => {
  it('a seat locked on another device becomes mine, without looking like another person\'s', async () => {
    const { looks, live, frame } = await open()
    await frame(hold(1, 'A1'))
    await live('LOCKED', MINE_UNTIL_LIVE)
    expect(looks).toEqual(['available', 'mine'])
    expect(server.getHold).toHaveBeenCalledTimes(1)
  })

  it('a seat released on another device becomes available', async () => {
    const { looks, live, frame } = await openHolding()
    await frame(hold(2))
    await live('AVAILABLE')
    expect(looks).toEqual(['mine', 'available'])
  })

  it('a pending seat is settled by a hold frame that is faster than the response', async () => {
    const { looks, live, frame, ask, release } = await open()
    const answer = answerOf('lockSeats')
    await ask()
    await frame(hold(1, 'A1'))
    await live('LOCKED', MINE_UNTIL_LIVE)
    await answer.give(hold(1, 'A1'))
    const gone = answerOf('unlockSeats')
    await release()
    await frame(hold(2))
    await live('AVAILABLE')
    await gone.give(hold(2))
    expect(looks).toEqual(['available', 'available pending', 'mine', 'mine pending', 'available'])
  })

  it('a seat paid for on another device is pending between the end of its hold and the sale', async () => {
    server.getHold.mockResolvedValueOnce({ ...hold(1, 'A1'), payment_id: 'pay' })
    const { looks, live, frame } = await open()
    await live('LOCKED', MINE_UNTIL_LIVE)
    looks.splice(0, looks.length, 'mine')
    await frame(hold(2))
    await live('BOOKED')
    expect(looks).toEqual(['mine', 'available pending', 'booked'])
  })

  it('the hold is loaded when the map shows a change of a held seat whose hold frame was missed', async () => {
    const { looks, live } = await openHolding()
    server.getHold.mockResolvedValueOnce(hold(2))
    await live('AVAILABLE')
    expect(looks.at(-1)).toBe('available')
    expect(server.getHold).toHaveBeenCalledTimes(2)
  })
})

describe('opening the page', () => {
  it('a locked seat is pending while the hold cannot be loaded, and loading is retried', async () => {
    const { holding, looks, live } = await open({ isReady: false })
    await live('LOCKED', MINE_UNTIL_LIVE)
    server.getHold.mockRejectedValueOnce(refusal('try_again', 503)).mockResolvedValueOnce(hold(1, 'A1'))
    await holding.refresh()
    await flushPromises()
    expect([holding.isReady.value, looks.at(-1)]).toEqual([false, 'available pending'])
    vi.advanceTimersByTime(RECONNECT_MS_MIN)
    await flushPromises()
    expect(looks).toEqual(['available', 'available pending', 'mine'])
    vi.runAllTimers()
    await flushPromises()
    expect(server.getHold).toHaveBeenCalledTimes(2)
  })

  it('a locked seat is pending until the hold is loaded', async () => {
    for (const [truth, end] of [[hold(1, 'A1'), 'mine'], [hold(1), 'locked']] as const) {
      const { holding, looks, live } = await open({ isReady: false })
      await live('LOCKED', MINE_UNTIL_LIVE)
      server.getHold.mockResolvedValueOnce(truth)
      await holding.refresh()
      await flushPromises()
      expect(looks).toEqual(['available', 'available pending', end])
      page?.unmount()
    }
  })
})
