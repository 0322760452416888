import assert from 'node:assert/strict'
import AxeBuilder from '@axe-core/playwright'
import { test } from './fixtures.js'
import { buy, holdSeats, startPayment } from './paths.js'

export const ADMIN = ['', '/bookings', '/movies', '/halls', '/screenings', '/audit', '/events', '/mail'].map((page) => `/admin${page}`)

/** Buys tickets as the administrator, so that no page is empty, and returns the path of one ticket. */
export async function buyTickets(server, come) {
  const owner = await come()
  await owner.signInQuietly('owner@example.test')
  await buy(owner, await server.showing('Hall 1'), ['D5', 'D6'])
  await buy(owner, await server.showing('The Loft'), ['A1'])
  return new URL(owner.page.url()).pathname
}

async function check(visitor, what) {
  await visitor.settled()
  // The legacy mode of axe opens no extra window per page; it only lacks support for iframes, which no page has.
  const { violations } = await new AxeBuilder({ page: visitor.page }).setLegacyMode(true).options({ resultTypes: ['violations'] }).analyze()
  const bad = violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${what}: ${id}: ${nodes.map((node) => node.target.join(' ')).join(', ')}`)
  assert.deepEqual(bad, [])
  const wide = await visitor.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
  assert.ok(wide <= 0, `${what} scrolls ${wide} px sideways`)
}

/** The buttons of every row are on the screen, without scrolling the table sideways. */
async function seesActionsInside(visitor, what) {
  const rights = await visitor.page.getByTestId(/^(edit|delete|(retry|replay)-.*)$/).evaluateAll((buttons) => buttons.map((button) => button.getBoundingClientRect().right))
  const { width } = visitor.page.viewportSize()
  assert.ok(rights.every((right) => right <= width), `${what}: buttons end at ${Math.max(...rights)} of ${width} px`)
}

/** Defines one test per look (language, theme and screen), which checks every page with axe. */
export function testLooks(looks) {
  let ticket
  test.beforeAll(async ({ server, come }) => {
    ticket = await buyTickets(server, come)
  })

  for (const look of looks) {
    const name = `${look.language}-${look.theme}-${look.screen.viewport.width}`
    test(`axe finds no serious violation, and no page scrolls sideways: ${name}`, async ({ server, come }) => {
      const visitor = await come({ ...look, keepsLanguage: true, tolerate: /status of 404 .*\/no-such-page$/ })
      const { page } = visitor
      const showing = await server.showing(look.hall, 1)
      const at = async (path, what) => {
        await visitor.go(path)
        await check(visitor, what)
        await visitor.picture(`look-${name}-${what}`)
      }
      await at('/', 'whats-on')
      await at(`/movies/${showing.movie.id}`, 'film')
      await at('/sign-in', 'sign-in')
      await visitor.byId('sign-in').click()
      await page.locator('#email').waitFor()
      await check(visitor, 'provider')
      await at('/no-such-page', 'not-found')

      await visitor.signInQuietly('owner@example.test')
      await visitor.go(`/screenings/${showing.id}`)
      await holdSeats(visitor, ['A2'])
      await check(visitor, 'seats')
      await visitor.picture(`look-${name}-seats`, { fullPage: true })
      await visitor.byId('view-list').click()
      await visitor.sees('seat-list')
      await check(visitor, 'list')
      await visitor.byId('view-map').click()
      await startPayment(visitor)
      await check(visitor, 'payment')
      await visitor.picture(`look-${name}-payment`)
      await visitor.byId('decline-pay').click()
      await visitor.sees('payment-declined')
      await check(visitor, 'declined')
      await visitor.byId('back-to-seats').click()
      await visitor.seesSeat('A2', 'mine')
      await visitor.seat('A2').click()
      await visitor.seesSeat('A2', 'available')

      await at(`${ticket}?new=1`, 'ticket')
      await at('/bookings', 'my-tickets')
      for (const path of ADMIN) {
        await at(path, path.slice(1).replace('/', '-'))
        await seesActionsInside(visitor, path)
      }
      for (const form of ['movies', 'halls', 'screenings']) {
        await visitor.go(`/admin/${form}`)
        await visitor.byId('new').click()
        await visitor.byId('save').waitFor()
        await check(visitor, `new-${form}`)
        await visitor.picture(`look-${name}-new-${form}`)
      }
    })
  }
}
