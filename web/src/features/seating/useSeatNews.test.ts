import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { effectScope } from 'vue'
import type { LiveStatus } from '@/live/frames'
import { EMPTY_MAP, applyFrame, type LiveMap } from '@/live/liveMap'
import { useSeatNews } from './useSeatNews'

const GATHER_MS = 15_000

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

it('announcements count a seat once from lock to sale, and no seat that was taken at the first snapshot', () => {
  const said: object[] = []
  const scope = effectScope()
  const news = scope.run(() => useSeatNews((counts) => said.push(counts)))!
  let liveMap: LiveMap = EMPTY_MAP
  const hear = (frame: Parameters<typeof applyFrame>[1]) => {
    const step = applyFrame(liveMap, frame)
    liveMap = step.map
    news.heard(step.changed)
  }
  const change = (seq: number, status: LiveStatus, until?: string) =>
    hear({ type: 'changes', prev: seq - 1, seq, changes: ['B1', 'B2'].map((id) => ({ id, status, until })) })

  hear({ type: 'snapshot', seq: 1, seats: [{ id: 'A1', status: 'BOOKED' }, { id: 'A2', status: 'LOCKED' }] })
  vi.advanceTimersByTime(GATHER_MS)
  expect(said).toEqual([])
  change(2, 'LOCKED', '2026-11-23T12:05:00Z')
  change(3, 'LOCKED', '2026-11-23T12:08:00Z')
  change(4, 'BOOKED')
  hear({ type: 'changes', prev: 4, seq: 5, changes: [{ id: 'A2', status: 'AVAILABLE' }] })
  vi.advanceTimersByTime(GATHER_MS)
  expect(said).toEqual([{ taken: 2, freed: 1 }])
  scope.stop()
})
