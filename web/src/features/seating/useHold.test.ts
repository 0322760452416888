import { flushPromises } from '@vue/test-utils'
import { createPinia, setActivePinia } from 'pinia'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { effectScope, ref, type EffectScope } from 'vue'
import { ApiProblem, type ProblemCode } from '@/api/problem'
import * as calls from '@/api/screenings'
import { useSessionStore } from '@/api/session'
import type { Hold } from '@/api/types'
import { useHold } from './useHold'

vi.mock('@/api/screenings')
const server = vi.mocked(calls)

const START = Date.parse('2026-11-23T12:00:00Z')
const LOCK_MS = 300_000

let seq = 0
/** Returns a hold newer than the previous one. Its first seat expires in five minutes, each next one a minute later. */
function hold(...ids: string[]): Hold {
  const seats = ids.map((id, index) => ({ id, expires_at: new Date(START + LOCK_MS + index * 60_000).toISOString() }))
  return { screening_id: 's', seq: ++seq, seat_ids: ids, seats, expires_at: seats[0]?.expires_at ?? null, payment_id: null }
}

function refusal(code: ProblemCode, status: number, seat_ids?: string[]): ApiProblem {
  return new ApiProblem({ type: '', title: '', detail: '', request_id: '', status, code, seat_ids })
}

/** The effect scope of each `useHold`; all are stopped after each test, so that none receives events of the next test. */
const scopes: EffectScope[] = []

function setUp(signedIn = true) {
  setActivePinia(createPinia())
  const session = useSessionStore()
  const me = { id: 'p', name: 'Ann', email: 'ann@example.test', picture_url: null, role: 'USER', language: 'en' } as const
  session.session = signedIn ? { kind: 'signed_in', me } : { kind: 'guest' }
  const now = ref(START)
  const announced: string[] = []
  const scope = effectScope()
  scopes.push(scope)
  const holding = scope.run(() =>
    useHold(
      { screeningId: 's', now, revision: () => 7 },
      {
        onNews: (news, ids) => void announced.push(`${news} ${ids.join(' ')}`),
        onProblem: (error) => void announced.push(`problem ${(error as ApiProblem).code}`),
        onChanged: (error, ids) => void announced.push(`changed ${error.code} ${ids.join(' ')}`),
      },
    ),
  )!
  return { holding, announced, now, session }
}

afterEach(() => scopes.splice(0).forEach((scope) => scope.stop()))

beforeEach(() => {
  vi.resetAllMocks()
  server.getHold.mockResolvedValue(hold())
})

describe('locking', () => {
  it('a chosen seat is pending, not mine, until the server has answered', async () => {
    const { holding, announced } = setUp()
    let answer: (value: Hold) => void = () => {}
    server.lockSeats.mockReturnValue(new Promise((resolve) => (answer = resolve)))
    void holding.lock(['A1'])
    await flushPromises()
    expect([holding.isPending('A1'), holding.isMine('A1')]).toEqual([true, false])
    answer(hold('A1'))
    await flushPromises()
    expect([holding.isPending('A1'), holding.isMine('A1')]).toEqual([false, true])
    expect(announced).toEqual(['mine A1'])
  })

  it('the other chosen seats are locked when one of them is taken', async () => {
    const { holding, announced } = setUp()
    server.lockSeats.mockRejectedValueOnce(refusal('seat_taken', 409, ['A2'])).mockResolvedValueOnce(hold('A1', 'A3'))
    await holding.lock(['A1', 'A2', 'A3'])
    expect(server.lockSeats).toHaveBeenLastCalledWith('s', ['A1', 'A3'], 7)
    expect(announced).toEqual(['lost A2', 'mine A1 A3'])
  })

  it('the lock request is not retried when all chosen seats are taken', async () => {
    const { holding } = setUp()
    server.lockSeats.mockRejectedValue(refusal('seat_taken', 409, ['B9']))
    await holding.lock(['A1'])
    expect(server.lockSeats).toHaveBeenCalledTimes(1)
  })

  it('lock and release requests are sent one at a time, in order', async () => {
    const { holding } = setUp()
    const answers: ((value: Hold) => void)[] = []
    server.lockSeats.mockImplementation(() => new Promise((resolve) => answers.push(resolve)))
    void holding.lock(['A1'])
    void holding.lock(['A2'])
    await flushPromises()
    expect(answers).toHaveLength(1)
    answers[0]!(hold('A1'))
    await flushPromises()
    answers[1]!(hold('A1', 'A2'))
    await flushPromises()
    expect(holding.hold.value?.seat_ids).toEqual(['A1', 'A2'])
  })

  it('a guest, or a person whose session has just ended, must sign in before locking', async () => {
    const guest = setUp(false)
    await guest.holding.lock(['A1'])
    expect(guest.announced).toEqual(['guest A1'])
    expect(server.lockSeats).not.toHaveBeenCalled()

    const ended = setUp()
    server.lockSeats.mockRejectedValue(refusal('sign_in_required', 401))
    await ended.holding.lock(['A1'])
    expect(ended.announced).toEqual(['guest A1'])
    expect(ended.session.session.kind).toBe('guest')
  })

  it('the hold is cleared when the session was ended in another tab', async () => {
    const { holding, session } = setUp()
    server.getHold.mockResolvedValue(hold('A1'))
    await holding.refresh()
    expect(holding.isMine('A1')).toBe(true)
    session.ended()
    await flushPromises()
    expect([holding.isMine('A1'), holding.remainingMs.value]).toEqual([false, null])
  })

  it('a person is not treated as a guest when the session cannot be loaded', async () => {
    const { holding, announced, session } = setUp()
    vi.spyOn(session, 'ensure').mockResolvedValue({ kind: 'unknown', error: refusal('try_again', 503) })
    await holding.lock(['A1'])
    expect(announced).toEqual(['problem try_again'])
    expect([holding.isPending('A1'), server.lockSeats.mock.calls.length]).toEqual([false, 0])
  })

  it('the hold is loaded when the response to a request was lost', async () => {
    const { holding, announced } = setUp()
    server.lockSeats.mockRejectedValue(refusal('no_answer', 0))
    server.getHold.mockResolvedValue(hold('A1'))
    await holding.lock(['A1'])
    await flushPromises()
    expect(announced).toEqual(['problem no_answer'])
    expect(holding.isMine('A1')).toBe(true)
  })
})

describe('the person of the session', () => {
  it('when another person signs in, the hold of the previous person is cleared and the new one loaded', async () => {
    const { holding, session } = setUp()
    server.getHold.mockResolvedValueOnce(hold('A1'))
    await holding.refresh()
    server.getHold.mockResolvedValueOnce({ ...hold('A2'), seq: 0 })
    const me = { id: 'q', name: 'Ben', email: 'ben@example.test', picture_url: null, role: 'USER', language: 'en' } as const
    session.session = { kind: 'signed_in', me }
    expect(holding.isMine('A1')).toBe(false)
    await flushPromises()
    expect([holding.isMine('A1'), holding.isMine('A2')]).toEqual([false, true])
  })

  it('after a sign-out, a hold frame that was in flight does not restore the hold', async () => {
    const { holding, session } = setUp()
    session.ended()
    holding.hearHold(hold('A1'))
    expect(holding.isMine('A1')).toBe(false)
  })
})

describe('another device', () => {
  it('the hold is loaded again when a hidden page becomes visible, because another device may have changed it', async () => {
    const { holding } = setUp()
    server.getHold.mockResolvedValue(hold('A1'))
    document.dispatchEvent(new Event('visibilitychange'))
    await flushPromises()
    expect(holding.isMine('A1')).toBe(true)
  })
})

describe('time', () => {
  it('each seat is removed from the hold at its own expiry, and reported', async () => {
    const { holding, announced, now } = setUp()
    server.getHold.mockResolvedValue(hold('A1', 'A2'))
    await holding.refresh()
    expect(holding.remainingMs.value).toBe(LOCK_MS)
    now.value = START + LOCK_MS
    await flushPromises()
    expect(announced).toEqual(['lapsed A1'])
    expect(holding.hold.value?.seat_ids).toEqual(['A2'])
    expect(holding.remainingMs.value).toBe(60_000)
  })

  it('seats with a payment in progress do not expire by the page’s clock', async () => {
    const { holding, announced, now } = setUp()
    server.getHold.mockResolvedValue({ ...hold('A1'), payment_id: 'pay' })
    await holding.refresh()
    now.value = START + LOCK_MS
    await flushPromises()
    expect(announced).toEqual([])
    expect(holding.isMine('A1')).toBe(true)
  })

  it('a seat that vanishes from the hold counts as expired near its expiry, and as released earlier', async () => {
    const { holding, announced } = setUp()
    server.getHold.mockResolvedValue(hold('A1', 'A2'))
    await holding.refresh()
    server.unlockSeats.mockResolvedValue(hold('A2'))
    await holding.release(['A1'])
    expect(announced).toEqual(['released A1'])
    expect(['A1', 'A2'].some(holding.isPending)).toBe(false)
  })
})
