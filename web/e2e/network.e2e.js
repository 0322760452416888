import assert from 'node:assert/strict'
import { test } from './support/fixtures.js'
import { holdSeats, startPayment } from './support/paths.js'

/** Expected console messages of the browser: a chunk that an upgrade has replaced (404), and a missing network. */
const MISSING = /status of 404|ERR_INTERNET_DISCONNECTED|ERR_FAILED/
const FILM_PART = '**/assets/MoviePage-*.js'
const replaced = (route) => route.fulfill({ status: 404 })

test('a link whose chunk an upgrade has replaced reloads the page once, then shows an error', async ({ server, come }) => {
  const showing = await server.showing('Hall 2')
  const visitor = await come({ tolerate: MISSING })
  const film = visitor.page.locator(`[href="/movies/${showing.movie.id}"]`).and(visitor.page.locator('h2 a, li a')).first()
  await visitor.page.route(FILM_PART, replaced, { times: 1 })
  await visitor.go('/')
  await film.click()
  await visitor.page.getByRole('heading', { level: 1, name: showing.movie.title }).waitFor()

  await visitor.go('/')
  await visitor.page.route(FILM_PART, replaced)
  await film.click()
  await visitor.page.waitForURL(`**/movies/${showing.movie.id}`)
  await visitor.page.getByText('could not be reached').waitFor()
  await visitor.page.unroute(FILM_PART)
  await visitor.page.getByRole('link', { name: 'Try again' }).click()
  await visitor.page.getByRole('heading', { level: 1, name: showing.movie.title }).waitFor()
})

test('a link clicked without a network shows an error and leaves the page as it is', async ({ server, come }) => {
  const showing = await server.showing('Hall 2')
  const visitor = await come({ tolerate: MISSING })
  const { page } = visitor
  // The page preloads the part that shows errors. On a busy machine this is after the network was idle for the first time.
  await Promise.all([page.waitForResponse(/\/assets\/toasts-/), page.goto('/')])
  await page.waitForLoadState('networkidle')
  await page.route('**', (route) => route.abort())
  await page.locator(`[href="/movies/${showing.movie.id}"]`).and(page.locator('h2 a, li a')).first().click()
  await page.getByText('could not be reached').waitFor()
  assert.equal(page.url(), `${server.url}/`)
  await page.getByRole('heading', { level: 1, name: 'What’s on' }).waitFor()
})

test('the payment page preloads the error toast and the ticket page, so that both work without a network', async ({ server, come }) => {
  const showing = await server.showing('Hall 2', 1)
  const visitor = await come({ tolerate: MISSING })
  const { page } = visitor
  await visitor.signInQuietly('underground@example.test')
  await visitor.go(`/screenings/${showing.id}`)
  await holdSeats(visitor, ['A1'])
  await startPayment(visitor)
  await Promise.all([page.waitForResponse(/\/assets\/BookingPage-/), page.waitForResponse(/\/assets\/toasts-/), page.reload()])
  await page.waitForLoadState('networkidle')
  await visitor.context.setOffline(true)
  await visitor.byId('confirm-pay').click()
  await page.getByText('could not be reached').waitFor()
  await visitor.context.setOffline(false)
  await visitor.byId('confirm-pay').click()
  await visitor.sees('booking-code')
})
