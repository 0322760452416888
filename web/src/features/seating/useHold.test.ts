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
/** Each newer than the one before. `hold('A1', 'A2')`: those seats, the first for five minutes, each further one a minute longer. */
function hold(...ids: string[]): Hold {
  const seats = ids.map((id, index) => ({ id, expires_at: new Date(START + LOCK_MS + index * 60_000).toISOString() }))
  return { screening_id: 's', seq: ++seq, seat_ids: ids, seats, expires_at: seats[0]?.expires_at ?? null, payment_id: null }
}

function refusal(code: ProblemCode, status: number, seat_ids?: string[]): ApiProblem {
  return new ApiProblem({ type: '', title: '', detail: '', request_id: '', status, code, seat_ids })
}

/** Each is a page; those of one test must not hear those of the next. */
const scopes: EffectScope[] = []

function setUp(signedIn = true) {
  setActivePinia(createPinia())
  const session = useSessionStore()
  const me = { id: 'p', name: 'Ann', email: 'ann@example.test', picture_url: null, role: 'USER', language: 'en' } as const
  session.session = signedIn ? { kind: 'signed_in', me } : { kind: 'guest' }
  const now = ref(START)
  const told: string[] = []
  const scope = effectScope()
  scopes.push(scope)
  const holding = scope.run(() =>
    useHold(
      { screeningId: 's', now, revision: () => 7 },
      {
        onNews: (news, ids) => void told.push(`${news} ${ids.join(' ')}`),
        onProblem: (error) => void told.push(`problem ${(error as ApiProblem).code}`),
        onChanged: (error, ids) => void told.push(`changed ${error.code} ${ids.join(' ')}`),
      },
    ),
  )!
  return { holding, told, now, session }
}

afterEach(() => scopes.splice(0).forEach((scope) => scope.stop()))

beforeEach(() => {
  vi.resetAllMocks()
  server.getHold.mockResolvedValue(hold())
})

describe('locking', () => {
  it('is pending, not mine, until the server has answered', async () => {
    const { holding, told } = setUp()
    let answer: (value: Hold) => void = () => {}
    server.lockSeats.mockReturnValue(new Promise((resolve) => (answer = resolve)))
    void holding.lock(['A1'])
    await flushPromises()
    expect([holding.isPending('A1'), holding.isMine('A1')]).toEqual([true, false])
    answer(hold('A1'))
    await flushPromises()
    expect([holding.isPending('A1'), holding.isMine('A1')]).toEqual([false, true])
    expect(told).toEqual(['mine A1'])
  })

  it('keeps the others when one was lost', async () => {
    const { holding, told } = setUp()
    server.lockSeats.mockRejectedValueOnce(refusal('seat_taken', 409, ['A2'])).mockResolvedValueOnce(hold('A1', 'A3'))
    await holding.lock(['A1', 'A2', 'A3'])
    expect(server.lockSeats).toHaveBeenLastCalledWith('s', ['A1', 'A3'], 7)
    expect(told).toEqual(['lost A2', 'mine A1 A3'])
  })

  it('does not ask for ever for seats that are all taken', async () => {
    const { holding } = setUp()
    server.lockSeats.mockRejectedValue(refusal('seat_taken', 409, ['B9']))
    await holding.lock(['A1'])
    expect(server.lockSeats).toHaveBeenCalledTimes(1)
  })

  it('asks one thing at a time, in order', async () => {
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

  it('sends a guest to sign in, also one whose session has just ended', async () => {
    const guest = setUp(false)
    await guest.holding.lock(['A1'])
    expect(guest.told).toEqual(['guest A1'])
    expect(server.lockSeats).not.toHaveBeenCalled()

    const ended = setUp()
    server.lockSeats.mockRejectedValue(refusal('sign_in_required', 401))
    await ended.holding.lock(['A1'])
    expect(ended.told).toEqual(['guest A1'])
    expect(ended.session.session.kind).toBe('guest')
  })

  it('keeps nothing of somebody whose session was ended elsewhere', async () => {
    const { holding, session } = setUp()
    server.getHold.mockResolvedValue(hold('A1'))
    await holding.refresh()
    expect(holding.isMine('A1')).toBe(true)
    session.ended()
    await flushPromises()
    expect([holding.isMine('A1'), holding.remainingMs.value]).toEqual([false, null])
  })

  it('takes nobody for a guest because the server could not say who it is', async () => {
    const { holding, told, session } = setUp()
    vi.spyOn(session, 'ensure').mockResolvedValue({ kind: 'unknown', error: refusal('try_again', 503) })
    await holding.lock(['A1'])
    expect(told).toEqual(['problem try_again'])
    expect([holding.isPending('A1'), server.lockSeats.mock.calls.length]).toEqual([false, 0])
  })

  it('asks what is true when an answer was lost', async () => {
    const { holding, told } = setUp()
    server.lockSeats.mockRejectedValue(refusal('no_answer', 0))
    server.getHold.mockResolvedValue(hold('A1'))
    await holding.lock(['A1'])
    await flushPromises()
    expect(told).toEqual(['problem no_answer'])
    expect(holding.isMine('A1')).toBe(true)
  })
})

describe('who is at the screen', () => {
  it('is another person: what the one before held is forgotten and asked for anew', async () => {
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

  it('has signed out: a frame that was on its way gives nothing back', async () => {
    const { holding, session } = setUp()
    session.ended()
    holding.hearHold(hold('A1'))
    expect(holding.isMine('A1')).toBe(false)
  })
})

describe('another device', () => {
  it('may have changed what is held while nobody looked', async () => {
    const { holding } = setUp()
    server.getHold.mockResolvedValue(hold('A1'))
    document.dispatchEvent(new Event('visibilitychange'))
    await flushPromises()
    expect(holding.isMine('A1')).toBe(true)
  })
})

describe('time', () => {
  it('takes each seat when its own time is up, and says which', async () => {
    const { holding, told, now } = setUp()
    server.getHold.mockResolvedValue(hold('A1', 'A2'))
    await holding.refresh()
    expect(holding.remainingMs.value).toBe(LOCK_MS)
    now.value = START + LOCK_MS
    await flushPromises()
    expect(told).toEqual(['lapsed A1'])
    expect(holding.hold.value?.seat_ids).toEqual(['A2'])
    expect(holding.remainingMs.value).toBe(60_000)
  })

  it('does not end seats that a payment keeps', async () => {
    const { holding, told, now } = setUp()
    server.getHold.mockResolvedValue({ ...hold('A1'), payment_id: 'pay' })
    await holding.refresh()
    now.value = START + LOCK_MS
    await flushPromises()
    expect(told).toEqual([])
    expect(holding.isMine('A1')).toBe(true)
  })

  it('tells running out from letting go', async () => {
    const { holding, told } = setUp()
    server.getHold.mockResolvedValue(hold('A1', 'A2'))
    await holding.refresh()
    server.unlockSeats.mockResolvedValue(hold('A2'))
    await holding.release(['A1'])
    expect(told).toEqual(['released A1'])
    expect(['A1', 'A2'].some(holding.isPending)).toBe(false)
  })
})
