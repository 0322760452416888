import { useIntervalFn } from '@vueuse/core'
import type { SeatTransition } from '@/live/liveMap'

/** The interval of announcements to screen readers: batches, so that a busy hall does not flood them. */
const GATHER_MS = 15_000

/** Counts how many seats other people take and free, and announces the counts once per interval. */
export function useSeatNews(say: (counts: { taken: number; freed: number }) => void) {
  let taken = 0
  let freed = 0
  useIntervalFn(() => {
    if (taken + freed === 0) return
    say({ taken, freed })
    taken = freed = 0
  }, GATHER_MS)
  return {
    heard(transitions: readonly SeatTransition[]) {
      for (const { before, status } of transitions) {
        // Not counted: the seat was taken before and still is, by a lock with a new expiry or by a sale after the lock.
        if ((before === 'AVAILABLE') === (status === 'AVAILABLE')) continue
        if (status === 'AVAILABLE') freed += 1
        else taken += 1
      }
    },
  }
}
