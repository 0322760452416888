import assert from 'node:assert/strict'
import { test } from './support/fixtures.js'

/** The maximum number of Tab presses, more than any page has tab stops. */
const STOPS_MAX = 120

/** Presses Tab until the focus is on an element that matches the selector. */
async function tabTo(page, selector) {
  for (let stop = 0; stop < STOPS_MAX; stop += 1) {
    if (await page.evaluate((wanted) => document.activeElement?.matches(wanted) ?? false, selector)) return
    await page.keyboard.press('Tab')
  }
  throw new Error(`Tab never came to ${selector}`)
}

/** Waits until the focus is on the content element of the new page (labelled with the page's name), as after each navigation. */
const atBeginning = (page, name) => page.locator(`#content[aria-label="${name}"]:focus`).waitFor()

const focusedSeat = (page) => page.evaluate(() => document.activeElement?.dataset.seat ?? null)

test('a booking can be made with the keyboard alone', async ({ server, come }) => {
  const showing = await server.showing('Hall 2')
  const visitor = await come()
  const { page } = visitor
  await visitor.go('/')
  await page.locator('h2 a').first().waitFor()
  await page.keyboard.press('Tab')
  assert.equal(await page.evaluate(() => document.activeElement?.getAttribute('href')), '#content', 'the first stop skips to the content')
  await page.keyboard.press('Enter')

  const day = new Intl.DateTimeFormat('en-CA', { timeZone: 'Asia/Bangkok' }).format(new Date(showing.start_time))
  await tabTo(page, `[data-testid="day-${day}"]`)
  await page.keyboard.press('Enter')
  await page.locator(`[data-testid="day-${day}"][aria-pressed="true"]`).waitFor()
  await tabTo(page, `h2 a[href="/movies/${showing.movie.id}"]`)
  await page.keyboard.press('Enter')
  // The previous page has the same showtime buttons, so wait for the heading of the film's page first.
  await page.getByRole('heading', { level: 1, name: showing.movie.title }).waitFor()
  await atBeginning(page, showing.movie.title)
  await tabTo(page, `[data-testid="showtime-${showing.id}"]`)
  await page.keyboard.press('Enter')
  await visitor.seat('A1').waitFor()

  await tabTo(page, '[data-seat]')
  assert.equal(await focusedSeat(page), 'A1')
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('ArrowRight')
  assert.equal(await focusedSeat(page), 'B2')
  await page.keyboard.press('Space')
  await visitor.sees('sign-in')
  await tabTo(page, '[data-testid="sign-in"]')
  await page.keyboard.press('Enter')
  await page.locator('#email').waitFor()
  await tabTo(page, 'button[value="pim@example.test"]')
  await page.keyboard.press('Enter')
  await visitor.seesSeat('B2', 'mine')

  await tabTo(page, '[data-testid="pay"]')
  await page.keyboard.press('Enter')
  await visitor.sees('confirm-pay')
  await atBeginning(page, `Payment – ${showing.movie.title}`)
  await tabTo(page, '[name="method"]')
  await page.keyboard.press('ArrowDown')
  await page.locator('[data-testid="method-mock_card"]:checked:enabled:focus').waitFor()
  await tabTo(page, '[data-testid="confirm-pay"]')
  await page.keyboard.press('Enter')
  await visitor.sees('booking-code')
  await atBeginning(page, `Ticket ${(await visitor.byId('booking-code').innerText()).trim()}`)
})

test('the seat map is one tab stop with arrow keys, Home and End, and live changes do not move the focus', async ({ server, come }) => {
  const showing = await server.showing('Hall 1')
  const ann = await come()
  const ben = await come()
  await ann.signInQuietly('ann@example.test')
  await ben.signInQuietly('ben@example.test')
  const { page } = ann
  await ann.go(`/screenings/${showing.id}`)
  await ann.seesSeat('C5', 'available')
  assert.equal(await page.locator('[data-seat][tabindex="0"]').count(), 1)
  await tabTo(page, '[data-seat]')
  const moves = [
    ['Home', 'A1'], ['ArrowRight', 'A2'], ['ArrowRight', 'A3'], ['End', 'A16'], ['Control+End', 'Q10'], ['Control+Home', 'A1'], ['ArrowUp', 'A1'], ['ArrowLeft', 'A1'],
  ]
  for (const [key, seat] of moves) {
    await page.keyboard.press(key)
    assert.equal(await focusedSeat(page), seat, key)
  }
  assert.equal(await page.locator('[data-seat][tabindex="0"]').count(), 1)
  assert.match(await ann.seat('A1').getAttribute('aria-label'), /^Row A, seat 1, seat, [\d,]+ baht, available$/)
  assert.match(await ann.seat('Q10').getAttribute('aria-label'), /^Row Q, seat 10, sofa, [\d,]+ baht, available$/)

  // Another person locks the focused seat and the one beside it.
  const taken = await ben.context.request.post('/api/lock', { data: { screening_id: showing.id, seat_ids: ['A1', 'A2'] } })
  assert.equal(taken.status(), 200)
  await ann.seesSeat('A1', 'locked')
  await ann.seesSeat('A2', 'locked')
  assert.equal(await focusedSeat(page), 'A1')
  assert.equal(await ann.seat('A1').getAttribute('aria-disabled'), 'true')
  await page.keyboard.press('Space')
  await ann.seesSeat('A1', 'locked')

  // A seat that becomes the person's is announced to screen readers, and the countdown is visible.
  await page.keyboard.press('End')
  await page.keyboard.press('Space')
  await ann.seesSeat('A16', 'mine')
  await page.waitForFunction(() => document.querySelector('[data-testid="announcer"]').textContent.includes('seat 16'))
  assert.ok(await ann.byId('countdown').isVisible())
})

test('a seat chosen in the list view is also shown as own in the map view', async ({ server, come }) => {
  const showing = await server.showing('Hall 3')
  const visitor = await come({ language: 'th' })
  await visitor.signInQuietly('list@example.test')
  await visitor.go(`/screenings/${showing.id}`)
  await visitor.byId('view-list').click()
  await visitor.byId('list-seat-B3').focus()
  await visitor.page.keyboard.press('Enter')
  await visitor.page.locator('[data-testid="list-seat-B3"][aria-pressed="true"]:not([aria-busy])').waitFor()
  await visitor.picture('list')
  await visitor.byId('view-map').click()
  await visitor.seesSeat('B3', 'mine')
})
