import assert from 'node:assert/strict'
import { test } from './support/fixtures.js'
import { holdSeats } from './support/paths.js'
import { DESKTOP, PHONE } from './support/visitor.js'

const WAYS = [
  { name: 'desktop-en', screen: DESKTOP, language: 'en', theme: 'light', seat: 'A2', free: 'Free', goOn: 'Continue', book: 'Book for free', mail: '฿0 (free)' },
  { name: 'phone-th', screen: PHONE, language: 'th', theme: 'dark', seat: 'A3', free: 'ฟรี', goOn: 'ดำเนินการต่อ', book: 'จองฟรี', mail: '฿0 (ไม่มีค่าใช้จ่าย)' },
]

for (const way of WAYS) {
  test(`seats of 0 baht are booked by one button, without a choice of methods: ${way.name}`, async ({ server, come }) => {
    const showing = await server.showing('Hall 2')
    // The first person who signs in is the administrator.
    const manager = await come({ extraHTTPHeaders: { origin: server.url } })
    await manager.signInQuietly('manager@example.test')
    const prices = { standard: { amount: 0, currency: 'THB' } }
    const answer = await manager.context.request.patch(`/api/admin/screenings/${showing.id}`, { data: { prices } })
    assert.equal(answer.status(), 200, await answer.text())

    const visitor = await come({ keepsLanguage: true, ...way })
    await visitor.signInQuietly(`${way.name}@example.test`)
    await visitor.go(`/screenings/${showing.id}`)
    await visitor.seesSeat(way.seat, 'available')
    await holdSeats(visitor, [way.seat])
    assert.equal(await visitor.byId('summary-total').innerText(), way.free)
    assert.equal((await visitor.byId('pay').innerText()).trim(), way.goOn)
    await visitor.press(visitor.byId('pay'))
    await visitor.page.waitForURL('**/pay/*')
    await visitor.sees('confirm-free')
    assert.equal((await visitor.byId('confirm-free').innerText()).trim(), way.book)
    assert.equal(await visitor.page.locator('input[type=radio]').count(), 0, 'there is no method to choose')
    assert.equal(await visitor.byId('promptpay-qr').count(), 0)
    await visitor.picture(`free-${way.name}`)
    await visitor.press(visitor.byId('confirm-free'))
    await visitor.page.waitForURL('**/bookings/*')
    const code = (await visitor.byId('booking-code').innerText()).trim()
    await visitor.page.getByText(way.free, { exact: true }).waitFor()
    assert.ok((await server.mailWith(code)).includes(way.mail), 'the mail says that nothing was paid')
  })
}
