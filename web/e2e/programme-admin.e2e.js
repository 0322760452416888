import assert from 'node:assert/strict'
import { deflateSync } from 'node:zlib'
import { test } from './support/fixtures.js'
import { buy } from './support/paths.js'
import { Finger, middle } from './support/touch.js'
import { DESKTOP, SMALL_PHONE } from './support/visitor.js'

const WIDE = { viewport: { width: 1440, height: 900 } }
const dayIn = (instant) => new Intl.DateTimeFormat('en-CA', { timeZone: 'Asia/Bangkok' }).format(instant)

async function comeAsOwner(come, options) {
  const owner = await come(options)
  await owner.signInQuietly('owner@example.test')
  return owner
}

/** The first row of the hall editor as letters: S a seat, P a sofa, _ a gap. */
const drawnRow = (owner) =>
  owner.page.locator('[data-testid^="cell-A-"]').allInnerTexts().then((texts) => texts.map((text) => text.trim() || '_').join(''))

async function openNewHall(owner, name) {
  await owner.go('/admin/halls')
  await owner.press(owner.byId('new'))
  await owner.byId('field-name').fill(name)
  await owner.press(owner.byId('tool-pair'))
}

test('the sofa brush makes three sofas of seven dragged seats, and dragging back undoes them', async ({ come }) => {
  const owner = await comeAsOwner(come, { screen: DESKTOP })
  const { page } = owner
  await openNewHall(owner, 'Brush Hall')
  const places = await Promise.all(Array.from({ length: 8 }, (_, at) => middle(owner.byId(`cell-A-${at + 1}`))))
  await page.mouse.move(places[0].x, places[0].y)
  await page.mouse.down()
  await page.mouse.move(places[6].x, places[6].y, { steps: 14 })
  assert.equal(await drawnRow(owner), 'PPPSS')
  await page.mouse.move(places[1].x, places[1].y, { steps: 10 })
  assert.equal(await drawnRow(owner), 'PSSSSSS')
  await page.mouse.move(places[6].x, places[6].y, { steps: 10 })
  await page.mouse.up()
  await page.mouse.move(places[0].x, places[0].y + 40)
  assert.equal(await drawnRow(owner), 'PPPSS')
  await owner.picture('hall-brush', { fullPage: true })

  // Escape undoes the whole drag.
  await owner.byId('tool-gap').click()
  await page.mouse.move(places[0].x, places[0].y)
  await page.mouse.down()
  await page.mouse.move(places[7].x, places[7].y, { steps: 8 })
  assert.equal(await drawnRow(owner), '________')
  await page.keyboard.press('Escape')
  await page.mouse.up()
  assert.equal(await drawnRow(owner), 'PPPSS')
})

test('the places of a hall are one tab stop, and Shift with an arrow paints as a drag does', async ({ come }) => {
  const owner = await comeAsOwner(come)
  const { page } = owner
  await openNewHall(owner, 'Key Hall')
  await owner.byId('cell-A-1').focus()
  for (let step = 0; step < 6; step += 1) await page.keyboard.press('Shift+ArrowRight')
  assert.equal(await drawnRow(owner), 'PPPSS')
  await page.keyboard.press('ArrowRight')
  assert.equal(await owner.page.evaluate(() => document.activeElement.dataset.testid), 'cell-A-5')
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('Home')
  await page.keyboard.press('Space')
  assert.equal(await owner.page.evaluate(() => document.activeElement.dataset.testid), 'cell-B-1')
  assert.equal(await owner.byId('cell-B-1').innerText(), 'P')
  await page.keyboard.press('Tab')
  assert.ok(!(await owner.page.evaluate(() => document.activeElement.dataset.testid ?? '')).startsWith('cell-'))
})

test('on a phone a finger paints along the row, and a vertical swipe over the places paints nothing', async ({ come }) => {
  const owner = await comeAsOwner(come, { screen: SMALL_PHONE })
  const { page } = owner
  await openNewHall(owner, 'Finger Hall')
  await owner.byId('cell-A-4').scrollIntoViewIfNeeded()
  const touch = await owner.context.newCDPSession(page)
  const send = (type, point) => touch.send('Input.dispatchTouchEvent', { type, touchPoints: point ? [point] : [] })
  const from = await middle(owner.byId('cell-A-1'))
  const to = await middle(owner.byId('cell-A-4'))
  await send('touchStart', from)
  for (let step = 1; step <= 8; step += 1) await send('touchMove', { x: from.x + ((to.x - from.x) * step) / 8, y: from.y })
  await send('touchEnd')
  assert.equal(await drawnRow(owner), 'PPSSSS')

  const before = await page.evaluate(() => scrollY)
  const place = await middle(owner.byId('cell-A-3'))
  await send('touchStart', place)
  for (let step = 1; step <= 8; step += 1) await send('touchMove', { x: place.x, y: place.y - step * 20 })
  await send('touchEnd')
  await page.waitForFunction((y) => scrollY > y, before)
  assert.equal(await drawnRow(owner), 'PPSSSS')
  // A tap paints one sofa.
  const finger = await Finger.of(owner)
  await owner.byId('cell-A-3').scrollIntoViewIfNeeded()
  await finger.tap(owner.byId('cell-A-3'))
  assert.equal(await drawnRow(owner), 'PPPSS')
})

test('saving a hall says before and afterwards how many planned showings keep the old layout, and leads to them', async ({ server, come }) => {
  const owner = await comeAsOwner(come)
  const { page } = owner
  await owner.go('/admin/halls')
  const row = page.locator('tr', { hasText: 'The Loft' })
  const planned = Number(await row.getByRole('link').innerText())
  assert.ok(planned > 3)
  await row.getByTestId('edit').click()
  await owner.byId('planned-notice').getByText(`keep the layout they have now: ${planned}`).waitFor()
  await owner.picture('hall-planned', { fullPage: true })
  await owner.byId('tool-blocked').click()
  await owner.byId('cell-A-5').click()
  await owner.byId('save').click()
  await owner.gone('save')
  await owner.byId('planned-notice').getByText(`keep the old layout: ${planned}`).waitFor()
  await row.getByText(`${planned} with an older layout`).waitFor()
  await owner.picture('hall-kept')
  await owner.byId('planned-notice').getByRole('link').click()
  await page.waitForURL('**/admin/screenings?hall=*')
  const rows = page.locator('li[data-testid^="screening-"]')
  await rows.first().getByText('older layout').waitFor()
  // The list also contains showings that have begun.
  assert.ok((await rows.count()) >= planned)
  assert.deepEqual(new Set(await rows.evaluateAll((all) => all.map((one) => one.innerText.includes('The Loft')))), new Set([true]))
  // A change of the name alone leaves no showing with an old layout, so no notice appears.
  await server.get('/api/site')
  await owner.go('/admin/halls')
  await page.locator('tr', { hasText: 'Hall 3' }).getByTestId('edit').click()
  await owner.byId('field-name').fill('Hall Three')
  await owner.byId('save').click()
  await owner.gone('save')
  await page.locator('tr', { hasText: 'Hall Three' }).waitFor()
  assert.equal(await owner.byId('planned-notice').count(), 0)
})

test('the showings are grouped by day under sticky heads, filtered, counted, and inside of every screen', async ({ server, come }) => {
  const showing = await server.showing('Hall 1')
  const buyer = await comeAsOwner(come)
  await buy(buyer, showing, ['D5', 'D6'])
  // A showing with four categories, whose prices are the widest part of a row.
  const ask = async (method, path, data) => {
    const answer = await buyer.context.request[method](`/api/admin${path}`, { data, headers: { origin: server.url } })
    assert.ok(answer.ok(), `${path}: ${answer.status()} ${await answer.text()}`)
    return answer.json()
  }
  const rows = ['standard', 'premium', 'sofa', 'balcony'].map((category, at) => ({ label: 'ABCD'[at], category, cells: ['seat', 'seat'] }))
  const hall = await ask('post', '/halls', { name: 'Hall of Four Categories', layout: { rows } })
  const prices = Object.fromEntries(rows.map(({ category }) => [category, { amount: 123_450, currency: 'THB' }]))
  await ask('post', '/screenings', { movie_id: showing.movie.id, hall_id: hall.id, start_time: showing.start_time, prices })
  const day = dayIn(new Date(showing.start_time))

  for (const [language, screen] of [['en', WIDE], ['th', WIDE], ['en', SMALL_PHONE], ['th', SMALL_PHONE], ['en', { viewport: { width: 1100, height: 800 } }]]) {
    const owner = await comeAsOwner(come, { language, keepsLanguage: true, screen })
    const { page } = owner
    await owner.go('/admin/screenings')
    await owner.byId(`screenings-${day}`).waitFor()
    await owner.byId(`screening-${showing.id}`).getByText(language === 'en' ? /[2-9]\d* of \d+ seats sold/ : /ขายแล้ว [2-9]\d* จาก \d+ ที่/).waitFor()
    const outside = await page.evaluate(() => {
      const parts = document.querySelectorAll('#content li[data-testid^="screening-"] *, #content h2 *')
      return [...parts].filter((part) => part.getBoundingClientRect().right > innerWidth || part.getBoundingClientRect().left < 0).length
    })
    assert.equal(outside, 0, `${language} ${screen.viewport.width}`)
    // The head of the day stays at the top while its showings scroll.
    await owner.byId(`screenings-${day}`).locator('li').last().evaluate((item) => item.scrollIntoView({ block: 'end' }))
    await page.evaluate(() => scrollBy(0, 40))
    await owner.byId(`screenings-${day}`).locator('h2').evaluate((head) => new Promise((resolve) => requestAnimationFrame(() => resolve(head))))
    const top = await owner.byId(`screenings-${day}`).locator('h2').evaluate((head) => head.getBoundingClientRect().top)
    assert.ok(top >= 0 && top <= 200, `${top}`)
    await owner.picture(`showings-${language}-${screen.viewport.width}`)
    await owner.byId('filter-hall').selectOption({ label: 'Hall of Four Categories' })
    await page.waitForURL('**hall=*')
    await page.waitForFunction(() => document.querySelectorAll('li[data-testid^="screening-"]').length === 1)
    await page.evaluate(() => scrollTo(0, 0))
    await owner.picture(`showings-filtered-${language}-${screen.viewport.width}`)
    await owner.press(owner.byId('clear-filters'))
    await page.waitForFunction(() => document.querySelectorAll('li[data-testid^="screening-"]').length > 10)
  }
})

test('a new showing has the last prices of its hall, sofas included', async ({ server, come }) => {
  const owner = await comeAsOwner(come, { screen: WIDE })
  const { items } = await (await owner.context.request.get('/api/admin/screenings?limit=200')).json()
  const { items: halls } = await server.get('/api/movies?limit=1').then(() => owner.context.request.get('/api/admin/halls?limit=200')).then((answer) => answer.json())
  await owner.go('/admin/screenings')
  await owner.byId('new').click()
  for (const hall of halls.filter(({ name }) => ['Hall 1', 'The Loft'].includes(name))) {
    const newest = items.filter(({ hall_id: id }) => id === hall.id).sort((a, b) => Date.parse(b.start_time) - Date.parse(a.start_time))[0]
    await owner.byId('field-hall_id').selectOption({ label: hall.name })
    assert.ok(newest.prices.sofa.amount > 20_000)
    for (const [category, { amount }] of Object.entries(newest.prices)) assert.equal(await owner.byId(`price-${category}`).inputValue(), String(amount / 100), category)
  }
  await owner.picture('new-showing-prices')
})

test('days are written and read in the page’s language in every field, whatever the browser’s language is', async ({ server, come }) => {
  const day = dayIn(new Date((await server.showing('Hall 1')).start_time))
  const [year, month, date] = day.split('-').map(Number)
  for (const [language, locale] of [['th', 'en-US'], ['en', 'en-US']]) {
    const owner = await comeAsOwner(come, { language, keepsLanguage: true, locale })
    const { page } = owner
    const shown = new Intl.DateTimeFormat(language === 'th' ? 'th-TH-u-ca-buddhist-nu-latn' : 'en-GB', { dateStyle: 'medium', timeZone: 'UTC' }).format(Date.parse(`${day}T00:00:00Z`))
    await owner.go('/admin/screenings')
    await owner.byId('filter-from').fill(`${date}/${month}/${language === 'th' ? year + 543 : year}`)
    await owner.byId('filter-from').press('Enter')
    await page.waitForURL(`**from=${day}`)
    assert.equal(await owner.byId('filter-from').inputValue(), shown)
    await owner.byId('filter-from').fill('31/2')
    await owner.byId('filter-from').press('Enter')
    assert.equal(await owner.byId('filter-from').getAttribute('aria-invalid'), 'true')
    for (const [path, fields] of [['/admin', ['filter-from', 'filter-to']], [`/admin/bookings?date=${day}&show_date=${day}`, ['filter-date', 'filter-show-date']], [`/admin/audit?from=${day}&to=${day}`, ['filter-from', 'filter-to']]]) {
      await owner.go(path)
      for (const field of fields) {
        const text = await owner.byId(field).inputValue()
        assert.match(text, language === 'th' ? /^\d{1,2} [ก-๙.]+ 25\d\d$/ : /^\d{1,2} [A-Z][a-z]+ 20\d\d$/)
      }
    }
    await owner.go('/admin/screenings')
    await owner.byId('new').click()
    assert.match(await owner.byId('field-start_day').inputValue(), language === 'th' ? /25\d\d$/ : /20\d\d$/)
    assert.equal(await owner.byId('field-start_time').inputValue(), '19:00')
    assert.equal(await page.locator('input[type="date"]:not([aria-hidden]), input[type="datetime-local"], input[type="time"]').count(), 0)
    await owner.picture(`fields-${language}`)
  }
})

/** A PNG picture of one colour. */
function png(width, height) {
  const crcs = Array.from({ length: 256 }, (_, n) => Array.from({ length: 8 }).reduce((c) => (c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1), n))
  const crc = (bytes) => (bytes.reduce((c, byte) => crcs[(c ^ byte) & 255] ^ (c >>> 8), 0xffffffff) ^ 0xffffffff) >>> 0
  const chunk = (type, data) => {
    const body = Buffer.concat([Buffer.from(type), data])
    const ends = Buffer.alloc(8)
    ends.writeUInt32BE(data.length, 0)
    ends.writeUInt32BE(crc(body), 4)
    return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)])
  }
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([8, 2, 0, 0, 0], 8)
  const line = Buffer.concat([Buffer.from([0]), Buffer.alloc(width * 3, 0x9a)])
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
  return Buffer.concat([signature, chunk('IHDR', header), chunk('IDAT', deflateSync(Buffer.concat(Array(height).fill(line)))), chunk('IEND', Buffer.alloc(0))])
}

test('the form says that an uploaded poster is not saved yet and how much is cut off, and asks before it is left', async ({ come }) => {
  const owner = await comeAsOwner(come)
  const { page } = owner
  await owner.go('/admin/movies')
  await owner.byId('edit').first().click()
  assert.equal(await owner.byId('poster-unsaved').count(), 0)
  await owner.byId('field-poster').setInputFiles({ name: 'wide.png', mimeType: 'image/png', buffer: png(1600, 600) })
  await owner.sees('poster-unsaved')
  await owner.byId('poster-crop').getByText('1600 × 600').waitFor()
  await page.getByText('Uploaded, not yet saved.', { exact: true }).waitFor()
  assert.equal(await page.getByText('Saved.', { exact: true }).count(), 0)
  await owner.picture('poster-wide')
  await owner.byId('field-poster').setInputFiles({ name: 'upright.png', mimeType: 'image/png', buffer: png(400, 600) })
  await owner.gone('poster-crop')

  // A link of the page, Cancel, and the browser's own question at the end of the page.
  await page.getByRole('link', { name: 'Halls' }).click()
  await owner.byId('confirm-dialog').waitFor()
  await owner.picture('leave-question')
  await page.getByRole('button', { name: 'Keep editing' }).click()
  await owner.sees('poster-unsaved')
  const asked = new Promise((resolve) => page.once('dialog', (dialog) => resolve(dialog.dismiss().then(() => dialog.type()))))
  await page.evaluate(() => setTimeout(() => location.reload()))
  assert.equal(await asked, 'beforeunload')
  await page.getByRole('button', { name: 'Cancel' }).click()
  await owner.byId('confirm-dialog').click()
  await owner.gone('save')
  await page.getByRole('link', { name: 'Halls' }).click()
  await page.waitForURL('**/admin/halls')
})
