import assert from 'node:assert/strict'
import { test } from './support/fixtures.js'
import { holdSeats, startPayment } from './support/paths.js'

/** Console messages of the browser about chunks that an upgrade has replaced, and about a missing network. */
const MISSING = /status of 404|ERR_INTERNET_DISCONNECTED|ERR_FAILED/
const FILM_PART = '**/assets/MoviePage-*.js'
const replaced = (route) => route.fulfill({ status: 404 })

test('a link to a chunk that an upgrade has replaced reloads the page, once', async ({ server, come }) => {
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

test('a link without a network shows an error and leaves the page as it is', async ({ server, come }) => {
  const showing = await server.showing('Hall 2')
  const visitor = await come({ tolerate: MISSING })
  const { page } = visitor
  await page.goto('/', { waitUntil: 'networkidle' })
  await page.route('**', (route) => route.abort())
  await page.locator(`[href="/movies/${showing.movie.id}"]`).and(page.locator('h2 a, li a')).first().click()
  await page.getByText('could not be reached').waitFor()
  assert.equal(page.url(), `${server.url}/`)
  await page.getByRole('heading', { level: 1, name: 'What’s on' }).waitFor()
})

test('without a network the first error is shown, and the ticket page is loaded already', async ({ server, come }) => {
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
