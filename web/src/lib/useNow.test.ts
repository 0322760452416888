import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { effectScope, type EffectScope } from 'vue'
import { useNow, useToday } from './useNow'

let scope: EffectScope
beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse('2026-11-29T16:59:40Z') })
  scope = effectScope()
})
afterEach(() => {
  scope.stop()
  vi.useRealTimers()
})

const today = (zone: string) => scope.run(() => useToday(useNow(), () => zone))!

it('the current day ends at midnight in the time zone of the cinema, not of the device', () => {
  const bangkok = today('Asia/Bangkok')
  const utc = today('UTC')
  expect([bangkok.value, utc.value]).toEqual(['2026-11-29', '2026-11-29'])
  vi.advanceTimersByTime(60_000)
  expect([bangkok.value, utc.value]).toEqual(['2026-11-30', '2026-11-29'])
})

it('the current day is updated at once when a page that was suspended over midnight becomes visible', () => {
  const bangkok = today('Asia/Bangkok')
  // Timers of a suspended tab do not run.
  vi.setSystemTime(Date.parse('2026-11-30T02:00:00Z'))
  expect(bangkok.value).toBe('2026-11-29')
  document.dispatchEvent(new Event('visibilitychange'))
  expect(bangkok.value).toBe('2026-11-30')
})
