import assert from 'node:assert/strict'
import { test } from './support/fixtures.js'
import { holdSeats, startPayment } from './support/paths.js'

test.use({ serverFlags: ['--lock-ttl=6s', '--payment-ttl=6s'] })

test('after the locks expired, a notice names the seats and one button locks them again', async ({ server, come }) => {
  const showing = await server.showing('Hall 2')
  const visitor = await come({ language: 'th' })
  await visitor.signInQuietly('slow@example.test')
  await visitor.go(`/screenings/${showing.id}`)
  await holdSeats(visitor, ['D4', 'D5'])
  assert.match(await visitor.byId('countdown').innerText(), /^0:0[0-6]$/)
  await visitor.sees('time-ran-out')
  await visitor.seesSeat('D4', 'available')
  await visitor.seesSeat('D5', 'available')
  await visitor.picture('time-ran-out')
  await visitor.byId('hold-again').click()
  await visitor.seesSeat('D4', 'mine')
  await visitor.seesSeat('D5', 'mine')
})

test('when locking the seats of a notice fails, the notice stays and the same button retries', async ({ server, come }) => {
  const showing = await server.showing('Hall 2', 4)
  const visitor = await come({ tolerate: /ERR_FAILED|status of 503/ })
  await visitor.signInQuietly('unlucky@example.test')
  let refuse = null
  await visitor.page.route(/\/api\/lock/, (route) => {
    const answer = route.request().method() === 'POST' ? refuse : null
    if (answer === null) return route.continue()
    refuse = null
    return answer(route)
  })

  refuse = (route) => route.fulfill({ status: 503, json: { code: 'try_again' } })
  await visitor.go(`/screenings/${showing.id}?seats=D4`)
  await visitor.sees('seats-wanted')
  await visitor.picture('seats-wanted')
  await visitor.byId('hold-again').click()
  await visitor.seesSeat('D4', 'mine')
  await visitor.gone('seats-wanted')

  await visitor.sees('time-ran-out')
  refuse = (route) => route.abort()
  await visitor.byId('hold-again').click()
  await visitor.page.getByText('could not be reached').waitFor()
  await visitor.byId('hold-again').click()
  await visitor.seesSeat('D4', 'mine')
  await visitor.gone('time-ran-out')
})

test('after the payment expired, the page says so and one button locks the same seats again', async ({ server, come }) => {
  const showing = await server.showing('Hall 2', 1)
  const visitor = await come()
  await visitor.signInQuietly('slow-payer@example.test')
  await visitor.go(`/screenings/${showing.id}`)
  await holdSeats(visitor, ['E2', 'E3'])
  await startPayment(visitor)
  await visitor.sees('payment-expired')
  await visitor.picture('payment-expired')
  await visitor.press(visitor.byId('hold-again'))
  await visitor.page.waitForURL(`**/screenings/${showing.id}`)
  await visitor.seesSeat('E2', 'mine')
  await visitor.seesSeat('E3', 'mine')
  await startPayment(visitor)
})

test('after a payment expired, seats taken by another person are named and the others are held', async ({ server, come }) => {
  const showing = await server.showing('Hall 2', 2)
  const visitor = await come()
  await visitor.signInQuietly('slower-payer@example.test')
  await visitor.go(`/screenings/${showing.id}`)
  await holdSeats(visitor, ['E2', 'E3'])
  await startPayment(visitor)
  await visitor.sees('payment-expired')
  const other = await come()
  await other.signInQuietly('faster@example.test')
  await other.go(`/screenings/${showing.id}`)
  await holdSeats(other, ['E2'])
  await visitor.press(visitor.byId('hold-again'))
  await visitor.seesSeat('E3', 'mine')
  await visitor.sees('seat-lost')
})

test('after a declined payment the locks still expire, and one button locks the seats again', async ({ server, come }) => {
  const showing = await server.showing('Hall 2', 4)
  const visitor = await come()
  await visitor.signInQuietly('slow-to-retry@example.test')
  await visitor.go(`/screenings/${showing.id}`)
  await holdSeats(visitor, ['E2'])
  await startPayment(visitor)
  await visitor.byId('decline-pay').click()
  await visitor.sees('payment-declined')
  await visitor.sees('countdown')
  await visitor.sees('payment-expired')
  await visitor.gone('countdown')
  await visitor.press(visitor.byId('hold-again'))
  await visitor.page.waitForURL(`**/screenings/${showing.id}`)
  await visitor.seesSeat('E2', 'mine')
})

test('after a payment expired, the seat page shows its seats as available', async ({ server, come }) => {
  const showing = await server.showing('Hall 2', 3)
  const visitor = await come()
  await visitor.signInQuietly('other-wishes@example.test')
  await visitor.go(`/screenings/${showing.id}`)
  await holdSeats(visitor, ['E2'])
  await startPayment(visitor)
  await visitor.sees('payment-expired')
  await visitor.byId('back-to-seats').click()
  await visitor.seesSeat('E2', 'available')
})
