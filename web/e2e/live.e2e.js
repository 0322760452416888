import assert from 'node:assert/strict'
import { test } from './support/fixtures.js'
import { holdSeats } from './support/paths.js'
import { recordLooks, takeLooks } from './support/seatLooks.js'
import { NO_SERVER } from './support/visitor.js'

const CLICKS = 20
/** The limit of the median delay, far above measured values, so that a busy machine does not exceed it but a broken path does. */
const MEDIAN_MS_MAX = 1_000

test('a seat chosen in one window is shown as locked in another person’s window, with a median delay below a second', async ({ server, come }) => {
  const showing = await server.showing('Hall 1')
  const ann = await come()
  const ben = await come({ language: 'th', theme: 'light' })
  await ann.signInQuietly('ann@example.test')
  await ann.go(`/screenings/${showing.id}`)
  await ben.go(`/screenings/${showing.id}`)
  await ben.seesSeat('F10', 'available')
  await ann.seesSeat('F10', 'available')

  const delays = []
  for (let click = 0; click < CLICKS; click += 1) {
    const wanted = click % 2 === 0 ? 'locked' : 'available'
    // Ben's window starts to observe the seat before Ann clicks. Both run on one machine, so their timestamps are comparable.
    await ben.page.evaluate((status) => {
      const seat = document.querySelector('[data-testid="seat-F10"]')
      window.seen = new Promise((resolve) => {
        const observer = new MutationObserver(() => {
          if (seat.dataset.status !== status) return
          observer.disconnect()
          resolve(performance.timeOrigin + performance.now())
        })
        observer.observe(seat, { attributes: true })
      })
    }, wanted)
    const pressed = await ann.page.evaluate(() => {
      const at = performance.timeOrigin + performance.now()
      document.querySelector('[data-testid="seat-F10"]').click()
      return at
    })
    delays.push((await ben.page.evaluate(() => window.seen)) - pressed)
    await ann.seesSeat('F10', click % 2 === 0 ? 'mine' : 'available')
    if (click === 0) {
      await ben.picture('two-windows-other')
      await ann.picture('two-windows-mine')
      const color = await ben.seat('F10').locator('.body').evaluate((body) => getComputedStyle(body).backgroundColor)
      assert.notEqual(color, await ben.seat('F11').locator('.body').evaluate((body) => getComputedStyle(body).backgroundColor))
      // The label contains the expiry of the lock, in the viewer's language and the cinema's time zone.
      assert.match(await ben.seat('F10').getAttribute('aria-label'), /\d\d:\d\d/)
    }
  }
  delays.sort((a, b) => a - b)
  const median = (delays[CLICKS / 2 - 1] + delays[CLICKS / 2]) / 2
  console.log(`click to the other window's seat: median ${median.toFixed(0)} ms, max ${delays.at(-1).toFixed(0)} ms, ${CLICKS} clicks`)
  assert.ok(median < MEDIAN_MS_MAX)
})

/** How often a seat is chosen and released, first with natural timing, then with each response delayed behind the live change. */
const ROUNDS = 5

test('an own seat never looks like another person\'s while a call is in flight', async ({ server, come }) => {
  const showing = await server.showing('Hall 1', 2)
  const ann = await come()
  const ben = await come()
  await ann.signInQuietly('ann@example.test')
  await ann.go(`/screenings/${showing.id}`)
  await ben.go(`/screenings/${showing.id}`)
  await ann.seesSeat('F10', 'available')
  await ben.seesSeat('F10', 'available')
  await recordLooks(ann)
  await recordLooks(ben)
  await takeLooks(ann, 'F10')
  await takeLooks(ben, 'F10')

  let isLate = false
  let others = 'locked'
  await ann.page.route('**/api/lock', async (route) => {
    const response = await route.fetch()
    if (isLate) await ben.seesSeat('F10', others)
    await route.fulfill({ response })
  })
  const seen = []
  for (let round = 0; round < 2 * ROUNDS; round += 1) {
    isLate = round >= ROUNDS
    for (const [before, after] of [['available', 'mine'], ['mine', 'available']]) {
      others = after === 'mine' ? 'locked' : 'available'
      await ann.seat('F10').click()
      await ann.seesSeat('F10', after)
      await ben.seesSeat('F10', others)
      const [looks, othersLooks] = [await takeLooks(ann, 'F10'), await takeLooks(ben, 'F10')]
      seen.push({ is: looks.join(' > '), should: `${before} pending > ${after}` })
      assert.deepEqual(othersLooks, [others])
    }
  }
  const wrong = seen.filter(({ is, should }) => is !== should)
  assert.deepEqual(wrong, [], `${wrong.length} of ${seen.length} clicks`)
  // The page may show the result from a hold frame while the response is still delayed: let intercepted requests finish.
  await ann.page.unrouteAll({ behavior: 'wait' })
})

test('an own seat never looks like another person\'s in another window of the same person', async ({ server, come }) => {
  const showing = await server.showing('Hall 1', 3)
  const ann = await come()
  await ann.signInQuietly('ann@example.test')
  await ann.go(`/screenings/${showing.id}`)
  await ann.seesSeat('F10', 'available')
  const other = { page: await ann.context.newPage() }
  await other.page.goto(`/screenings/${showing.id}`)
  const otherSees = (status) => other.page.locator(`[data-testid="seat-F10"][data-status="${status}"]:not([data-pending])`).waitFor()
  await otherSees('available')
  await recordLooks(other)
  await takeLooks(other, 'F10')
  // Ann's responses are delayed until Ben's page shows the live change, so Ann's page gets the live change first.
  const ben = await come()
  await ben.go(`/screenings/${showing.id}`)
  await ben.seesSeat('F10', 'available')
  let others
  await ann.page.route(/\/api\/lock/, async (route) => {
    if (route.request().method() === 'GET') return route.continue()
    const response = await route.fetch()
    await ben.seesSeat('F10', others)
    await route.fulfill({ response })
  })
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const after of ['mine', 'available']) {
      others = after === 'mine' ? 'locked' : 'available'
      await ann.seat('F10').click()
      await ann.seesSeat('F10', after)
      await otherSees(after)
      // The other window learns of the lock by a hold frame and sends no request, so its seat is never pending.
      assert.deepEqual(await takeLooks(other, 'F10'), [after])
    }
  }
  // The page may show the result from a hold frame while the response is still delayed: let intercepted requests finish.
  await ann.page.unrouteAll({ behavior: 'wait' })
})

test('a seat whose lock response was lost never looks like another person\'s, and is mine once the hold is loaded', async ({ server, come }) => {
  const showing = await server.showing('Hall 1', 4)
  const ann = await come({ tolerate: /ERR_FAILED/ })
  await ann.signInQuietly('ann@example.test')
  await ann.go(`/screenings/${showing.id}`)
  await ann.seesSeat('F10', 'available')
  await recordLooks(ann)
  await takeLooks(ann, 'F10')
  const ben = await come()
  await ben.go(`/screenings/${showing.id}`)
  let isLost = true
  await ann.page.route(/\/api\/lock/, async (route) => {
    if (!isLost) return route.continue()
    if (route.request().method() === 'POST') {
      await route.fetch()
      await ben.seesSeat('F10', 'locked')
    } else isLost = false
    await route.abort()
  })
  await ann.seat('F10').click()
  await ann.seesSeat('F10', 'mine')
  await ann.sees('countdown')
  assert.deepEqual(await takeLooks(ann, 'F10'), ['available pending', 'mine'])
  // The page may show the result from a hold frame while the response is still delayed: let intercepted requests finish.
  await ann.page.unrouteAll({ behavior: 'wait' })
})

test('a person who loses a race for one seat keeps the other seats and is offered the nearest equal one', async ({ server, come }) => {
  const showing = await server.showing('Hall 1', 1)
  const ann = await come()
  const ben = await come()
  await ann.signInQuietly('ann@example.test')
  await ben.signInQuietly('ben@example.test')
  await ben.go(`/screenings/${showing.id}`)
  await holdSeats(ben, ['F9'])
  // Ben's request is delayed until Ann has the seat, which makes the race deterministic.
  let letGo
  const gate = new Promise((resolve) => (letGo = resolve))
  await ben.page.route('**/api/lock', async (route) => {
    if (route.request().method() === 'POST') await gate
    await route.continue()
  })
  await recordLooks(ben)
  await takeLooks(ben, 'F10')
  await ben.seat('F10').click()
  await ben.sees('seat-F10', { 'data-pending': 'true' })
  const taken = await ann.context.request.post('/api/lock', { data: { screening_id: showing.id, seat_ids: ['F10'] } })
  assert.equal(taken.status(), 200)
  letGo()
  await ben.sees('seat-lost')
  await ben.picture('lost-a-race')
  await ben.seesSeat('F10', 'locked')
  assert.deepEqual(await takeLooks(ben, 'F10'), ['available pending', 'locked'])
  await ben.seesSeat('F9', 'mine')
  await ben.byId('take-offer').click()
  await ben.page.waitForFunction(() => document.querySelectorAll('[data-seat][data-status="mine"]').length === 2)
  // The page may show the result from a hold frame while the response is still delayed: let intercepted requests finish.
  await ben.page.unrouteAll({ behavior: 'wait' })
})

test('while the server is down, a banner is shown and no seat can be chosen, until the page has reconnected', async ({ server, come }) => {
  const showing = await server.showing('Hall 2')
  const ann = await come({ tolerate: NO_SERVER })
  await ann.signInQuietly('ann@example.test')
  await ann.go(`/screenings/${showing.id}`)
  await holdSeats(ann, ['A2'])
  await ann.page.evaluate(() => (window.sameDocument = true))

  await server.stop()
  await ann.sees('connection-banner')
  await ann.picture('no-connection')
  await ann.seat('A3').click()
  assert.equal(await ann.seat('A3').getAttribute('data-status'), 'available')
  assert.equal(await ann.seat('A3').getAttribute('data-pending'), null)

  await server.restart()
  const ben = await come()
  await ben.signInQuietly('ben@example.test')
  const lock = await ben.context.request.post('/api/lock', { data: { screening_id: showing.id, seat_ids: ['A4'] } })
  assert.equal(lock.status(), 200)
  await ann.gone('connection-banner')
  await ann.seesSeat('A4', 'locked')
  await ann.seesSeat('A2', 'mine')
  await holdSeats(ann, ['A3'])
  assert.ok(await ann.page.evaluate(() => window.sameDocument), 'the page was not loaded again')
})
