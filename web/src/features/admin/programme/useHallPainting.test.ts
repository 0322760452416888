import { expect, it } from 'vitest'
import type { DraftRow } from '@/lib/hallEditing'
import { neighbour } from './useHallPainting'

const row = (label: string, ...cells: DraftRow['cells']): DraftRow => ({ label, category: 'standard', cells })
const ROWS = [row('A', 'seat', 'pair', 'seat'), row('B', 'seat')]
const go = (place: [number, number], key: string) => {
  const to = neighbour(ROWS, { row: place[0], column: place[1] }, key)
  return to === null ? null : [to.row, to.column]
}

it('arrows go from cell to cell, over a sofa in one step, and stop at the edges', () => {
  expect(go([0, 0], 'ArrowRight')).toEqual([0, 1])
  expect(go([0, 1], 'ArrowRight')).toEqual([0, 3])
  expect(go([0, 2], 'ArrowRight')).toEqual([0, 3])
  expect(go([0, 3], 'ArrowRight')).toBeNull()
  expect(go([0, 0], 'ArrowLeft')).toBeNull()
  expect(go([0, 0], 'ArrowUp')).toBeNull()
  expect(go([1, 0], 'ArrowDown')).toBeNull()
  expect(go([0, 1], 'Home')).toEqual([0, 0])
  expect(go([0, 0], 'End')).toEqual([0, 3])
  expect(go([0, 0], 'Delete')).toBeNull()
})

it('moving through a shorter row does not change the column', () => {
  expect(go([0, 3], 'ArrowDown')).toEqual([1, 3])
  expect(go([1, 3], 'ArrowUp')).toEqual([0, 3])
})
