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
import { EMPTY_MAP, applyFrame, type LiveMap } from '@/live/room'
import { RECONNECT_MS_MIN } from '@/live/watch'
import { useHold } from './useHold'
import { useSeatViews } from './useSeatViews'

vi.mock('@/api/screenings')
const server = vi.mocked(calls)

const START = Date.parse('2026-11-23T12:00:00Z')
/** The server sends milliseconds to the holder of a seat, and whole seconds, rounded up, to everybody. */
const MINE_UNTIL = '2026-11-23T12:04:59.250Z'
const MINE_UNTIL_LIVE = '2026-11-23T12:05:00Z'
const OTHERS_UNTIL_LIVE = '2026-11-23T12:05:01Z'
const SETTLED_MS = 5_000

const screening = {
  id: 's',
  layout: { rows: [{ label: 'A', cells: ['seat', 'seat'] }] },
  prices: { standard: { amount: 20_000, currency: 'THB' } },
} as unknown as ScreeningDetail

/** A hold of these seats as of `seq`, the number of its live change. */
function hold(seq: number, ...ids: string[]): Hold {
  const seats = ids.map((id) => ({ id, expires_at: MINE_UNTIL }))
  return { screening_id: 's', seq, seat_ids: ids, seats, expires_at: seats[0]?.expires_at ?? null, payment_id: null }
}

function refusal(code: ProblemCode, status: number, seat_ids?: string[]): ApiProblem {
  return new ApiProblem({ type: '', title: '', detail: '', request_id: '', status, code, seat_ids })
}

/** The answer to the next call of this kind, given when the test decides. */
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

/** A seat page with live frames; `looks` records every look of seat A1. */
async function open({ isReady = true, now = ref(START) } = {}) {
  const room = shallowRef<LiveMap>(EMPTY_MAP)
  const looks: string[] = []
  const hears: ReturnType<typeof useHold>[] = []
  const Page = defineComponent(() => {
    const nothing = () => {}
    const holding = useHold({ screeningId: 's', now, revision: () => 1 }, { onNews: nothing, onProblem: nothing, onChanged: nothing })
    const { seats } = useSeatViews({ screening: ref(screening), room, loaded: ref(null), standing: holding.standing })
    hears.push(holding)
    const look = () => `${seats.value.get('A1')?.state}${seats.value.get('A1')?.pending ? ' pending' : ''}`
    watch(look, (next) => looks.push(next), { immediate: true })
    return () => null
  })
  page = mount(Page, { global: { plugins: [createI18n({ legacy: false, locale: 'en', messages: { en } })] } })
  const holding = hears[0]!
  async function live(status: LiveStatus, until?: string) {
    const seq = room.value.kind === 'synced' ? room.value.seq : 0
    const frame: MapFrame = { type: 'changes', prev: seq, seq: seq + 1, changes: [{ id: 'A1', status, until }] }
    const step = applyFrame(room.value, frame)
    room.value = step.room
    holding.hearMap(frame, step.changed)
    await flushPromises()
  }
  const frame = (heard: Hold) => (holding.hearHold(heard), flushPromises())
  room.value = { kind: 'synced', seq: 0, seats: new Map() }
  if (isReady) await holding.refresh()
  return { holding, looks, live, frame, now, ask: () => (void holding.lock(['A1']), flushPromises()), letGo: () => (void holding.release(['A1']), flushPromises()) }
}

/** A page that holds A1, with the lock confirmed by the live map. */
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
  it('goes from pending to mine, whether the answer or the live change is first', async () => {
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

  it('goes from pending to locked when another person was faster, whichever is first', async () => {
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

  it('follows the live map again when it does not confirm the refusal in time', async () => {
    const { looks, ask } = await open()
    const answer = answerOf('lockSeats')
    await ask()
    await answer.refuse(refusal('seat_taken', 409, ['A1']))
    vi.advanceTimersByTime(SETTLED_MS)
    await flushPromises()
    expect(looks).toEqual(['available', 'available pending', 'locked', 'available'])
  })

  it('stays pending while the rest of a selection is requested again', async () => {
    const { holding, looks } = await open()
    const [first, second] = [answerOf('lockSeats'), answerOf('lockSeats')]
    void holding.lock(['A1', 'A2'])
    await flushPromises()
    await first.refuse(refusal('seat_taken', 409, ['A2']))
    await second.give(hold(1, 'A1'))
    expect(looks).toEqual(['available', 'available pending', 'mine'])
  })

  it('loads the hold when the answer was lost, and is pending until then', async () => {
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

  it('retries when the fetch fails too, and never looks like another person\'s seat meanwhile', async () => {
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
  it('goes from mine to available, whether the answer or the live change is first', async () => {
    for (const isLiveFirst of [true, false]) {
      const { looks, live, letGo } = await openHolding()
      const answer = answerOf('unlockSeats')
      await letGo()
      if (isLiveFirst) await live('AVAILABLE')
      await answer.give(hold(2))
      if (!isLiveFirst) await live('AVAILABLE')
      expect(looks).toEqual(['mine', 'mine pending', 'available'])
      page?.unmount()
    }
  })

  it('is not undone by the late live change of its lock', async () => {
    const { holding, looks, live, letGo } = await open()
    server.lockSeats.mockResolvedValueOnce(hold(1, 'A1'))
    await holding.lock(['A1'])
    server.unlockSeats.mockResolvedValueOnce(hold(2))
    await letGo()
    await live('LOCKED', MINE_UNTIL_LIVE)
    await live('AVAILABLE')
    expect(looks.at(-1)).toBe('available')
    expect(looks).not.toContain('locked')
  })

  it('shows the lock of another person at once', async () => {
    const { looks, live, letGo } = await openHolding()
    server.unlockSeats.mockResolvedValueOnce(hold(2))
    await letGo()
    await live('LOCKED', OTHERS_UNTIL_LIVE)
    expect(looks.slice(-2)).toEqual(['available', 'locked'])
  })

  it('ends with its live change: the next lock is another person\'s, even with the same expiry', async () => {
    const { holding, looks, live, letGo } = await openHolding()
    server.unlockSeats.mockResolvedValueOnce(hold(2))
    await letGo()
    expect(holding.isOwn('A1')).toBe(true)
    await live('AVAILABLE')
    expect(holding.isOwn('A1')).toBe(false)
    await live('LOCKED', MINE_UNTIL_LIVE)
    expect(looks.slice(-2)).toEqual(['available', 'locked'])
  })

  it('does not affect choosing the seat again', async () => {
    const { looks, live, letGo, ask } = await openHolding()
    server.unlockSeats.mockResolvedValueOnce(hold(2))
    await letGo()
    const answer = answerOf('lockSeats')
    await ask()
    await live('AVAILABLE')
    vi.advanceTimersByTime(SETTLED_MS)
    await live('LOCKED', MINE_UNTIL_LIVE)
    await answer.give(hold(3, 'A1'))
    expect(looks.slice(-3)).toEqual(['available', 'available pending', 'mine'])
  })

  it('follows the live map again when it shows the lock for longer than the settle time', async () => {
    const { looks, letGo } = await openHolding()
    server.unlockSeats.mockResolvedValueOnce(hold(2))
    await letGo()
    vi.advanceTimersByTime(SETTLED_MS)
    await flushPromises()
    expect(looks.slice(-2)).toEqual(['available', 'locked'])
  })

  it('is available at its expiry, before the live map shows it', async () => {
    const { looks, live, now } = await openHolding()
    now.value = Date.parse(MINE_UNTIL)
    await flushPromises()
    await live('AVAILABLE')
    expect(looks).toEqual(['mine', 'available'])
  })
})

describe('another device of the same person', () => {
  it('makes a seat mine here too, without looking like another person\'s', async () => {
    const { looks, live, frame } = await open()
    await frame(hold(1, 'A1'))
    await live('LOCKED', MINE_UNTIL_LIVE)
    expect(looks).toEqual(['available', 'mine'])
    expect(server.getHold).toHaveBeenCalledTimes(1)
  })

  it('releases a seat here too', async () => {
    const { looks, live, frame } = await openHolding()
    await frame(hold(2))
    await live('AVAILABLE')
    expect(looks).toEqual(['mine', 'available'])
  })

  it('ends a pending call here when its frame is faster than the answer', async () => {
    const { looks, live, frame, ask, letGo } = await open()
    const answer = answerOf('lockSeats')
    await ask()
    await frame(hold(1, 'A1'))
    await live('LOCKED', MINE_UNTIL_LIVE)
    await answer.give(hold(1, 'A1'))
    const gone = answerOf('unlockSeats')
    await letGo()
    await frame(hold(2))
    await live('AVAILABLE')
    await gone.give(hold(2))
    expect(looks).toEqual(['available', 'available pending', 'mine', 'mine pending', 'available'])
  })

  it('keeps a seat pending between the end of its hold and the sale', async () => {
    server.getHold.mockResolvedValueOnce({ ...hold(1, 'A1'), payment_id: 'pay' })
    const { looks, live, frame } = await open()
    await live('LOCKED', MINE_UNTIL_LIVE)
    looks.splice(0, looks.length, 'mine')
    await frame(hold(2))
    await live('BOOKED')
    expect(looks).toEqual(['mine', 'available pending', 'booked'])
  })

  it('causes a fetch of the hold when its frame was missed and the map is newer', async () => {
    const { looks, live } = await openHolding()
    server.getHold.mockResolvedValueOnce(hold(2))
    await live('AVAILABLE')
    expect(looks.at(-1)).toBe('available')
    expect(server.getHold).toHaveBeenCalledTimes(2)
  })
})

describe('coming to the page', () => {
  it('keeps a held seat pending while the hold cannot be loaded, and retries', async () => {
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

  it('keeps a held seat pending until the hold is loaded', async () => {
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
