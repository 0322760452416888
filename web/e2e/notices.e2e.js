import assert from 'node:assert/strict'
import { test } from './support/fixtures.js'
import { chooseMethod, holdSeats, startPayment } from './support/paths.js'
import { DESKTOP, PHONE } from './support/visitor.js'

const LOOKS = [
  { name: 'phone-th-dark', screen: PHONE, language: 'th', theme: 'dark' },
  { name: 'phone-en-light', screen: PHONE, language: 'en', theme: 'light' },
  { name: 'desktop-th-light', screen: DESKTOP, language: 'th', theme: 'light' },
  { name: 'desktop-en-dark', screen: DESKTOP, language: 'en', theme: 'dark' },
]

/**
 * Opens the seat page with a WebSocket into which the test can inject frames, because no API call can withdraw a seat or
 * cancel a screening, although the live protocol has frames for both.
 */
async function openWithFrames(come, showing, look, email) {
  const visitor = await come({ ...look, keepsLanguage: true })
  let seq = 0
  let toPage = null
  await visitor.page.routeWebSocket(/\/api\/ws/, (socket) => {
    const upstream = socket.connectToServer()
    toPage = socket
    upstream.onMessage((message) => {
      seq = Math.max(seq, JSON.parse(message).seq ?? 0)
      socket.send(message)
    })
  })
  await visitor.signInQuietly(email)
  await visitor.go(`/screenings/${showing.id}`)
  await visitor.seesSeat('A6', 'available')
  const send = (frame) => toPage.send(JSON.stringify(frame))
  return {
    visitor,
    withdraw: (seats) => send({ type: 'changes', prev: seq, seq: (seq += 1), changes: seats.map((id) => ({ id, status: 'UNAVAILABLE' })) }),
    loseHold: () => send({ type: 'hold', seq, hold: { seq, screening_id: showing.id, seat_ids: [], seats: [], expires_at: null, payment_id: null } }),
    cancel: async () => {
      const screening = await (await visitor.context.request.get(`/api/screenings/${showing.id}`)).json()
      send({ type: 'screening', ...screening, revision: screening.revision + 1, state: 'CANCELLED' })
    },
  }
}

for (const [index, look] of LOOKS.entries()) {
  test(`the seat page names a held seat that is withdrawn from sale, and no longer offers it: ${look.name}`, async ({ server, come }) => {
    const showing = await server.showing('Hall 2', index)
    const { visitor, withdraw, loseHold } = await openWithFrames(come, showing, look, `withdrawn-${index}@example.test`)
    await holdSeats(visitor, ['A2'])
    withdraw(['A2', 'A5'])
    loseHold()
    await visitor.sees('seat-withdrawn')
    assert.match(await visitor.byId('seat-withdrawn').innerText(), /A2/)
    assert.doesNotMatch(await visitor.byId('seat-withdrawn').innerText(), /A5/)
    await visitor.seesSeat('A5', 'unavailable')
    await visitor.picture(`withdrawn-${look.name}`)
  })

  test(`the seat page of a cancelled screening offers the film’s other screenings and no payment: ${look.name}`, async ({ server, come }) => {
    const showing = await server.showing('Hall 2', index)
    const { visitor, cancel } = await openWithFrames(come, showing, look, `cancelled-${index}@example.test`)
    await cancel()
    await visitor.sees('screening-cancelled')
    await visitor.picture(`cancelled-${look.name}`)
  })

  test(`the payment page says that the screening is cancelled: ${look.name}`, async ({ server, come }) => {
    const showing = await server.showing('Hall 2', index + 4)
    const { visitor, cancel } = await openWithFrames(come, showing, look, `cancelled-pay-${index}@example.test`)
    await holdSeats(visitor, ['A2'])
    await startPayment(visitor)
    await chooseMethod(visitor, 'mock_card')
    await visitor.picture(`payment-${look.name}`)
    await cancel()
    await visitor.sees('screening-cancelled')
    await visitor.picture(`payment-cancelled-${look.name}`)
  })
}
