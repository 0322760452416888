/** A press whose pointer moved further than this before its release was a drag, not a click. */
const TRAVEL_PX_MAX = 10
const PRESSABLE = 'button, a[href], label, input, select, summary, [role="button"], [data-seat]'

/**
 * Delivers each click to the element that was under the finger at pointerdown. When the layout moves before the release, the
 * browser sends the click to the nearest common ancestor instead; this handler redirects it to the pressed element.
 */
export function keepPresses(page: Document): () => void {
  let pressed: { element: Element; x: number; y: number } | null = null

  function onPointerdown(event: PointerEvent): void {
    // A second finger starts a gesture, which is not a press.
    const element = event.isPrimary && event.target instanceof Element ? event.target.closest(PRESSABLE) : null
    pressed = element === null ? null : { element, x: event.clientX, y: event.clientY }
  }

  function onClick(event: MouseEvent): void {
    if (pressed === null) return
    const { element, x, y } = pressed
    pressed = null
    const isSamePlace = Math.hypot(event.clientX - x, event.clientY - y) <= TRAVEL_PX_MAX
    const hasMissed = event.target instanceof Element && event.target !== element && event.target.contains(element)
    if (!isSamePlace || !hasMissed) return
    event.preventDefault()
    event.stopImmediatePropagation()
    const { clientX, clientY } = event
    element.dispatchEvent(new MouseEvent('click', { bubbles: true, cancelable: true, composed: true, clientX, clientY }))
  }

  const forget = () => (pressed = null)
  const options = { capture: true }
  page.addEventListener('pointerdown', onPointerdown, options)
  page.addEventListener('pointercancel', forget, options)
  page.addEventListener('click', onClick, options)
  return () => {
    page.removeEventListener('pointerdown', onPointerdown, options)
    page.removeEventListener('pointercancel', forget, options)
    page.removeEventListener('click', onClick, options)
  }
}
