import { useEventListener } from '@vueuse/core'
import { nextTick, ref, type Ref, type ShallowRef } from 'vue'
import { cellAt, paint, spansOf, type DraftRow, type Place } from '@/lib/hallEditing'
import type { SeatKind } from '@/lib/seating'

/** The attribute that gives the row and first column of a drawn cell, such as `0:4`. */
const PLACE = 'data-place'

/**
 * Painting of the places of a hall with a pointer or the keyboard. A drag paints from a copy of the rows made when it began,
 * so that dragging back undoes what it painted; Escape, or a touch that turns out to scroll the page, undoes it all.
 */
export function useHallPainting(rows: Ref<DraftRow[]>, tool: Ref<SeatKind | null>, area: Readonly<ShallowRef<HTMLElement | null>>) {
  /** The place that the keyboard is at: the one tab stop of all places. */
  const focused = ref<Place>({ row: 0, column: 0 })
  let drag: { from: Place; rows: DraftRow[]; by: 'pointer' | 'keyboard' } | null = null

  function begin(from: Place, by: 'pointer' | 'keyboard'): void {
    drag = { from, rows: rows.value, by }
    focused.value = from
    rows.value = paint(drag.rows, from, from, tool.value)
  }
  function extend(to: Place): void {
    if (drag === null) return
    focused.value = to
    rows.value = paint(drag.rows, drag.from, to, tool.value)
  }
  const end = () => (drag = null)
  function undo(): void {
    if (drag !== null) rows.value = drag.rows
    end()
  }

  /** The place under the pointer. The right half of a sofa is its second column. */
  function placeUnder({ clientX, clientY }: PointerEvent): Place | null {
    const cell = document.elementFromPoint(clientX, clientY)?.closest(`[${PLACE}]`)
    if (!cell || !area.value?.contains(cell)) return null
    const [row, column] = cell.getAttribute(PLACE)!.split(':').map(Number) as [number, number]
    const { left, width } = cell.getBoundingClientRect()
    const span = spansOf(rows.value[row]!.cells).find((each) => each.column === column)
    return { row, column: column + (span?.width === 2 && clientX > left + width / 2 ? 1 : 0) }
  }

  function press(event: PointerEvent): void {
    const place = event.button === 0 && event.isPrimary ? placeUnder(event) : null
    if (place !== null) begin(place, 'pointer')
  }
  useEventListener(window, 'pointermove', (event) => {
    const place = drag?.by === 'pointer' && event.isPrimary ? placeUnder(event) : null
    if (place !== null) extend(place)
  })
  useEventListener(window, 'pointerup', () => drag?.by === 'pointer' && end())
  useEventListener(window, 'pointercancel', () => drag?.by === 'pointer' && undo())
  useEventListener(window, 'blur', end)
  useEventListener(window, 'keydown', ({ key }) => key === 'Escape' && undo())
  useEventListener(window, 'keyup', ({ key }) => key === 'Shift' && drag?.by === 'keyboard' && end())

  /** Arrows, Home and End move; with Shift they paint on the way, as a drag does. Space and Enter paint one place. */
  function type(event: KeyboardEvent): void {
    if (event.key === ' ' || event.key === 'Enter') {
      event.preventDefault()
      begin(focused.value, 'keyboard')
      if (!event.shiftKey) end()
    } else {
      const next = neighbour(rows.value, focused.value, event.key)
      if (next === null) return
      event.preventDefault()
      if (event.shiftKey) {
        if (drag === null) begin(focused.value, 'keyboard')
        extend(next)
      } else focused.value = next
    }
    void nextTick(() => area.value?.querySelector<HTMLElement>(`[${PLACE}][tabindex="0"]`)?.focus())
  }

  /** True for the cell that covers the place of the keyboard. Rows may have become fewer or shorter since. */
  function isTabStop(row: number, index: number): boolean {
    const at = Math.min(focused.value.row, rows.value.length - 1)
    return row === at && cellAt(rows.value[at]!.cells, focused.value.column) === index
  }
  return { press, type, isTabStop, placeAttribute: (row: number, column: number) => ({ [PLACE]: `${row}:${column}` }) }
}

/** The place to which a key moves, or null for other keys and at the edge of the drawing. */
export function neighbour(rows: readonly DraftRow[], { row, column }: Place, key: string): Place | null {
  const spans = spansOf(rows[row]?.cells ?? [])
  const here = spans[cellAt(rows[row]?.cells ?? [], column)]
  const last = spans.at(-1)
  if (here === undefined || last === undefined) return null
  switch (key) {
    case 'ArrowLeft':
      return here.column === 0 ? null : { row, column: here.column - 1 }
    case 'ArrowRight':
      return here === last ? null : { row, column: here.column + here.width }
    case 'ArrowUp':
      return row === 0 ? null : { row: row - 1, column }
    case 'ArrowDown':
      return row === rows.length - 1 ? null : { row: row + 1, column }
    case 'Home':
      return { row, column: 0 }
    case 'End':
      return { row, column: last.column }
    default:
      return null
  }
}
