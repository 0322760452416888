import type { LiveStatus, MapFrame, SeatChange } from './frames'

/** The page's copy of a screening's seat map. A seat that is not in `seats` is available. */
export type LiveMap =
  | { kind: 'empty' }
  | { kind: 'synced'; seq: number; seats: ReadonlyMap<string, SeatChange> }

/** `reload`: a gap in `seq` or a smaller `seq` shows that the page's copy may be wrong, so a new snapshot is needed. */
export type Verdict = 'applied' | 'ignored' | 'reload'

/** A status change of a seat, with its previous status. */
export interface SeatTransition extends SeatChange {
  before: LiveStatus
}

export interface Step {
  map: LiveMap
  verdict: Verdict
  /** The seats that the frame has changed, with their previous status; empty when the map had not been loaded before. */
  changed: SeatTransition[]
}

export const EMPTY_MAP: LiveMap = { kind: 'empty' }

export function applyFrame(map: LiveMap, frame: MapFrame): Step {
  switch (frame.type) {
    case 'snapshot':
      return applySnapshot(map, frame.seq, frame.seats)
    case 'changes':
      return applyChanges(map, frame)
    case 'alive':
      return { map, verdict: map.kind === 'synced' && map.seq !== frame.seq ? 'reload' : 'ignored', changed: [] }
  }
}

/** Applies a seat map that was loaded by GET. Its `seq` is comparable with that of frames, so it never replaces a newer map. */
export function applyLoaded(map: LiveMap, seq: number, seats: readonly SeatChange[]): Step {
  if (map.kind === 'synced' && map.seq >= seq) return { map, verdict: 'ignored', changed: [] }
  return applySnapshot(map, seq, seats)
}

function applySnapshot(map: LiveMap, seq: number, listed: readonly SeatChange[]): Step {
  const seats = new Map(listed.filter((seat) => seat.status !== 'AVAILABLE').map((seat) => [seat.id, seat]))
  const changed: SeatTransition[] = []
  if (map.kind === 'synced') {
    for (const seat of seats.values()) {
      const before = statusIn(map.seats, seat.id)
      if (before !== seat.status) changed.push({ ...seat, before })
    }
    for (const { id, status } of map.seats.values()) {
      if (!seats.has(id)) changed.push({ id, status: 'AVAILABLE', before: status })
    }
  }
  return { map: { kind: 'synced', seq, seats }, verdict: 'applied', changed }
}

function applyChanges(map: LiveMap, frame: Extract<MapFrame, { type: 'changes' }>): Step {
  if (map.kind === 'synced' && frame.seq === map.seq) return { map, verdict: 'ignored', changed: [] }
  if (map.kind === 'empty' || frame.prev > map.seq || frame.seq < map.seq) {
    return { map, verdict: 'reload', changed: [] }
  }
  const seats = new Map(map.seats)
  const changed: SeatTransition[] = []
  for (const change of frame.changes) {
    changed.push({ ...change, before: statusIn(seats, change.id) })
    if (change.status === 'AVAILABLE') seats.delete(change.id)
    else seats.set(change.id, change)
  }
  return { map: { kind: 'synced', seq: frame.seq, seats }, verdict: 'applied', changed }
}

const statusIn = (seats: ReadonlyMap<string, SeatChange>, id: string): LiveStatus => seats.get(id)?.status ?? 'AVAILABLE'
