/** How many frames a finger stays down: enough for focus, styles and layout to have had their effect. */
const FRAMES_DOWN = 6

/**
 * A finger as the browser gets it from a real screen: touch events at a place, not an event on an element. Whatever the page
 * does between the finger's coming down and its going up happens here too.
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

  /** Taps where the element's middle is when the finger comes down. */
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

/** Until the browser has drawn this many frames. */
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
