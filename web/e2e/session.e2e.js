import { test } from './support/fixtures.js'
import { holdSeats, startPayment } from './support/paths.js'

test.beforeAll(async ({ come }) => {
  const owner = await come()
  await owner.signInQuietly('owner@example.test')
})

async function signInAgain(visitor, email, path) {
  await visitor.sees('sign-in')
  await visitor.signInByHand(email)
  await visitor.page.waitForURL(`**${path}`)
}

test('the bookings page asks to sign in when the session was ended in another tab, and shows the tickets afterwards', async ({ server, come }) => {
  const visitor = await come()
  await visitor.signInQuietly('ann@example.test')
  await visitor.go('/')
  const link = visitor.page.locator('header a[href="/bookings"]')
  await link.waitFor()
  await visitor.signOutQuietly()
  await link.click()
  await signInAgain(visitor, 'ann@example.test', '/bookings')
  await visitor.settled()

  await visitor.byId('account-menu').click()
  await visitor.byId('sign-out').click()
  await visitor.page.waitForURL(`${server.url}/`)
  await visitor.sees('sign-in-link')
})

test('paying without a session asks to sign in and returns to the same seats or payment', async ({ server, come }) => {
  const showing = await server.showing('Hall 2')
  const visitor = await come()
  await visitor.signInQuietly('payer@example.test')
  await visitor.go(`/screenings/${showing.id}`)
  await holdSeats(visitor, ['A1', 'A2'])
  await visitor.signOutQuietly()
  await visitor.byId('pay').click()
  await signInAgain(visitor, 'payer@example.test', `/screenings/${showing.id}`)
  await visitor.seesSeat('A2', 'mine')

  await startPayment(visitor)
  await visitor.signOutQuietly()
  await visitor.byId('confirm-pay').click()
  await signInAgain(visitor, 'payer@example.test', `/pay/*`)
  await visitor.byId('confirm-pay').click()
  await visitor.sees('booking-code')
})

test('the seat page shows no seat as own after the session was ended in another tab', async ({ server, come }) => {
  const showing = await server.showing('Hall 2', 1)
  const visitor = await come()
  await visitor.signInQuietly('gone@example.test')
  await visitor.go(`/screenings/${showing.id}`)
  await holdSeats(visitor, ['A1'])
  await visitor.signOutQuietly()
  await visitor.page.evaluate(() => window.dispatchEvent(new Event('focus')))
  await visitor.sees('sign-in-link')
  await visitor.seesSeat('A1', 'locked')
  await visitor.gone('countdown')
})

test('a sign-in callback that was already used leads to the sign-in page with an explanation', async ({ server, come }) => {
  const visitor = await come({ tolerate: /status of 400/ })
  await visitor.go('/sign-in?return_to=/bookings')
  await visitor.sees('sign-in')
  await visitor.page.goto(`${server.url}/api/auth/google/callback?code=used&state=used`)
  await visitor.page.waitForURL(`${server.url}/sign-in?error=bad_state`)
  await visitor.page.getByRole('alert').getByText('used already').waitFor()
  await visitor.signInByHand('ann@example.test')
  await visitor.page.waitForURL(`${server.url}/bookings`)
})

test('the administration asks to sign in when the session was ended in another tab', async ({ come }) => {
  const owner = await come()
  await owner.signInQuietly('owner@example.test')
  await owner.go('/admin/halls')
  await owner.byId('edit').first().waitFor()
  await owner.signOutQuietly()
  await owner.page.locator('a[href="/admin/mail"]').click()
  await signInAgain(owner, 'owner@example.test', '/admin/mail')
  await owner.settled()
})
