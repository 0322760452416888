import type { SeatKind } from './seating'

/** A row of seats in the hall editor. Rows are immutable: every change returns a new list of rows. */
export interface DraftRow {
  label: string
  category: string
  cells: (SeatKind | null)[]
}

export const ROWS_MAX = 60
export const CELLS_MAX = 100
const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'

/** Returns the first unused row label in the order A … Z, AA, AB … */
export function nextLabel(rows: readonly DraftRow[]): string {
  const used = new Set(rows.map((row) => row.label))
  for (let index = 0; ; index++) {
    const label = (index < LETTERS.length ? '' : LETTERS[Math.floor(index / LETTERS.length) - 1]!) + LETTERS[index % LETTERS.length]!
    if (!used.has(label)) return label
  }
}

export function startingRows(): DraftRow[] {
  return [...'ABCDE'].map((label) => ({ label, category: 'standard', cells: Array<SeatKind>(8).fill('seat') }))
}

/** Appends a copy of the last row, or returns the rows unchanged when the hall already has the maximum number of rows. */
export function addRow(rows: readonly DraftRow[]): DraftRow[] {
  if (rows.length >= ROWS_MAX) return [...rows]
  const last = rows.at(-1)
  return [...rows, { label: nextLabel(rows), category: last?.category ?? 'standard', cells: [...(last?.cells ?? Array<SeatKind>(8).fill('seat'))] }]
}

export function changeRow(rows: readonly DraftRow[], index: number, change: Partial<DraftRow>): DraftRow[] {
  return rows.map((row, at) => (at === index ? { ...row, ...change } : row))
}

/** A place in the drawing of a hall. Columns have the width of a seat; a sofa covers two. */
export interface Place {
  row: number
  column: number
}

type Cell = SeatKind | null
interface Span {
  cell: Cell
  column: number
  width: number
}

/** Returns each cell of a row with the column at which it begins and its width in columns. */
export function spansOf(cells: readonly Cell[]): Span[] {
  let column = 0
  return cells.map((cell) => {
    const span = { cell, column, width: cell === 'pair' ? 2 : 1 }
    column += span.width
    return span
  })
}

/** Returns the index of the cell that covers the column, or of the nearest one: rows differ in length. */
export function cellAt(cells: readonly Cell[], column: number): number {
  const index = spansOf(cells).findIndex((span) => column < span.column + span.width)
  return index === -1 ? cells.length - 1 : Math.max(0, index)
}

/**
 * Paints the rectangle between the place where a drag began and the place where it is now. Every row keeps its width in
 * columns, so that nothing moves under the pointer: two seats become one sofa, and a sofa becomes two of another kind.
 */
export function paint(rows: readonly DraftRow[], from: Place, to: Place, kind: Cell): DraftRow[] {
  const [top, bottom] = [Math.min(from.row, to.row), Math.max(from.row, to.row)]
  const [left, right] = [Math.min(from.column, to.column), Math.max(from.column, to.column)]
  const isTouched = ({ column, width }: Span) => column <= right && column + width > left
  return rows.map((row, index) => {
    if (index < top || index > bottom) return row
    const touched = spansOf(row.cells).map(isTouched)
    if (!touched.includes(true)) return row
    const cells = kind === 'pair' ? paintSofas(row.cells, touched, to.column < from.column) : paintPlaces(row.cells, touched, kind)
    return { ...row, cells }
  })
}

function paintPlaces(cells: readonly Cell[], touched: readonly boolean[], kind: Cell): Cell[] {
  let room = CELLS_MAX - cells.length
  return cells.flatMap((cell, at) => {
    if (!touched[at]) return [cell]
    return cell === 'pair' && room-- > 0 ? [kind, kind] : [kind]
  })
}

/**
 * Joins the touched places in twos, beginning where the drag began; an odd place stays as it is. Aisles stay too, unless
 * nothing but gaps was touched.
 */
function paintSofas(cells: readonly Cell[], touched: readonly boolean[], isBackwards: boolean): Cell[] {
  if (touched.filter(Boolean).length === 1) return paintOneSofa(cells, touched.indexOf(true))
  if (isBackwards) return paintSofas([...cells].reverse(), [...touched].reverse(), false).reverse()
  const hasSeat = cells.some((cell, at) => touched[at] && cell !== null)
  const isFree = (at: number) => touched[at] === true && cells[at] !== 'pair' && (cells[at] !== null || !hasSeat)
  const painted: Cell[] = []
  for (let at = 0; at < cells.length; at++) {
    if (isFree(at) && isFree(at + 1)) {
      painted.push('pair')
      at += 1
    } else painted.push(cells[at]!)
  }
  return painted
}

/**
 * Joins one pressed place with its neighbour to the right, else to the left. A place between sofas and aisles has none:
 * it becomes a sofa alone, and the row grows by a column.
 */
function paintOneSofa(cells: readonly Cell[], at: number): Cell[] {
  const cell = cells[at]!
  if (cell === 'pair') return [...cells]
  const isLike = (other: number) => other >= 0 && other < cells.length && cells[other] !== 'pair' && (cells[other] === null) === (cell === null)
  if (isLike(at + 1)) return [...cells.slice(0, at), 'pair', ...cells.slice(at + 2)]
  if (isLike(at - 1)) return [...cells.slice(0, at - 1), 'pair', ...cells.slice(at + 1)]
  return [...cells.slice(0, at), 'pair', ...cells.slice(at + 1)]
}

export function resizeRow(rows: readonly DraftRow[], index: number, by: 1 | -1): DraftRow[] {
  const { cells } = rows[index]!
  if (by === 1) return cells.length >= CELLS_MAX ? [...rows] : changeRow(rows, index, { cells: [...cells, cells.at(-1) ?? 'seat'] })
  return cells.length <= 1 ? [...rows] : changeRow(rows, index, { cells: cells.slice(0, -1) })
}
