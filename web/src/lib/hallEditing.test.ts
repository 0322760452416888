import { describe, expect, it } from 'vitest'
import { CELLS_MAX, ROWS_MAX, addRow, cellAt, nextLabel, paint, resizeRow, startingRows, type DraftRow } from './hallEditing'
import type { SeatKind } from './seating'

const glyph = { seat: 's', pair: 'p', wheelchair: 'w', companion: 'c', blocked: 'x' }
const draw = (rows: readonly DraftRow[]) => rows.map((row) => `${row.label} ${row.cells.map((cell) => (cell ? glyph[cell] : '_')).join('')}`)
const row = (label: string, count = 2): DraftRow => ({ label, category: 'standard', cells: Array(count).fill('seat') })

describe('drawing a hall', () => {
  it('a new hall starts with a small layout', () => expect(draw(startingRows())[0]).toBe('A ssssssss'))
  it('pressing one place changes only that place', () => {
    const place = { row: 1, column: 0 }
    expect(draw(paint([row('A'), row('B')], place, place, null))).toEqual(['A ss', 'B _s'])
  })
  it('an added row copies the last row and gets the next free letter', () =>
    expect(draw(addRow([row('A'), row('C', 3)]))).toEqual(['A ss', 'C sss', 'B sss']))
  it('row labels continue with AA after Z', () => expect(nextLabel([...'ABCDEFGHIJKLMNOPQRSTUVWXYZ'].map((label) => row(label)))).toBe('AA'))
  it('rows are lengthened and shortened within limits', () => {
    expect(draw(resizeRow([row('A')], 0, 1))).toEqual(['A sss'])
    expect(draw(resizeRow([row('A', 1)], 0, -1))).toEqual(['A s'])
    expect(resizeRow([row('A', CELLS_MAX)], 0, 1)[0]!.cells).toHaveLength(CELLS_MAX)
    expect(addRow(Array.from({ length: ROWS_MAX }, (_, index) => row(`R${index}`)))).toHaveLength(ROWS_MAX)
  })
})

describe('painting a part of a row', () => {
  const kinds: Record<string, SeatKind | null> = { s: 'seat', p: 'pair', w: 'wheelchair', c: 'companion', x: 'blocked', _: null }
  const rowOf = (cells: string): DraftRow => ({ label: 'A', category: 'standard', cells: [...cells].map((cell) => kinds[cell]!) })
  /** Drags from one column to another, and returns the row. */
  const drag = (cells: string, from: number, to: number, kind: string) =>
    draw(paint([rowOf(cells)], { row: 0, column: from }, { row: 0, column: to }, kinds[kind]!))[0]!.slice(2)

  it.each([
    ['seven seats become three sofas and one seat', 'ssssssss', 0, 6, 'p', 'pppss'],
    ['seven seats, dragged to the left, keep the seat at the left end', 'ssssssss', 7, 1, 'p', 'ssppp'],
    ['an aisle between dragged seats stays', 'sss_sss', 0, 6, 'p', 'ps_ps'],
    ['an aisle alone becomes a sofa', 's__s', 1, 2, 'p', 'sps'],
    ['sofas that are there already stay', 'spss', 0, 4, 'p', 'spp'],
    ['every kind of place can become a sofa', 'wcxs', 0, 3, 'p', 'pp'],
    ['a sofa on one pressed seat takes the seat to its right', 'ssss', 1, 1, 'p', 'sps'],
    ['a sofa on the last seat takes the seat to its left', 'ssss', 3, 3, 'p', 'ssp'],
    ['a sofa on a seat between aisles makes the row longer and keeps the aisles', '_s_', 1, 1, 'p', '_p_'],
    ['a sofa on a sofa changes nothing', 'sps', 2, 2, 'p', 'sps'],
    ['a sofa becomes two seats', 'sps', 1, 1, 's', 'ssss'],
    ['either half of a sofa stands for the sofa', 'sps', 2, 2, 'w', 'swws'],
    ['an aisle through a sofa is as wide as the sofa', 'sps', 1, 2, '_', 's__s'],
    ['a drag beyond the end paints up to the end', 'sss', 1, 40, 'x', 'sxx'],
  ])('%s', (_, before, from, to, kind, after) => expect(drag(before, from, to, kind)).toBe(after))

  it('no drag changes the width of a row, whatever its brush, beginning and end', () => {
    const width = (cells: string) => [...cells].reduce((sum, cell) => sum + (cell === 'p' ? 2 : 1), 0)
    for (const before of ['ssssssss', 'sp_spws', '_pp_x_s', 'ppp'])
      for (let from = 0; from < width(before); from++)
        for (let to = 0; to < width(before); to++)
          for (const kind of ['s', 'w', 'c', 'x', '_', ...(Math.abs(from - to) > 1 ? ['p'] : [])])
            expect(width(drag(before, from, to, kind)), `${before} ${from}-${to} ${kind}`).toBe(width(before))
  })

  it('a drag over several rows paints the rectangle, also in rows with sofas and shorter rows', () => {
    const rows = [rowOf('ssss'), rowOf('pp'), rowOf('s')]
    expect(draw(paint(rows, { row: 2, column: 2 }, { row: 0, column: 1 }, null))).toEqual(['A s__s', 'A ____', 'A s'])
  })

  it('a row never gets more places than the server accepts', () => {
    const full = { label: 'A', category: 'standard', cells: Array<SeatKind>(CELLS_MAX).fill('pair') }
    expect(paint([full], { row: 0, column: 0 }, { row: 0, column: 9 }, 'seat')[0]!.cells).toHaveLength(CELLS_MAX)
  })

  it('a column beyond the end of a row belongs to its last cell', () => {
    expect([0, 1, 2, 3, 9].map((column) => cellAt(rowOf('sps').cells, column))).toEqual([0, 1, 1, 2, 2])
  })
})
