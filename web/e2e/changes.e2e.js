import assert from 'node:assert/strict'
import { test as base } from './support/fixtures.js'
import { chooseMethod, holdSeats, payNow, startPayment } from './support/paths.js'
import { DESKTOP, PHONE } from './support/visitor.js'

const test = base.extend({
  /** Sends API requests as the administrator, who is the first person to sign in. */
  manager: async ({ server, come }, use) => {
    const manager = await come({ extraHTTPHeaders: { origin: server.url } })
    await manager.signInQuietly('manager@example.test')
    await use(manager.context.request)
  },
})

const thb = (amount) => ({ amount, currency: 'THB' })
const HOUR_MS = 3_600_000

async function change(manager, showing, more) {
  const answer = await manager.patch(`/api/admin/screenings/${showing.id}`, { data: more })
  assert.equal(answer.status(), 200, await answer.text())
  return answer.json()
}

async function openSeats(come, showing, email, way) {
  const visitor = await come({ keepsLanguage: true, ...way })
  await visitor.signInQuietly(email)
  await visitor.go(`/screenings/${showing.id}`)
  await visitor.seesSeat('A2', 'available')
  return visitor
}

/** Drops all `screening` frames to this page, as if they were lost on the network. */
async function hearNoChanges(visitor) {
  await visitor.page.routeWebSocket(/\/api\/ws/, (socket) => {
    const upstream = socket.connectToServer()
    upstream.onMessage((message) => String(message).includes('"type":"screening"') || socket.send(message))
  })
}

const LOOKS = [
  { name: 'phone-th-dark', screen: PHONE, language: 'th', theme: 'dark' },
  { name: 'desktop-en-light', screen: DESKTOP, language: 'en', theme: 'light' },
]

for (const [index, look] of LOOKS.entries()) {
  test(`a price rise while seats are held needs consent, and the new price is then paid: ${look.name}`, async ({ server, come, manager }) => {
    const showing = await server.showing('Hall 2', index)
    await change(manager, showing, { prices: { standard: thb(16_000) } })
    const visitor = await openSeats(come, showing, `price-${index}@example.test`, look)
    await holdSeats(visitor, ['A2'])
    assert.match(await visitor.byId('pay').innerText(), /160/)
    await change(manager, showing, { prices: { standard: thb(25_000) } })
    await visitor.sees('terms-changed')
    const said = await visitor.byId('changed-total').innerText()
    assert.match(said, /160[\s\S]*250/)
    assert.ok(await visitor.byId('pay').isDisabled(), 'payment is disabled until the change is accepted')
    await visitor.picture(`changed-price-${look.name}`)
    await visitor.press(visitor.byId('accept-change'))
    await visitor.gone('terms-changed')
    assert.match(await visitor.byId('pay').innerText(), /250/)
    await startPayment(visitor)
    await chooseMethod(visitor, 'mock_card')
    assert.match(await visitor.byId('summary-total').innerText(), /250/)
    // A pending payment keeps its amount when the price changes.
    await change(manager, showing, { prices: { standard: thb(30_000) } })
    assert.match(await visitor.byId('confirm-pay').innerText(), /250/)
    await payNow(visitor)
    const { items } = await (await visitor.context.request.get('/api/bookings')).json()
    assert.equal(items[0].total.amount, 25_000)
  })
}

test('declining a change of the screening releases the held seats', async ({ server, come, manager }) => {
  const showing = await server.showing('Hall 2', 2)
  const visitor = await openSeats(come, showing, 'declines@example.test')
  await holdSeats(visitor, ['A2', 'A3'])
  await change(manager, showing, { prices: { standard: thb(99_000) } })
  await visitor.byId('decline-change').click()
  await visitor.seesSeat('A2', 'available')
  await visitor.seesSeat('A3', 'available')
  await visitor.gone('terms-changed')
})

test('a payment at an outdated price is refused, and continues once the new price is accepted', async ({ server, come, manager }) => {
  const showing = await server.showing('Hall 2', 3)
  await change(manager, showing, { prices: { standard: thb(16_000) } })
  const visitor = await come()
  await hearNoChanges(visitor)
  await visitor.signInQuietly('stale-price@example.test')
  await visitor.go(`/screenings/${showing.id}`)
  await holdSeats(visitor, ['A2'])
  await change(manager, showing, { prices: { standard: thb(25_000) } })
  assert.match(await visitor.byId('pay').innerText(), /160/)
  await visitor.byId('pay').click()
  await visitor.sees('terms-changed')
  assert.equal((await (await visitor.context.request.get(`/api/lock?screening_id=${showing.id}`)).json()).payment_id, null)
  await visitor.byId('accept-change').click()
  await startPayment(visitor)
  assert.match(await visitor.byId('summary-total').innerText(), /250/)
})

test('a changed start time is shown live, and a seat chosen before the page has learnt of it needs consent', async ({ server, come, manager }) => {
  const showing = await server.showing('Hall 2', 4)
  const open = await openSeats(come, showing, 'sees-move@example.test')
  const stale = await come({ screen: PHONE, language: 'th', keepsLanguage: true })
  await hearNoChanges(stale)
  await stale.signInQuietly('stale-time@example.test')
  await stale.go(`/screenings/${showing.id}`)
  await stale.seesSeat('A2', 'available')

  const time = (instant) => new Intl.DateTimeFormat('en-GB', { timeZone: 'Asia/Bangkok', hour: '2-digit', minute: '2-digit' }).format(new Date(instant))
  const moved = await moveLater(manager, showing)
  await open.page.locator('header', { hasText: time(moved) }).first().waitFor()
  await open.picture('moved-live')

  await stale.press(stale.seat('A2'))
  await stale.sees('terms-changed')
  const said = await stale.byId('changed-start').innerText()
  assert.ok(said.includes(time(showing.start_time)) && said.includes(time(moved)), said)
  await stale.picture('moved-asked')
  await stale.press(stale.byId('accept-change'))
  await stale.seesSeat('A2', 'mine')
})

/** Changes the start of the screening to the first later time at which its hall is free. */
async function moveLater(manager, showing) {
  for (let hours = 1; hours <= 12; hours += 1) {
    const start_time = new Date(Date.parse(showing.start_time) + hours * HOUR_MS / 2).toISOString()
    const answer = await manager.patch(`/api/admin/screenings/${showing.id}`, { data: { start_time } })
    if (answer.status() === 200) return start_time
    assert.equal(answer.status(), 409, await answer.text())
  }
  throw new Error('the hall is never free')
}
