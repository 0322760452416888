import { useIntervalFn } from '@vueuse/core'
import type { SeatTurn } from '@/live/room'

/** Changes by other people are announced in batches at this interval, so that a busy hall does not flood screen readers. */
const GATHER_MS = 15_000

/** Batches other people's changes into one announcement per interval. */
export function useSeatNews(say: (counts: { taken: number; freed: number }) => void) {
  let taken = 0
  let freed = 0
  useIntervalFn(() => {
    if (taken + freed === 0) return
    say({ taken, freed })
    taken = freed = 0
  }, GATHER_MS)
  return {
    heard(turns: readonly SeatTurn[]) {
      for (const { before, status } of turns) {
        // A new expiry, or a sale after the lock: the seat was taken before.
        if ((before === 'AVAILABLE') === (status === 'AVAILABLE')) continue
        if (status === 'AVAILABLE') freed += 1
        else taken += 1
      }
    },
  }
}
