import assert from 'node:assert/strict'
import { test } from './support/fixtures.js'
import { chooseMethod, holdSeats, payNow, startPayment, walkToSeats } from './support/paths.js'
import { recordLooks, takeLooks } from './support/seatLooks.js'
import { DESKTOP, PHONE, SMALL_PHONE } from './support/visitor.js'

const WAYS = [
  { name: 'desktop-en-dark', screen: DESKTOP, language: 'en', theme: 'dark', hall: 'Hall 1', seats: ['D8', 'D9'], method: 'promptpay' },
  { name: 'desktop-th-light', screen: DESKTOP, language: 'th', theme: 'light', hall: 'Hall 3', seats: ['C4', 'C5'], method: 'mock_card' },
  { name: 'phone-th-dark', screen: PHONE, language: 'th', theme: 'dark', hall: 'Hall 1', seats: ['E10', 'E11'], method: 'promptpay' },
  { name: 'small-phone-en-light', screen: SMALL_PHONE, language: 'en', theme: 'light', hall: 'Hall 2', seats: ['B3', 'B4'], method: 'mock_card' },
]
const CODE_SAYS = { en: 'demo, do not pay', th: 'ตัวอย่าง ห้ามชำระเงิน' }
const MAIL_SAYS = { en: 'Booking code', th: 'รหัสการจอง' }

for (const way of WAYS) {
  test(`a customer can book from the front page to the ticket and the mail: ${way.name}`, async ({ server, come }) => {
    const showing = await server.showing(way.hall)
    const visitor = await come(way)
    const picture = (name) => visitor.picture(`${way.name}-${name}`)

    await visitor.go('/')
    await visitor.page.locator('h2 a').first().waitFor()
    assert.equal(await visitor.page.locator('html').getAttribute('lang'), way.language)
    await picture('1-whats-on')
    await walkToSeats(visitor, showing)
    await picture('2-seats')

    // A guest who chooses a seat is sent to sign in, and afterwards returns to the page, where the seat is locked for them.
    await visitor.press(visitor.seat(way.seats[0]))
    await visitor.sees('sign-in')
    await picture('3-sign-in')
    await visitor.press(visitor.byId('sign-in'))
    await visitor.page.locator('#email').waitFor()
    await picture('4-provider')
    await visitor.page.locator('#email').fill(`${way.name}@example.test`)
    await visitor.press(visitor.page.locator('button.go-on'))
    await visitor.page.waitForURL((url) => url.pathname === `/screenings/${showing.id}` && url.search === '')
    await visitor.seesSeat(way.seats[0], 'mine')
    await holdSeats(visitor, way.seats.slice(1))
    assert.match(await visitor.byId('countdown').innerText(), /^[45]:\d\d$/)
    await picture('5-chosen')

    await startPayment(visitor)
    await chooseMethod(visitor, way.method)
    const price = showing.hall_name === 'Hall 2' ? /400/ : /฿\s?\d/
    assert.match(await visitor.byId('summary-total').innerText(), price)
    if (way.method === 'promptpay') {
      const qr = visitor.byId('promptpay-qr')
      await qr.waitFor()
      assert.ok(await qr.evaluate((image) => image.decode().then(() => image.naturalWidth > 50)), 'the QR code is drawn')
      const words = decodeURIComponent(await qr.getAttribute('src')).match(/<text[^>]*>([^<]*)<\/text>/)[1]
      assert.equal(words, CODE_SAYS[way.language], 'the words over the QR code are in the language of the page')
    }
    await picture('6-payment')

    const code = await payNow(visitor)
    await picture('7-ticket')
    const hall = way.language === 'th' ? showing.hall_name_th : showing.hall_name
    await visitor.page.getByText(hall, { exact: true }).first().waitFor()
    await visitor.go('/bookings')
    await visitor.page.getByText(code).waitFor()
    await picture('8-my-tickets')
    const mail = await server.mailWith(code)
    assert.ok(mail.includes(MAIL_SAYS[way.language]) && mail.includes(hall), `the mail is in ${way.language}`)
    for (const seat of way.seats) assert.ok(mail.includes(seat), `the mail names ${seat}`)
  })
}

test('the ticket mail uses the language that the person chose before signing in', async ({ server, come }) => {
  const showing = await server.showing('Hall 2', 1)
  const visitor = await come({ language: 'th' })
  await visitor.go('/')
  await visitor.byId('language-en').click()
  await visitor.page.locator('html[lang=en]').waitFor()
  await visitor.go(`/screenings/${showing.id}`)
  await visitor.seat('A1').click()
  await visitor.signInByHand('chose-english@example.test')
  await visitor.seesSeat('A1', 'mine')
  await startPayment(visitor)
  const code = await payNow(visitor)
  assert.ok((await server.mailWith(code)).includes(MAIL_SAYS.en))
})

test('a declined payment keeps the seats, and a retry creates one booking', async ({ server, come }) => {
  const showing = await server.showing('Hall 2', 2)
  const visitor = await come()
  await visitor.signInQuietly('declined@example.test')
  await visitor.go(`/screenings/${showing.id}`)
  await holdSeats(visitor, ['C1', 'C2'])
  await startPayment(visitor)
  await visitor.byId('decline-pay').click()
  await visitor.sees('payment-declined')
  await visitor.picture('declined')
  await visitor.byId('retry-payment').click()
  await visitor.sees('confirm-pay')
  // A double click must create one booking only.
  await visitor.byId('confirm-pay').dblclick()
  await visitor.sees('booking-code')
  const { items } = await (await visitor.context.request.get('/api/bookings')).json()
  assert.equal(items.length, 1)
})

test('cancelling a payment leads back to the held seats, which can then be changed', async ({ server, come }) => {
  const showing = await server.showing('Hall 2', 3)
  const visitor = await come()
  await visitor.signInQuietly('cancelled@example.test')
  await visitor.go(`/screenings/${showing.id}`)
  await holdSeats(visitor, ['C3'])
  await startPayment(visitor)
  await visitor.byId('cancel-payment').click()
  await visitor.page.waitForURL(`**/screenings/${showing.id}`)
  await visitor.seesSeat('C3', 'mine')
  await holdSeats(visitor, ['C4'])
  await visitor.seat('C3').click()
  await visitor.seesSeat('C3', 'available')
})

test('the seat page in another window of the same person shows that a payment is in progress', async ({ server, come }) => {
  const showing = await server.showing('Hall 2', 5)
  const visitor = await come()
  await visitor.signInQuietly('two-windows@example.test')
  await visitor.go(`/screenings/${showing.id}`)
  await holdSeats(visitor, ['D1'])
  const other = await visitor.context.newPage()
  await other.goto(`/screenings/${showing.id}`)
  await other.locator('[data-testid="seat-D1"][data-status="mine"]').waitFor()
  const isPaying = (state) => other.getByTestId('payment-in-progress').waitFor({ state })

  // The window that starts the payment may learn of it by a hold frame before the response; it must not show the notice then.
  await visitor.page.evaluate(() => {
    const look = () => (window.wasToldToWait ||= document.querySelector('[data-testid="payment-in-progress"]') !== null)
    new MutationObserver(look).observe(document, { subtree: true, childList: true })
  })
  await visitor.page.route('**/api/payments', async (route) => {
    const response = await route.fetch()
    const asked = visitor.page.waitForResponse(/\/api\/lock\?/)
    await visitor.page.evaluate(() => window.dispatchEvent(new Event('focus')))
    await asked
    await route.fulfill({ response })
  }, { times: 1 })
  await startPayment(visitor)
  assert.ok(!(await visitor.page.evaluate(() => window.wasToldToWait)))
  await isPaying('visible')
  await visitor.byId('decline-pay').click()
  await visitor.sees('payment-declined')
  await isPaying('detached')
  await visitor.byId('retry-payment').click()
  await isPaying('visible')
  await visitor.byId('cancel-payment').click()
  await isPaying('detached')
})

test('reload, Back and a second tab restore the seats and the payment; a sign-out applies to both tabs', async ({ server, come }) => {
  const showing = await server.showing('Hall 2', 4)
  const visitor = await come()
  await visitor.signInQuietly('restored@example.test')
  await visitor.go(`/screenings/${showing.id}`)
  await holdSeats(visitor, ['B1', 'B2'])
  await recordLooks(visitor)
  await visitor.page.reload()
  await visitor.seesSeat('B1', 'mine')
  await visitor.seesSeat('B2', 'mine')
  // The held seats did not look like another person's even before the hold was loaded.
  for (const seat of ['B1', 'B2']) assert.ok(!(await takeLooks(visitor, seat)).some((look) => look.startsWith('locked')))
  await visitor.sees('countdown')

  await startPayment(visitor)
  const payment = visitor.page.url()
  await visitor.page.reload()
  await visitor.sees('confirm-pay')
  await visitor.page.goBack()
  await visitor.sees('payment-in-progress')
  await visitor.picture('payment-in-progress')
  await visitor.byId('resume-payment').click()
  await visitor.sees('confirm-pay')
  assert.equal(visitor.page.url(), payment)

  const second = await visitor.context.newPage()
  await second.goto(`/screenings/${showing.id}`)
  await second.getByTestId('payment-in-progress').waitFor()
  await second.locator('[data-testid="seat-B1"][data-status="mine"]').waitFor()
  await second.getByTestId('cancel-payment').click()
  await second.getByTestId('payment-in-progress').waitFor({ state: 'detached' })
  await visitor.sees('payment-cancelled')

  await second.getByTestId('account-menu').click()
  await second.getByTestId('sign-out').click()
  await second.getByTestId('sign-in-link').waitFor()
  await visitor.go('/bookings')
  await visitor.sees('sign-in')
})
