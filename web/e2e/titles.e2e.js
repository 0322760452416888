import assert from 'node:assert/strict'
import { test } from './support/fixtures.js'
import { buy, holdSeats, startPayment } from './support/paths.js'

/** Waits for the tab's title, which may change when the page has loaded its data. */
async function hasTitle(visitor, wanted) {
  await visitor.page.waitForFunction((title) => document.title === title, wanted, { timeout: 5_000 }).catch(async () => {
    assert.equal(await visitor.page.title(), wanted)
  })
}

test('the tab’s title says in the page’s language what each page shows, and names the cinema', async ({ server, come }) => {
  const { name: cinema } = await server.get('/api/site')
  const showing = await server.showing('Hall 1', 1)
  const { movie } = showing
  const setUp = await come()
  await setUp.signInQuietly('owner@example.test')
  const code = await buy(setUp, await server.showing('Hall 1'), ['A1'])
  const ticket = new URL(setUp.page.url()).pathname

  for (const [language, film, texts] of [
    ['en', movie.title, { home: 'What’s on', noFilm: 'This film is not in the programme', noShowing: 'This showing does not exist', signIn: 'Sign in', tickets: 'My tickets', ticket: `Ticket ${code}`, noTicket: 'There is no such ticket of yours', none: 'Page not found', admin: ['Overview', 'Bookings', 'Films', 'Halls', 'Showings', 'Audit log', 'Events', 'Mail'].map((page) => `${page} – Administration`), pay: 'Payment', noPayment: 'This payment does not exist' }],
    ['th', movie.title_th, { home: 'โปรแกรมหนัง', noFilm: 'ไม่มีหนังเรื่องนี้ในโปรแกรม', noShowing: 'ไม่มีรอบฉายนี้', signIn: 'เข้าสู่ระบบ', tickets: 'ตั๋วของฉัน', ticket: `ตั๋ว ${code}`, noTicket: 'ไม่มีตั๋วนี้ในบัญชีของคุณ', none: 'ไม่พบหน้านี้', admin: ['ภาพรวม', 'การจอง', 'หนัง', 'โรง', 'รอบฉาย', 'บันทึกการใช้งาน', 'เหตุการณ์', 'อีเมล'].map((page) => `${page} – ผู้ดูแลระบบ`), pay: 'ชำระเงิน', noPayment: 'ไม่มีรายการชำระเงินนี้' }],
  ]) {
    const visitor = await come({ language, keepsLanguage: true, tolerate: /status of 404 / })
    const at = async (path, title) => {
      await visitor.go(path)
      await hasTitle(visitor, `${title} · ${cinema}`)
    }
    await at('/', texts.home)
    await at(`/movies/${movie.id}`, film)
    await at('/movies/no-such-film', texts.noFilm)
    await at('/screenings/no-such-showing', texts.noShowing)
    await at('/sign-in', texts.signIn)
    await at('/no-such-page', texts.none)
    await visitor.signInQuietly('owner@example.test')
    const when = new Date(showing.start_time)
    const locale = language === 'th' ? 'th-TH-u-ca-buddhist-nu-latn' : 'en-GB'
    const day = new Intl.DateTimeFormat(locale, { timeZone: 'Asia/Bangkok', weekday: 'short', day: 'numeric', month: 'short' }).format(when)
    const time = new Intl.DateTimeFormat(locale, { timeZone: 'Asia/Bangkok', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }).format(when)
    await at(`/screenings/${showing.id}`, `${film}, ${day}, ${time}`)
    await holdSeats(visitor, ['F10'])
    await startPayment(visitor)
    await hasTitle(visitor, `${texts.pay} – ${film} · ${cinema}`)
    await visitor.byId('cancel-payment').click()
    await visitor.seesSeat('F10', 'mine')
    await visitor.seat('F10').click()
    await visitor.seesSeat('F10', 'available')
    // The router goes to another page without loading the document again.
    await visitor.page.locator('h1 a').click()
    await hasTitle(visitor, `${film} · ${cinema}`)
    await at('/pay/no-such-payment', texts.noPayment)
    await at('/bookings', texts.tickets)
    await at(ticket, texts.ticket)
    await at('/bookings/no-such-ticket', texts.noTicket)
    for (const [index, page] of ['', '/bookings', '/movies', '/halls', '/screenings', '/audit', '/events', '/mail'].entries()) await at(`/admin${page}`, texts.admin[index])
  }
})
