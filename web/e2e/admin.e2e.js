import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from './support/fixtures.js'
import { buy, holdSeats, payNow, startPayment } from './support/paths.js'
import { waitFor } from './support/wait.js'

const codes = {}

test('the first person to sign in becomes the administrator, the second does not', async ({ come }) => {
  const owner = await come()
  await owner.go('/admin')
  await owner.signInByHand('owner@example.test')
  await owner.page.waitForURL('**/admin')
  await owner.settled()

  const guest = await come()
  await guest.signInQuietly('ben@example.test')
  await guest.go('/')
  await guest.byId('account-menu').click()
  await guest.sees('menu-bookings')
  assert.equal(await guest.byId('menu-admin').count(), 0)
})

test('the admin overview shows charts, tables and CSV files, and the totals follow the selected period', async ({ server, come }) => {
  const ann = await come()
  await ann.signInQuietly('ann@example.test')
  codes.ann = await buy(ann, await server.showing('Hall 1'), ['D5', 'D6'])
  const ben = await come()
  await ben.signInQuietly('ben@example.test')
  codes.ben = await buy(ben, await server.showing('Hall 2'), ['B2'])

  const owner = await come()
  const { page } = owner
  await owner.signInQuietly('owner@example.test')
  await owner.go('/admin')
  await page.waitForFunction(() => {
    const painted = (canvas) => {
      const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data
      return pixels.some((value, index) => index % 4 === 3 && value > 0)
    }
    const canvases = [...document.querySelectorAll('canvas')]
    return canvases.length === 2 && canvases.every(painted)
  })
  // A window as high as the page, because a full-page screenshot resizes the window and thereby the charts.
  await page.setViewportSize({ width: 1280, height: 1400 })
  await owner.picture('admin-overview')
  await page.locator('summary').last().click()
  const { items } = await owner.context.request.get('/api/admin/bookings').then((answer) => answer.json())
  assert.equal(items.length, 2)
  const table = page.locator('table').last()
  for (const { movie_title: title } of items) {
    const sold = items.filter((item) => item.movie_title === title).reduce((all, { total }) => all + total.amount, 0)
    assert.match(await table.locator('tbody tr', { hasText: title }).innerText(), new RegExp(`฿${sold / 100}\\b`))
  }
  const [report] = await Promise.all([page.waitForEvent('download'), page.locator('section.card button').last().click()])
  assert.match(await readFile(await report.path(), 'utf8'), /movie_title,movie_title_th,bookings,seats,revenue,occupancy/)

  await owner.go('/admin/bookings')
  const totals = owner.byId('booking-totals')
  await page.getByText(codes.ben).waitFor()
  const numbers = async () => (await totals.locator('dd').allInnerTexts()).map((text) => text.replace(/[^\d]/g, ''))
  const sum = items.reduce((all, item) => all + item.total.amount, 0) / 100
  assert.deepEqual(await numbers(), ['2', '3', String(sum)])
  await owner.picture('admin-bookings')
  await owner.byId('filter-q').fill(codes.ann)
  await page.getByText(codes.ben).waitFor({ state: 'detached' })
  await page.waitForURL(`**q=${codes.ann}`)
  await page.getByText(codes.ann).first().waitFor()
  const mine = items.find((item) => item.code === codes.ann)
  assert.deepEqual(await numbers(), ['1', '2', String(mine.total.amount / 100)])

  const [file] = await Promise.all([page.waitForEvent('download'), owner.byId('bookings-csv').click()])
  const csv = await readFile(await file.path(), 'utf8')
  assert.ok(csv.startsWith('\ufeff') && csv.includes('\r\n') && csv.includes(codes.ann) && !csv.includes(codes.ben), csv)

  await owner.byId('filter-q').fill('')
  await page.getByText(codes.ben).waitFor()
  const benFilm = items.find((item) => item.code === codes.ben).movie_title
  await owner.byId('filter-movie').selectOption({ label: benFilm })
  await page.waitForURL('**movie_id=*')
  if (benFilm !== mine.movie_title) await page.getByText(codes.ann).waitFor({ state: 'detached' })
  await owner.go('/admin/bookings?date=2020-01-01')
  await page.waitForFunction(() => document.querySelector('[data-testid="booking-totals"] dd')?.textContent?.trim() === '0')
  // When the server refuses the CSV file, the download fails and the page stays open.
  await owner.signOutQuietly()
  const [refused] = await Promise.all([page.waitForEvent('download'), owner.byId('bookings-csv').click()])
  assert.ok(await refused.failure())
  assert.ok(await owner.byId('bookings-csv').isVisible())
})

test('an administrator creates a film, a hall and a screening, and a ticket is sold for it', async ({ server, come }) => {
  const owner = await come()
  const { page } = owner
  await owner.signInQuietly('owner@example.test')

  await owner.go('/admin/movies')
  await owner.byId('new').click()
  await owner.byId('field-title').fill('The Last Ticket')
  await owner.byId('field-title_th').fill('ตั๋วใบสุดท้าย')
  await owner.byId('save').click()
  await owner.gone('save')
  await page.getByRole('cell', { name: 'The Last Ticket' }).first().waitFor()

  await owner.go('/admin/halls')
  await owner.byId('new').click()
  await owner.byId('field-name').fill('Garden Hall')
  await owner.byId('field-name_th').fill('โรงสวน')
  await owner.byId('tool-pair').click()
  await owner.byId('cell-A-1').click()
  await owner.byId('tool-wheelchair').click()
  await owner.byId('cell-A-2').click()
  await owner.byId('add-row').click()
  await owner.sees('seat-A1')
  await owner.picture('admin-hall-editor', { fullPage: true })
  await owner.byId('save').click()
  await owner.gone('save')
  await page.getByText('Garden Hall').first().waitFor()

  await owner.go('/admin/screenings')
  await owner.byId('new').click()
  await owner.byId('field-movie_id').selectOption({ label: 'The Last Ticket' })
  await owner.byId('field-hall_id').selectOption({ label: 'Garden Hall' })
  await owner.byId('price-standard').fill('345')
  await owner.byId('save').click()
  await owner.gone('save')
  await page.getByRole('listitem').filter({ hasText: 'Garden Hall' }).waitFor()

  await owner.go('/')
  const card = page.locator('article', { hasText: 'The Last Ticket' })
  const tomorrow = new Intl.DateTimeFormat('en-CA', { timeZone: 'Asia/Bangkok' }).format(Date.now() + 86_400_000)
  await owner.byId(`day-${tomorrow}`).click()
  await card.getByText('19:00').click()
  await holdSeats(owner, ['A1'])
  assert.match(await owner.seat('A1').getAttribute('aria-label'), /sofa, 345 baht/)
  assert.match(await owner.seat('A2').getAttribute('aria-label'), /wheelchair place/)
  await startPayment(owner)
  const code = await payNow(owner)
  assert.ok((await server.mailWith(code)).includes('The Last Ticket'))

  // The audit log names the person for each action: sign-in, film, hall, screening.
  const ask = async (path) => (await owner.context.request.get(path)).json()
  const { id } = await ask('/api/auth/me')
  await waitFor(async () => {
    const { items } = await ask(`/api/admin/audit?limit=200&type=AUDIT_LOG&actor=${id}`)
    return items.length >= 4 && items.every((item) => item.actor === id)
  }, 'the audit log')
  await owner.go('/admin/audit')
  // A click on a person's name filters the audit log by that person, and the URL contains the filter.
  await owner.press(page.getByRole('button', { name: 'Only what owner did' }).first())
  await page.waitForURL(`**/admin/audit?actor=${id}`)
  assert.match(await page.locator('tbody tr').first().innerText(), /owner\s+owner@example\.test/)
  await owner.byId('all-actors').getByText('owner').waitFor()
  await owner.picture('admin-audit')
  await owner.press(owner.byId('all-actors'))
  await page.waitForURL(`**/admin/audit`)
  // Deleting a hall that has screenings is refused, and the page shows the reason.
  await owner.go('/admin/halls')
  const row = page.locator('tr', { hasText: 'Garden Hall' })
  await row.getByTestId('delete').click()
  await owner.byId('confirm-dialog').click()
  await page.getByText('There are showings to come').waitFor()
  await owner.go('/admin/mail')
  await page.getByText(code).waitFor()
})
