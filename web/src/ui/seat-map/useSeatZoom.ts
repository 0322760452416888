import { useElementSize, useEventListener } from '@vueuse/core'
import { computed, nextTick, ref, watch, type Ref } from 'vue'

/** Seats smaller than this are too small to tap: a tap on the map then zooms in instead of choosing a seat. */
export const TAP_PX_MIN = 24
const SEAT_PX_MIN = 10
const SEAT_PX_MAX = 64
/** The initial seat size of a hall that does not fit on the screen, large enough for the first tap to choose a seat. */
const START_PX_MIN = 28
const START_PX_MAX = 40
const ZOOM_STEP = 1.3
/** The width of the row letters on both sides, in seat widths. */
const LETTER_COLUMNS = 2
const PADDING_PX = 8

interface Point {
  x: number
  y: number
}

const clamp = (size: number) => Math.min(SEAT_PX_MAX, Math.max(SEAT_PX_MIN, size))

/** The seat size in px, changed by buttons, pinch and Ctrl + wheel; the point of the map under the pointer stays in place. */
export function useSeatZoom(viewport: Ref<HTMLElement | null>, columns: Ref<number>) {
  const { width } = useElementSize(viewport)
  const size = ref(START_PX_MIN)
  let touched = false

  const fit = computed(() => clamp(Math.floor((width.value - PADDING_PX) / (columns.value + LETTER_COLUMNS))))

  async function zoomTo(wanted: number, around?: Point): Promise<void> {
    const view = viewport.value
    const next = clamp(wanted)
    if (view === null || next === size.value) return
    touched = true
    const box = view.getBoundingClientRect()
    const point = around ?? { x: box.left + box.width / 2, y: box.top + box.height / 2 }
    const inside = { x: point.x - box.left, y: point.y - box.top }
    const ratio = next / size.value
    const scroll = { left: (view.scrollLeft + inside.x) * ratio - inside.x, top: (view.scrollTop + inside.y) * ratio - inside.y }
    size.value = next
    await nextTick()
    view.scrollTo({ ...scroll, behavior: 'instant' })
  }

  watch([width, columns], async () => {
    if (touched || width.value === 0) return
    size.value = fit.value < TAP_PX_MIN ? START_PX_MIN : Math.min(START_PX_MAX, fit.value)
    await nextTick()
    const view = viewport.value
    if (view !== null) view.scrollLeft = (view.scrollWidth - view.clientWidth) / 2
  })

  let pinch: { distance: number; size: number } | null = null
  const spread = (touches: TouchList): number =>
    Math.hypot(touches[0]!.clientX - touches[1]!.clientX, touches[0]!.clientY - touches[1]!.clientY)
  useEventListener(viewport, 'touchstart', (event: TouchEvent) => {
    pinch = event.touches.length === 2 ? { distance: spread(event.touches), size: size.value } : null
  }, { passive: true })
  useEventListener(viewport, 'touchmove', (event: TouchEvent) => {
    if (pinch === null || event.touches.length !== 2) return
    event.preventDefault()
    const [a, b] = [event.touches[0]!, event.touches[1]!]
    const around = { x: (a.clientX + b.clientX) / 2, y: (a.clientY + b.clientY) / 2 }
    void zoomTo((pinch.size * spread(event.touches)) / pinch.distance, around)
  }, { passive: false })
  useEventListener(viewport, 'wheel', (event: WheelEvent) => {
    if (!event.ctrlKey) return
    event.preventDefault()
    void zoomTo(size.value * (event.deltaY < 0 ? 1.1 : 1 / 1.1), { x: event.clientX, y: event.clientY })
  }, { passive: false })

  return {
    size,
    canZoomIn: computed(() => size.value < SEAT_PX_MAX),
    canZoomOut: computed(() => size.value > Math.min(fit.value, START_PX_MIN)),
    zoomIn: (around?: Point) => zoomTo(Math.max(size.value * ZOOM_STEP, around ? TAP_PX_MIN * 1.25 : 0), around),
    zoomOut: () => zoomTo(Math.max(size.value / ZOOM_STEP, Math.min(fit.value, START_PX_MIN))),
    zoomFit: () => zoomTo(Math.min(fit.value, START_PX_MAX)),
  }
}
