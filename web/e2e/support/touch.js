/** How many frames a finger stays down: enough for focus, styles and layout to take effect. */
const FRAMES_DOWN = 6

/**
 * Simulates a finger on a real screen: raw touch events at a position, not an event on an element. Whatever the page does
 * between touch start and touch end happens here too.
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

  /** Taps the position of the element's centre at touch start. */
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

/** Resolves when the browser has drawn this many frames. */
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
