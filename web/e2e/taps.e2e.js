import assert from 'node:assert/strict'
import { test } from './support/fixtures.js'
import { Finger, frames, middle } from './support/touch.js'
import { waitFor } from './support/wait.js'

const phone = (width, height = 780) => ({ viewport: { width, height }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 })

/** A seat that another person has locked. `TAPS` has every kind of seat, ordered so that each tap changes the displayed text. */
const TAKEN = 'E12'
const TAPS = [
  { kind: 'wheelchair place', id: 'G1', becomes: 'mine' },
  { kind: 'taken seat', id: TAKEN, becomes: 'locked' },
  { kind: 'companion seat', id: 'G2', becomes: 'mine' },
  { kind: 'seat of a premium row', id: 'H3', becomes: 'mine' },
  { kind: 'sofa', id: 'Q4', becomes: 'mine' },
  { kind: 'taken seat again', id: TAKEN, becomes: 'locked' },
  { kind: 'seat', id: 'E11', becomes: 'mine' },
  { kind: 'taken seat once more', id: TAKEN, becomes: 'locked' },
  { kind: 'seat of mine', id: 'E11', becomes: 'available' },
  { kind: 'wheelchair place of mine', id: 'G1', becomes: 'available' },
]

/** The vertical position of the map, measured at its first seat. */
const topOfMap = (visitor) => visitor.seat('A1').evaluate((seat) => seat.getBoundingClientRect().top)

async function bringToTheMiddle(visitor, id) {
  await visitor.seat(id).evaluate((seat) => seat.scrollIntoView({ block: 'center', inline: 'center' }))
  await frames(visitor.page, 2)
}

let skip = 0
for (const width of [360, 390, 412]) {
  for (const language of ['th', 'en']) {
    test(`every tap on a seat takes effect, and the map does not move under the finger: ${width} px, ${language}`, async ({ server, come }) => {
      const showing = await server.showing('Hall 1', skip++)
      const other = await come()
      await other.signInQuietly('other@example.test')
      const taken = await other.context.request.post('/api/lock', { data: { screening_id: showing.id, seat_ids: [TAKEN] } })
      assert.equal(taken.status(), 200)
      const visitor = await come({ screen: phone(width), language, keepsLanguage: true })
      await visitor.signInQuietly(`taps-${width}-${language}@example.test`)
      await visitor.go(`/screenings/${showing.id}`)
      await visitor.seesSeat(TAKEN, 'locked')
      await visitor.page.waitForLoadState('networkidle')
      const finger = await Finger.of(visitor)
      for (const { kind, id, becomes } of TAPS) {
        await bringToTheMiddle(visitor, id)
        const { x, y } = await middle(visitor.seat(id))
        const before = await topOfMap(visitor)
        await finger.down(x, y)
        const down = await topOfMap(visitor)
        await finger.up()
        const up = await topOfMap(visitor)
        assert.deepEqual([down - before, up - before], [0, 0], `the map moves when the ${kind} ${id} is tapped`)
        await visitor.page
          .locator(`[data-testid="seat-${id}"][data-status="${becomes}"]:not([data-pending])`)
          .waitFor({ timeout: 3_000 })
          .catch(() => assert.fail(`a tap on the ${kind} ${id} had no effect`))
        await frames(visitor.page, 2)
        assert.equal(await topOfMap(visitor), before, `the map has moved after the tap on the ${kind} ${id}`)
      }
    })
  }
}

/** How many rows of seats are completely visible and not covered. */
const rowsInView = (visitor) =>
  visitor.page.evaluate(() => {
    const isInView = (seat) => {
      const { left, right, top, bottom } = seat.getBoundingClientRect()
      const hits = (y) => document.elementFromPoint((left + right) / 2, y)
      return top >= 0 && bottom <= innerHeight && hits(top + 1)?.closest('[data-seat]') === seat && hits(bottom - 1)?.closest('[data-seat]') === seat
    }
    return [...document.querySelectorAll('[role="row"]')].filter((row) => [...row.querySelectorAll('[data-seat]')].some(isInView)).length
  })

for (const language of ['th', 'en']) {
  test(`a phone in landscape shows four rows of seats without scrolling, also with seats chosen: ${language}`, async ({ server, come }) => {
    const showing = await server.showing('Hall 1', skip++)
    const visitor = await come({ screen: phone(740, 360), language, keepsLanguage: true })
    await visitor.signInQuietly(`sideways-${language}@example.test`)
    await visitor.go(`/screenings/${showing.id}`)
    await visitor.seesSeat('A5', 'available')
    await visitor.page.waitForLoadState('networkidle')
    assert.ok((await rowsInView(visitor)) >= 4, `${await rowsInView(visitor)} rows`)
    await visitor.picture(`sideways-${language}`)
    await visitor.press(visitor.seat('B5'))
    await visitor.seesSeat('B5', 'mine')
    assert.ok((await rowsInView(visitor)) >= 4, `${await rowsInView(visitor)} rows with a seat chosen`)
    await visitor.picture(`sideways-chosen-${language}`)
  })

  for (const [width, height] of [[360, 740], [390, 844]]) {
    test(`at twice the text size four rows of seats are visible around a seat: ${width} px, ${language}`, async ({ server, come }) => {
      const showing = await server.showing('Hall 1', skip++)
      const visitor = await come({ screen: phone(width, height), language, keepsLanguage: true })
      await visitor.signInQuietly(`large-${width}-${language}@example.test`)
      await visitor.go(`/screenings/${showing.id}`)
      await visitor.seesSeat('A5', 'available')
      await visitor.page.waitForLoadState('networkidle')
      await visitor.page.evaluate(() => document.documentElement.style.setProperty('font-size', '200%', 'important'))
      // Enlarged text is laid out over several animation frames, so scrolling is repeated until the layout is stable.
      await waitFor(async () => {
        await bringToTheMiddle(visitor, 'E10')
        return (await rowsInView(visitor)) >= 4
      }, 'four rows')
      const finger = await Finger.of(visitor)
      await finger.tap(visitor.seat('E10'))
      await visitor.seesSeat('E10', 'mine')
      await frames(visitor.page, 2)
      assert.ok((await rowsInView(visitor)) >= 4, `${await rowsInView(visitor)} rows with a seat chosen`)
      await visitor.picture(`large-text-${width}-${language}`)
    })
  }
}
