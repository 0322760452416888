/**
 * Records from now on, also after a reload, every look of each seat of this page: its displayed status and whether it is
 * pending. A look is `torn` when the data attributes, the class and the ARIA state of the seat disagree.
 */
export async function recordLooks(visitor) {
  await visitor.page.addInitScript(record)
  await visitor.page.evaluate(record)
}

/** Returns and clears the recorded looks of a seat; a reload clears them too. */
export function takeLooks(visitor, id) {
  return visitor.page.evaluate((seat) => window.seatLooks.get(seat)?.splice(0) ?? [], id)
}

function record() {
  if (window.seatLooks) return
  window.seatLooks = new Map()
  const last = new Map()
  const note = () => {
    for (const seat of document.querySelectorAll('[data-seat]')) {
      const { seat: id, status, pending } = seat.dataset
      const isTaken = status !== 'available' && status !== 'mine'
      const isWhole =
        seat.classList.contains(`is-${status}`) &&
        seat.classList.contains('is-pending') === (pending === 'true') &&
        (seat.getAttribute('aria-disabled') === 'true') === isTaken &&
        (seat.getAttribute('aria-selected') === 'true') === (status === 'mine')
      const look = isWhole ? `${status}${pending ? ' pending' : ''}` : 'torn'
      if (last.get(id) === look) continue
      last.set(id, look)
      if (!window.seatLooks.has(id)) window.seatLooks.set(id, [])
      window.seatLooks.get(id).push(look)
    }
  }
  note()
  new MutationObserver(note).observe(document, { subtree: true, childList: true, attributes: true })
}
