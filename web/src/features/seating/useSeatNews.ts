import { useIntervalFn } from '@vueuse/core'
import type { SeatTurn } from '@/live/room'

/** Changes by others are said together, this often at most: a busy hall must not talk without end. */
const GATHER_MS = 15_000

/** Gathers what others do into one sentence now and then. */
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
        // A new time, or a sale after the lock: the seat was taken before.
        if ((before === 'AVAILABLE') === (status === 'AVAILABLE')) continue
        if (status === 'AVAILABLE') freed += 1
        else taken += 1
      }
    },
  }
}
