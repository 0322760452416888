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

export function paint(rows: readonly DraftRow[], rowIndex: number, cellIndex: number, kind: SeatKind | null): DraftRow[] {
  return changeRow(rows, rowIndex, { cells: rows[rowIndex]!.cells.map((cell, at) => (at === cellIndex ? kind : cell)) })
}

export function resizeRow(rows: readonly DraftRow[], index: number, by: 1 | -1): DraftRow[] {
  const { cells } = rows[index]!
  if (by === 1) return cells.length >= CELLS_MAX ? [...rows] : changeRow(rows, index, { cells: [...cells, cells.at(-1) ?? 'seat'] })
  return cells.length <= 1 ? [...rows] : changeRow(rows, index, { cells: cells.slice(0, -1) })
}
