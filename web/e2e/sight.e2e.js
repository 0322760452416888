import assert from 'node:assert/strict'
import { test } from './support/fixtures.js'
import { ADMIN, buyTickets } from './support/looks.js'
import { buy, holdSeats } from './support/paths.js'
import { DESKTOP, SMALL_PHONE } from './support/visitor.js'

let ticket
test.beforeAll(async ({ server, come }) => {
  ticket = await buyTickets(server, come)
})

test('at twice the text size no page scrolls sideways', async ({ server, come }) => {
  const showing = await server.showing('Hall 1', 2)
  for (const screen of [DESKTOP, SMALL_PHONE]) {
    const visitor = await come({ screen, language: 'th', keepsLanguage: true })
    await visitor.signInQuietly('owner@example.test')
    for (const path of ['/', `/movies/${showing.movie.id}`, `/screenings/${showing.id}`, ticket, '/bookings', ...ADMIN]) {
      await visitor.go(path)
      await visitor.settled()
      await visitor.page.evaluate(() => document.documentElement.style.setProperty('font-size', '200%', 'important'))
      await visitor.page.waitForFunction(() => document.documentElement.scrollWidth <= document.documentElement.clientWidth, null, { timeout: 5_000 }).catch(() => {
        throw new Error(`${path} scrolls sideways at ${screen.viewport.width} px`)
      })
    }
    await visitor.go(`/screenings/${showing.id}`)
    await visitor.seat('A5').waitFor()
    await visitor.page.evaluate(() => document.documentElement.style.setProperty('font-size', '200%', 'important'))
    await visitor.picture(`large-text-${screen.viewport.width}`)
  }
})

test('on the smallest phone, seats are large enough to tap, and buttons zoom the map', async ({ server, come }) => {
  const showing = await server.showing('Hall 1', 3)
  const visitor = await come({ screen: SMALL_PHONE })
  await visitor.go(`/screenings/${showing.id}`)
  await visitor.seesSeat('F10', 'available')
  const width = async () => (await visitor.seat('F10').boundingBox()).width
  await visitor.page.waitForFunction(() => document.querySelector('[data-testid="seat-F10"]').getBoundingClientRect().width >= 24)
  await visitor.byId('zoom-fit').tap()
  await visitor.page.waitForFunction(() => document.querySelector('[data-testid="seat-F10"]').getBoundingClientRect().width < 24)
  await visitor.picture('whole-hall-on-a-phone')
  const small = await width()
  // When the seats are too small to tap, a tap on the map zooms in and chooses no seat.
  await visitor.seat('F10').tap()
  await visitor.page.waitForFunction(() => document.querySelector('[data-testid="seat-F10"]').getBoundingClientRect().width >= 24)
  assert.equal(new URL(visitor.page.url()).pathname, `/screenings/${showing.id}`)
  const large = await width()
  await visitor.byId('zoom-in').tap()
  await visitor.page.waitForFunction((before) => document.querySelector('[data-testid="seat-F10"]').getBoundingClientRect().width > before, large)
  await visitor.byId('zoom-out').tap()
  await visitor.byId('zoom-out').tap()
  await visitor.page.waitForFunction((before) => document.querySelector('[data-testid="seat-F10"]').getBoundingClientRect().width < before, large)
  assert.ok(small < 24)
})

test('prefers-reduced-motion disables transitions', async ({ server, come }) => {
  const showing = await server.showing('Hall 1', 3)
  for (const [reducedMotion, moves] of [['reduce', false], ['no-preference', true]]) {
    const visitor = await come({ reducedMotion })
    await visitor.go('/')
    await visitor.page.locator('h2 a').first().waitFor()
    const seconds = await visitor.page
      .getByTestId('sign-in-link')
      .evaluate((link) => Math.max(...getComputedStyle(link).transitionDuration.split(',').map(Number.parseFloat)))
    assert.equal(seconds > 0.01, moves, `${reducedMotion}: ${seconds} s`)
    await visitor.go(`/screenings/${showing.id}`)
  }
})

test('the states of a seat are distinguishable without colour', async ({ server, come }) => {
  const showing = await server.showing('Hall 1', 4)
  const ann = await come()
  const ben = await come()
  await ben.signInQuietly('ben@example.test')
  await buy(ben, showing, ['E8', 'E9'])
  await ben.context.request.post('/api/lock', { data: { screening_id: showing.id, seat_ids: ['E12', 'E13', 'Q5'] } })
  await ann.signInQuietly('owner@example.test')
  await ann.go(`/screenings/${showing.id}`)
  await ann.seesSeat('E8', 'booked')
  await ann.seesSeat('E12', 'locked')
  await holdSeats(ann, ['E10', 'E11'])
  const shapes = await ann.page.evaluate(() => {
    const drawn = (id) => document.querySelector(`[data-testid="seat-${id}"] path`)?.getAttribute('d') ?? 'number'
    return { available: drawn('E7'), mine: drawn('E10'), locked: drawn('E12'), booked: drawn('E8'), unavailable: drawn('P10'), wheelchair: drawn('G1') }
  })
  assert.equal(new Set(Object.values(shapes)).size, Object.keys(shapes).length, JSON.stringify(shapes))
  await ann.picture('states')
  await ann.page.evaluate(() => (document.documentElement.style.filter = 'grayscale(1)'))
  await ann.picture('states-greyscale')
  await ann.byId('theme').click()
  await ann.sees('theme', { 'data-theme-choice': 'auto' })
  await ann.byId('theme').click()
  await ann.page.locator('html[data-theme=light]').waitFor()
  await ann.picture('states-greyscale-light')
})
