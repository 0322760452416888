import type { Money } from './money'

export type SeatKind = 'seat' | 'pair' | 'wheelchair' | 'companion' | 'blocked'

/** The state of a seat as shown to the person. A call in flight about the seat is not a state, see `pending` of `SeatView`. */
export type SeatState = 'available' | 'mine' | 'locked' | 'booked' | 'unavailable'

/** The layout of a hall as the server sends it; a `null` cell is a gap without a seat. */
export interface LayoutLike {
  rows: readonly { label: string; category?: string; cells: readonly (SeatKind | null)[] }[]
}

export interface PlanSeat {
  id: string
  row: string
  number: number
  kind: SeatKind
  category: string
  /** Left edge and width in columns; a pair is two columns wide. */
  x: number
  width: number
}

export interface PlanRow {
  label: string
  seats: PlanSeat[]
}

/** The layout of a hall with the position and number of each seat. */
export interface SeatPlan {
  columns: number
  rows: PlanRow[]
  byId: ReadonlyMap<string, PlanSeat>
}

/** A seat with everything that the map, the list and the notices show. */
export interface SeatView extends PlanSeat {
  price: Money
  state: SeatState
  pending: boolean
  /** When the lock of the seat expires, unless it is released, extended or turned into a sale before. */
  until: string | null
}

export const DEFAULT_CATEGORY = 'standard'

const widthOf = (cell: SeatKind | null): number => (cell === 'pair' ? 2 : 1)

/**
 * Numbers the seats of each row from 1, without gaps, and positions them. Rows of unequal length are centred, unless
 * a row begins with a gap, which means that the administrator has positioned the rows.
 */
export function planLayout(layout: LayoutLike): SeatPlan {
  const widths = layout.rows.map((row) => row.cells.reduce((sum, cell) => sum + widthOf(cell), 0))
  const columns = Math.max(1, ...widths)
  const placedByHand = layout.rows.some((row) => row.cells[0] === null)
  const byId = new Map<string, PlanSeat>()

  const rows = layout.rows.map((row, index) => {
    let x = placedByHand ? 0 : (columns - widths[index]!) / 2
    let number = 0
    const seats: PlanSeat[] = []
    for (const cell of row.cells) {
      const width = widthOf(cell)
      if (cell !== null) {
        number += 1
        const id = `${row.label}${number}`
        const seat = { id, row: row.label, number, kind: cell, category: row.category ?? DEFAULT_CATEGORY, x, width }
        seats.push(seat)
        byId.set(id, seat)
      }
      x += width
    }
    return { label: row.label, seats }
  })
  return { columns, rows, byId }
}

const middle = (seat: PlanSeat): number => seat.x + seat.width / 2

function nearestInRow(row: PlanRow, x: number): PlanSeat | undefined {
  return [...row.seats].sort((a, b) => Math.abs(middle(a) - x) - Math.abs(middle(b) - x))[0]
}

/** Returns the seat to which a key moves the focus; null for other keys and at the edge of the grid. */
export function moveFocus(plan: SeatPlan, from: string, key: string, ctrl = false): string | null {
  const seat = plan.byId.get(from)
  if (seat === undefined) return null
  const rowIndex = plan.rows.findIndex((row) => row.label === seat.row)
  const row = plan.rows[rowIndex]!
  const inRow = row.seats.indexOf(seat)
  const filled = plan.rows.filter((candidate) => candidate.seats.length > 0)

  switch (key) {
    case 'ArrowLeft':
      return row.seats[inRow - 1]?.id ?? null
    case 'ArrowRight':
      return row.seats[inRow + 1]?.id ?? null
    case 'ArrowUp':
    case 'ArrowDown': {
      const at = filled.indexOf(row)
      const next = filled[at + (key === 'ArrowUp' ? -1 : 1)]
      return next === undefined ? null : (nearestInRow(next, middle(seat))?.id ?? null)
    }
    case 'Home':
      return (ctrl ? filled[0]! : row).seats[0]?.id ?? null
    case 'End':
      return (ctrl ? filled.at(-1)! : row).seats.at(-1)?.id ?? null
    default:
      return null
  }
}

/** The distance between two rows in the search for the nearest seat; two neighbouring seats have the distance 1. */
const ROW_WEIGHT = 1.6

/** Finds for each lost seat the nearest available seat of the same kind, category and price; offers no seat twice. */
export function nearestEqual(seats: readonly SeatView[], lost: readonly string[], plan: SeatPlan): string[] {
  const rowIndex = new Map(plan.rows.map((row, index) => [row.label, index]))
  const offered = new Set<string>()
  for (const id of lost) {
    const wanted = seats.find((seat) => seat.id === id)
    if (wanted === undefined) continue
    const distance = (seat: SeatView) =>
      Math.hypot(middle(seat) - middle(wanted), ROW_WEIGHT * (rowIndex.get(seat.row)! - rowIndex.get(wanted.row)!))
    const best = seats
      .filter(
        (seat) =>
          seat.state === 'available' &&
          !seat.pending &&
          !lost.includes(seat.id) &&
          !offered.has(seat.id) &&
          seat.kind === wanted.kind &&
          seat.category === wanted.category &&
          seat.price.amount === wanted.price.amount,
      )
      .sort((a, b) => distance(a) - distance(b))[0]
    if (best !== undefined) offered.add(best.id)
  }
  return [...offered]
}

/** Parses the `seats` query parameter of a URL (`?seats=A1,A2`) and drops duplicates and malformed ids. */
export function parseSeatIds(value: unknown): string[] {
  if (typeof value !== 'string') return []
  return [...new Set(value.split(',').filter((id) => /^[A-Za-z]{1,3}\d{1,3}$/.test(id)))]
}
