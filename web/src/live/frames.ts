/** What the server says about one screening. Frames never say who. */
export type LiveStatus = 'AVAILABLE' | 'LOCKED' | 'BOOKED' | 'UNAVAILABLE'

export interface SeatChange {
  id: string
  status: LiveStatus
  until?: string | null
}

export type Frame =
  | { type: 'snapshot'; seq: number; seats: SeatChange[] }
  | { type: 'changes'; prev: number; seq: number; changes: SeatChange[] }
  | { type: 'alive'; seq: number }

const STATUSES: readonly string[] = ['AVAILABLE', 'LOCKED', 'BOOKED', 'UNAVAILABLE']

function isSeatChange(value: unknown): value is SeatChange {
  const seat = value as Partial<SeatChange> | null
  return typeof seat === 'object' && seat !== null && typeof seat.id === 'string' && STATUSES.includes(seat.status ?? '')
}

/** A frame of a kind that this page does not know is null and means nothing: a newer server may say more. */
export function parseFrame(text: string): Frame | null {
  let value: Record<string, unknown>
  try {
    value = JSON.parse(text)
  } catch {
    return null
  }
  if (typeof value !== 'object' || value === null || typeof value.seq !== 'number') return null
  switch (value.type) {
    case 'snapshot':
      return Array.isArray(value.seats) && value.seats.every(isSeatChange)
        ? { type: 'snapshot', seq: value.seq, seats: value.seats }
        : null
    case 'changes':
      return typeof value.prev === 'number' && Array.isArray(value.changes) && value.changes.every(isSeatChange)
        ? { type: 'changes', prev: value.prev, seq: value.seq, changes: value.changes }
        : null
    case 'alive':
      return { type: 'alive', seq: value.seq }
    default:
      return null
  }
}
