import type { LiveStatus, MapFrame, SeatChange } from './frames'

/** The page's copy of a screening's seat map. A seat that is not in `seats` is available. */
export type LiveMap =
  | { kind: 'empty' }
  | { kind: 'synced'; seq: number; seats: ReadonlyMap<string, SeatChange> }

/** `reload`: a gap in `seq` or a smaller `seq` shows that the page's copy may be wrong, so a new snapshot is needed. */
export type Verdict = 'applied' | 'ignored' | 'reload'

/** A status change of a seat, with its previous status. */
export interface SeatTurn extends SeatChange {
  before: LiveStatus
}

export interface Step {
  room: LiveMap
  verdict: Verdict
  /** The seats that the frame has changed, with their previous status; empty when the map had not been loaded before. */
  changed: SeatTurn[]
}

export const EMPTY_MAP: LiveMap = { kind: 'empty' }

export function applyFrame(room: LiveMap, frame: MapFrame): Step {
  switch (frame.type) {
    case 'snapshot':
      return applySnapshot(room, frame.seq, frame.seats)
    case 'changes':
      return applyChanges(room, frame)
    case 'alive':
      return { room, verdict: room.kind === 'synced' && room.seq !== frame.seq ? 'reload' : 'ignored', changed: [] }
  }
}

/** Applies a seat map that was loaded by GET. Its `seq` is comparable with that of frames, so it never replaces a newer map. */
export function applyLoaded(room: LiveMap, seq: number, seats: readonly SeatChange[]): Step {
  if (room.kind === 'synced' && room.seq >= seq) return { room, verdict: 'ignored', changed: [] }
  return applySnapshot(room, seq, seats)
}

function applySnapshot(room: LiveMap, seq: number, listed: readonly SeatChange[]): Step {
  const seats = new Map(listed.filter((seat) => seat.status !== 'AVAILABLE').map((seat) => [seat.id, seat]))
  const changed: SeatTurn[] = []
  if (room.kind === 'synced') {
    for (const seat of seats.values()) {
      const before = statusIn(room.seats, seat.id)
      if (before !== seat.status) changed.push({ ...seat, before })
    }
    for (const { id, status } of room.seats.values()) {
      if (!seats.has(id)) changed.push({ id, status: 'AVAILABLE', before: status })
    }
  }
  return { room: { kind: 'synced', seq, seats }, verdict: 'applied', changed }
}

function applyChanges(room: LiveMap, frame: Extract<MapFrame, { type: 'changes' }>): Step {
  if (room.kind === 'synced' && frame.seq === room.seq) return { room, verdict: 'ignored', changed: [] }
  if (room.kind === 'empty' || frame.prev > room.seq || frame.seq < room.seq) {
    return { room, verdict: 'reload', changed: [] }
  }
  const seats = new Map(room.seats)
  const changed: SeatTurn[] = []
  for (const change of frame.changes) {
    changed.push({ ...change, before: statusIn(seats, change.id) })
    if (change.status === 'AVAILABLE') seats.delete(change.id)
    else seats.set(change.id, change)
  }
  return { room: { kind: 'synced', seq: frame.seq, seats }, verdict: 'applied', changed }
}

const statusIn = (seats: ReadonlyMap<string, SeatChange>, id: string): LiveStatus => seats.get(id)?.status ?? 'AVAILABLE'
