/** For how many animation frames a finger stays down: enough for focus, styles and layout to take effect. */
const FRAMES_DOWN = 6

/**
 * Simulates a finger by raw touch events at a screen position, not by an event on an element, so that a layout shift between
 * touch start and touch end has the same effect as on a real device.
 */
export class Finger {
  #page
  #session

  static async of(visitor) {
    const finger = new Finger()
    finger.#page = visitor.page
    finger.#session = await visitor.context.newCDPSession(visitor.page)
    return finger
  }

  async down(x, y) {
    await this.#session.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints: [{ x, y }] })
    await frames(this.#page, FRAMES_DOWN)
  }

  async up() {
    await this.#session.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] })
    await frames(this.#page, 2)
  }

  /** Taps at the position that the element's centre has at touch start, even if the element then moves. */
  async tap(locator) {
    const { x, y } = await middle(locator)
    await this.down(x, y)
    await this.up()
  }
}

export async function middle(locator) {
  const box = await locator.boundingBox()
  return { x: box.x + box.width / 2, y: box.y + box.height / 2 }
}

/** Resolves when the browser has drawn this many animation frames. */
export function frames(page, count) {
  return page.evaluate(
    (wanted) =>
      new Promise((resolve) => {
        let left = wanted
        const next = () => (left-- > 0 ? requestAnimationFrame(next) : resolve())
        next()
      }),
    count,
  )
}
