import { describe, expect, it } from 'vitest'
import { CELLS_MAX, ROWS_MAX, addRow, nextLabel, paint, resizeRow, startingRows, type DraftRow } from './hallEditing'

const glyph = { seat: 's', pair: 'p', wheelchair: 'w', companion: 'c', blocked: 'x' }
const draw = (rows: readonly DraftRow[]) => rows.map((row) => `${row.label} ${row.cells.map((cell) => (cell ? glyph[cell] : '_')).join('')}`)
const row = (label: string, count = 2): DraftRow => ({ label, category: 'standard', cells: Array(count).fill('seat') })

describe('drawing a hall', () => {
  it('a new hall starts with a small layout', () => expect(draw(startingRows())[0]).toBe('A ssssssss'))
  it('painting a cell changes only that cell', () => expect(draw(paint([row('A'), row('B')], 1, 0, null))).toEqual(['A ss', 'B _s']))
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
