import { describe, expect, it } from 'vitest'
import {
  moveFocus,
  nearestEqual,
  parseSeatIds,
  planLayout,
  type LayoutLike,
  type SeatKind,
  type SeatState,
  type SeatView,
} from './seating'

const CELLS: Record<string, SeatKind | null> = { s: 'seat', p: 'pair', w: 'wheelchair', x: 'blocked', _: null }

/** Builds a layout from text, such as `hall('A ss_ss', 'B pp')`: one row per argument, one letter of `CELLS` per cell. */
function hall(...lines: string[]): LayoutLike {
  return {
    rows: lines.map((line) => {
      const [label, cells] = line.split(' ') as [string, string]
      return { label, category: 'standard', cells: [...cells].map((cell) => CELLS[cell]!) }
    }),
  }
}

const STATES: Record<string, SeatState> = { '.': 'available', m: 'mine', l: 'locked', B: 'booked' }

/** Builds seat views from text, such as `views(plan, '..l.', '....')`: one row per argument, one letter of `STATES` per seat. */
function views(plan: ReturnType<typeof planLayout>, ...lines: string[]): SeatView[] {
  return plan.rows.flatMap((row, r) =>
    row.seats.map((seat, s) => ({
      ...seat,
      price: { amount: 20_000, currency: 'THB' },
      state: STATES[lines[r]![s]!]!,
      pending: false,
      until: null,
    })),
  )
}

describe('the layout of a hall', () => {
  it('seats are numbered from 1 without counting gaps, and pairs are two columns wide', () => {
    const plan = planLayout(hall('A ss_pp', 'B ssssss'))
    expect(plan.columns).toBe(7)
    expect(plan.rows[0]!.seats.map((seat) => `${seat.id}@${seat.x}`)).toEqual(['A1@0', 'A2@1', 'A3@3', 'A4@5'])
  })
  it('short rows are centred', () => {
    expect(planLayout(hall('A ss', 'B ssss')).byId.get('A1')!.x).toBe(1)
  })
  it('no row is centred when any row begins with a gap', () => {
    expect(planLayout(hall('A _ss', 'B ssssss', 'C ss')).byId.get('C1')!.x).toBe(0)
  })
})

describe('moving in the grid', () => {
  const plan = planLayout(hall('A _ss_ss', 'B ________', 'C ssssss', 'D _p__'))
  it.each([
    ['A2', 'ArrowRight', 'A3'],
    ['A3', 'ArrowLeft', 'A2'],
    ['A1', 'ArrowLeft', null],
    ['A1', 'ArrowDown', 'C2'],
    ['C4', 'ArrowUp', 'A2'],
    ['C6', 'ArrowDown', 'D1'],
    ['A1', 'ArrowUp', null],
    ['C3', 'Home', 'C1'],
    ['C3', 'End', 'C6'],
    ['C3', 'x', null],
  ])('%s %s → %s', (from, key, to) => expect(moveFocus(plan, from, key)).toBe(to))
  it('Ctrl+Home and Ctrl+End move the focus to the first and last seat of the hall', () => {
    expect(moveFocus(plan, 'C3', 'Home', true)).toBe('A1')
    expect(moveFocus(plan, 'C3', 'End', true)).toBe('D1')
  })
})

describe('the nearest equal seat', () => {
  const plan = planLayout(hall('A ssss', 'B ssss', 'C wsss'))
  it('the nearest equal seat is the adjacent seat when that is available', () => {
    expect(nearestEqual(views(plan, '.B..', 'BBBB', '....'), ['A2'], plan)).toEqual(['A1'])
  })
  it('a replacement seat is never taken, of another kind, or offered for two lost seats', () => {
    expect(nearestEqual(views(plan, 'BBBB', 'BBBB', '.BB.'), ['B1', 'B2'], plan)).toEqual(['C4'])
  })
  it('a pending seat is never offered as a replacement', () => {
    const seats = views(plan, '.B..', 'BBBB', '....').map((seat) => ({ ...seat, pending: seat.id === 'A1' }))
    expect(nearestEqual(seats, ['A2'], plan)).not.toContain('A1')
  })
  it('no replacement is offered when no equal seat is available', () => {
    expect(nearestEqual(views(plan, 'BBBB', 'BlmB', '.BBB'), ['A1'], plan)).toEqual([])
  })
})

describe('seats in a URL', () => {
  it.each([
    ['A1,A2,A1', ['A1', 'A2']],
    ['A1,<b>,', ['A1']],
    [undefined, []],
  ])('%j → %j', (value, ids) => expect(parseSeatIds(value)).toEqual(ids))
})
