import assert from 'node:assert/strict'
import { test } from './support/fixtures.js'
import { chooseMethod, holdSeats, startPayment } from './support/paths.js'
import { recordLooks, takeLooks } from './support/seatLooks.js'
import { DESKTOP, PHONE, SMALL_PHONE } from './support/visitor.js'

/** Opens the seat page for one person on two phones and a desktop, each a separate browser with its own session. */
async function threeDevices(come, showing, email) {
  const devices = []
  for (const [screen, language] of [[PHONE, 'th'], [SMALL_PHONE, 'en'], [DESKTOP, 'en']]) {
    const device = await come({ screen, language, keepsLanguage: true })
    await device.signInQuietly(email)
    await device.go(`/screenings/${showing.id}`)
    await device.seesSeat('F10', 'available')
    await device.page.waitForLoadState('networkidle')
    devices.push(device)
  }
  return devices
}

const ROUNDS = 3

test('all devices of one person show the person’s seats as own ones, never as another person’s', async ({ server, come }) => {
  const showing = await server.showing('Hall 1')
  const devices = await threeDevices(come, showing, 'ann@example.test')
  for (const device of devices) {
    await recordLooks(device)
    await takeLooks(device, 'F10')
  }
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [index, device] of devices.entries()) {
      for (const [before, after] of [['available', 'mine'], ['mine', 'available']]) {
        await device.press(device.seat('F10'))
        for (const each of devices) await each.seesSeat('F10', after)
        for (const [other, each] of devices.entries()) {
          const looks = await takeLooks(each, 'F10')
          assert.deepEqual(looks, other === index ? [`${before} pending`, after] : [after], `device ${other}, chosen on ${index}`)
        }
      }
    }
  }
  await holdSeats(devices[0], ['F10'])
  await holdSeats(devices[2], ['F11'])
  for (const device of devices) {
    await device.seesSeat('F10', 'mine')
    await device.seesSeat('F11', 'mine')
    await device.sees('countdown')
  }
  await devices[0].picture('devices-phone')
  await devices[2].picture('devices-desktop')
})

test('after a payment on one device, the seat page and payment page on the other devices lead to the ticket', async ({ server, come }) => {
  const showing = await server.showing('Hall 1', 1)
  const [phone, second, desktop] = await threeDevices(come, showing, 'ben@example.test')
  await holdSeats(phone, ['F10'])
  await second.seesSeat('F10', 'mine')
  await startPayment(phone)
  await chooseMethod(phone, 'mock_card')
  await desktop.sees('payment-in-progress')
  await second.press(second.byId('resume-payment'))
  await second.sees('confirm-pay')
  await phone.press(phone.byId('confirm-pay'))
  await phone.sees('booking-code')
  await second.sees('booking-code')
  await desktop.sees('paid-elsewhere')
  await desktop.seesSeat('F10', 'booked')
  await desktop.gone('payment-in-progress')
  await desktop.picture('paid-elsewhere')
})

test('a device shows no own seats after the sign-out, and shows those of the other devices after the next sign-in', async ({ server, come }) => {
  const showing = await server.showing('Hall 1', 2)
  const [phone, , desktop] = await threeDevices(come, showing, 'cat@example.test')
  await holdSeats(phone, ['F10'])
  await desktop.seesSeat('F10', 'mine')
  await desktop.signOutQuietly()
  await desktop.page.evaluate(() => window.dispatchEvent(new Event('focus')))
  await desktop.seesSeat('F10', 'locked')
  // The sign-in happens in another tab; this page detects it on focus, and reconnects its WebSocket for that person.
  await desktop.signInQuietly('cat@example.test')
  await desktop.page.evaluate(() => window.dispatchEvent(new Event('focus')))
  await desktop.seesSeat('F10', 'mine')
  await holdSeats(phone, ['F11'])
  await desktop.seesSeat('F11', 'mine')
})
