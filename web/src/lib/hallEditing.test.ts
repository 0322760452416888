import { describe, expect, it } from 'vitest'
import { CELLS_MAX, ROWS_MAX, addRow, nextLabel, paint, resizeRow, startingRows, type DraftRow } from './hallEditing'

const glyph = { seat: 's', pair: 'p', wheelchair: 'w', companion: 'c', blocked: 'x' }
const draw = (rows: readonly DraftRow[]) => rows.map((row) => `${row.label} ${row.cells.map((cell) => (cell ? glyph[cell] : '_')).join('')}`)
const row = (label: string, count = 2): DraftRow => ({ label, category: 'standard', cells: Array(count).fill('seat') })

describe('drawing a hall', () => {
  it('starts with a small hall', () => expect(draw(startingRows())[0]).toBe('A ssssssss'))
  it('changes one cell', () => expect(draw(paint([row('A'), row('B')], 1, 0, null))).toEqual(['A ss', 'B _s']))
  it('adds a row like the last, with the next free letter', () =>
    expect(draw(addRow([row('A'), row('C', 3)]))).toEqual(['A ss', 'C sss', 'B sss']))
  it('continues with AA after Z', () => expect(nextLabel([...'ABCDEFGHIJKLMNOPQRSTUVWXYZ'].map((label) => row(label)))).toBe('AA'))
  it('lengthens and shortens, within limits', () => {
    expect(draw(resizeRow([row('A')], 0, 1))).toEqual(['A sss'])
    expect(draw(resizeRow([row('A', 1)], 0, -1))).toEqual(['A s'])
    expect(resizeRow([row('A', CELLS_MAX)], 0, 1)[0]!.cells).toHaveLength(CELLS_MAX)
    expect(addRow(Array.from({ length: ROWS_MAX }, (_, index) => row(`R${index}`)))).toHaveLength(ROWS_MAX)
  })
})
