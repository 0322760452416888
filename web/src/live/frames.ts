import type { Hold, Payment, ScreeningDetail } from '@/api/types'

/** The status of a seat in the shared seat map. It never identifies the holder; only a person's own `hold` frames do. */
export type LiveStatus = 'AVAILABLE' | 'LOCKED' | 'BOOKED' | 'UNAVAILABLE'

export interface SeatChange {
  id: string
  status: LiveStatus
  until?: string | null
}

/** The fields of a screening that may change while viewers are connected. */
export type ScreeningChange = Pick<ScreeningDetail, 'revision' | 'start_time' | 'end_time' | 'hall_name' | 'hall_name_th' | 'prices' | 'state'>

/** The frames that keep the page's copy of the seat map up to date; `seq` numbers the versions of the map. */
export type MapFrame =
  | { type: 'snapshot'; seq: number; revision?: number; seats: SeatChange[] }
  | { type: 'changes'; prev: number; seq: number; changes: SeatChange[] }
  | { type: 'alive'; seq: number }

export type Frame =
  | MapFrame
  | { type: 'hold'; seq: number; hold: Hold }
  | { type: 'payment'; id: string; status: Payment['status'] }
  | ({ type: 'screening' } & ScreeningChange)

const STATUSES: readonly string[] = ['AVAILABLE', 'LOCKED', 'BOOKED', 'UNAVAILABLE']
const STATES: readonly string[] = ['ON_SALE', 'CLOSED', 'CANCELLED']

type Fields = Record<string, unknown>

const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)

function isSeatChange(value: unknown): value is SeatChange {
  return isObject(value) && typeof value.id === 'string' && STATUSES.includes(value.status as string)
}

function isHold(value: unknown): value is Hold {
  return isObject(value) && typeof value.seq === 'number' && Array.isArray(value.seat_ids) && Array.isArray(value.seats)
}

/** Returns null for a frame of an unknown type, which the page ignores: a newer server may send more types. */
export function parseFrame(text: string): Frame | null {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return null
  }
  if (!isObject(value)) return null
  switch (value.type) {
    case 'payment':
      return typeof value.id === 'string' && typeof value.status === 'string' ? (value as Extract<Frame, { type: 'payment' }>) : null
    case 'screening':
      return typeof value.revision === 'number' && typeof value.start_time === 'string' && isObject(value.prices) && STATES.includes(value.state as string)
        ? (value as Extract<Frame, { type: 'screening' }>)
        : null
    default:
      return typeof value.seq === 'number' ? parseNumbered(value, value.seq) : null
  }
}

function parseNumbered(value: Fields, seq: number): Frame | null {
  switch (value.type) {
    case 'snapshot': {
      const { seats, revision } = value
      if (!Array.isArray(seats) || !seats.every(isSeatChange)) return null
      return typeof revision === 'number' ? { type: 'snapshot', seq, revision, seats } : { type: 'snapshot', seq, seats }
    }
    case 'changes':
      return typeof value.prev === 'number' && Array.isArray(value.changes) && value.changes.every(isSeatChange)
        ? { type: 'changes', prev: value.prev, seq, changes: value.changes }
        : null
    case 'hold':
      return isHold(value.hold) ? { type: 'hold', seq, hold: value.hold } : null
    case 'alive':
      return { type: 'alive', seq }
    default:
      return null
  }
}
