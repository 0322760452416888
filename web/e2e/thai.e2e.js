import assert from 'node:assert/strict'
import { test } from './support/fixtures.js'
import { ADMIN } from './support/looks.js'
import { buy, chooseMethod, holdSeats, payNow, startPayment } from './support/paths.js'
import { readLatin } from './support/latin.js'
import { Server } from './support/server.js'
import { Visitor } from './support/visitor.js'
import { waitFor } from './support/wait.js'

/** A mail server that does not answer, so that the list of mails shows an error. */
const NO_MAIL_SERVER = '--mail-url=smtp://127.0.0.1:1'
test.use({ serverFlags: [NO_MAIL_SERVER] })

/** Accounts of the demo with Thai names. */
const OWNER = 'somchai@example.test'
const CUSTOMER = 'pim@example.test'
const THAI = { language: 'th', keepsLanguage: true, tolerate: /status of \d{3} / }
const SIGN_IN_ERRORS = ['access_denied', 'try_again', 'bad_state', 'temporarily_unavailable', 'server_error', 'no_email', 'rate_limited', 'misdirected', 'unheard_of']

/** The ticket that the administrator has bought. */
let ticket
const names = new Set()
/** A film and a hall without Thai names, and their showing. */
const ENGLISH = { title: 'Northern Lights', name: 'The Annex' }
let english
test.beforeAll(async ({ server, come }) => {
  const owner = await come(THAI)
  await owner.signInQuietly(OWNER)
  names.add(await buy(owner, await server.showing('Hall 1'), ['D5', 'D6']))
  ticket = new URL(owner.page.url()).pathname
  const { name } = await server.get('/api/site')
  names.add(name)
  const { items } = await server.get('/api/movies?limit=200')
  for (const film of items) if (film.title_th === null) names.add(film.title)
  await changeProgramme(owner, server)
  english = await addEnglish(owner, server)
  names.add(ENGLISH.title).add(ENGLISH.name)
  names.add(await buy(owner, english, ['A1']))
})

async function change(owner, server, method, path, data) {
  const answer = await owner.context.request[method](`/api/admin${path}`, { data, headers: { origin: server.url } })
  assert.ok(answer.ok(), `${method} ${path}: ${answer.status()} ${await answer.text()}`)
  return answer.status() === 204 ? null : answer.json()
}

const ROWS = [{ label: 'A', category: 'standard', cells: ['seat', 'pair'] }]
/** When the created showings begin: so far ahead that the sale is open all the time. */
const inTwoDays = () => new Date(Date.now() + 48 * 3_600_000).toISOString()

/** Creates a film, a hall and a showing without Thai names, and returns the showing. */
async function addEnglish(owner, server) {
  const film = await change(owner, server, 'post', '/movies', { title: ENGLISH.title, duration_min: 90, genres: ['drama'] })
  const hall = await change(owner, server, 'post', '/halls', { name: ENGLISH.name, layout: { rows: ROWS } })
  return change(owner, server, 'post', '/screenings', { movie_id: film.id, hall_id: hall.id, start_time: inTwoDays(), prices: { standard: { amount: 20_000, currency: 'THB' } } })
}

/** Creates, changes and deletes a film, a hall and a showing, so that the audit log has an entry of each kind. */
async function changeProgramme(owner, server) {
  const ask = (method, path, data) => change(owner, server, method, path, data)
  const film = await ask('post', '/movies', { title: 'ทดสอบ', title_th: 'ทดสอบ', duration_min: 90, rating: 'G', genres: ['drama'] })
  const hall = await ask('post', '/halls', { name: 'โรงทดสอบ', layout: { rows: ROWS } })
  const showing = await ask('post', '/screenings', { movie_id: film.id, hall_id: hall.id, start_time: inTwoDays(), prices: { standard: { amount: 20_000, currency: 'THB' } } })
  await ask('patch', `/screenings/${showing.id}`, { prices: { standard: { amount: 25_000, currency: 'THB' } } })
  await ask('patch', `/movies/${film.id}`, { genres: [], rating: null, synopsis_th: 'เรื่องย่อ' })
  await ask('patch', `/halls/${hall.id}`, { layout: { rows: [{ ...ROWS[0], category: 'sofa', cells: ['pair', 'pair'] }] } })
  await ask('delete', `/screenings/${showing.id}`)
  await ask('delete', `/halls/${hall.id}`)
  await ask('delete', `/movies/${film.id}`)
}

/** Reads the pages of a visitor, and gathers what is not Thai, so that one run names all of it. */
function reader(visitor) {
  const found = []
  const read = async (what) => {
    await visitor.settled()
    found.push(...(await readLatin(visitor.page, names, new Set(Object.values(ENGLISH)))).map((text) => `${what}: ${text}`))
  }
  const at = async (path) => {
    await visitor.go(path)
    await read(path)
  }
  const toast = async (what) => {
    await visitor.page.locator('[data-sonner-toast]').first().waitFor()
    await read(what)
  }
  return { found, read, at, toast }
}

test('guests and customers read no English words on Thai pages', async ({ server, come }) => {
  const visitor = await come(THAI)
  const { page } = visitor
  const { found, read, at, toast } = reader(visitor)
  const showing = await server.showing('Hall 2', 1)
  const seats = `/screenings/${showing.id}`

  for (const path of ['/', `/movies/${showing.movie.id}`, '/movies/no-such-film', seats, '/screenings/no-such-showing', '/no-such-page', '/bookings', `/movies/${english.movie_id}`, `/screenings/${english.id}`]) await at(path)
  for (const error of SIGN_IN_ERRORS) await at(`/sign-in?error=${error}`)
  await at(`/sign-in?return_to=${encodeURIComponent(`${seats}?seats=A2`)}`)
  await visitor.byId('sign-in').click()
  await page.locator('#email').fill('ก')
  await page.locator('button.go-on').click()
  await page.locator('#mistake').waitFor()
  await read('the demo provider')

  await visitor.signInQuietly(CUSTOMER)
  for (const path of ['/bookings', '/admin', '/sign-in', '/pay/no-such-payment', '/bookings/no-such-ticket']) await at(path)
  await visitor.go(seats)
  await holdSeats(visitor, ['A2'])
  await visitor.byId('account-menu').click()
  await visitor.sees('sign-out')
  await read('the account menu')
  await page.keyboard.press('Escape')
  await visitor.byId('view-list').click()
  await visitor.sees('seat-list')
  await read('the list of seats')
  await visitor.byId('view-map').click()

  await raisePrices(server, come, showing)
  await visitor.sees('terms-changed')
  await read('changed terms')
  await visitor.byId('accept-change').click()
  await visitor.gone('terms-changed')
  await startPayment(visitor)
  for (const method of ['promptpay', 'mock_card']) {
    await chooseMethod(visitor, method)
    await read(`payment by ${method}`)
  }
  await visitor.byId('decline-pay').click()
  await visitor.sees('payment-declined')
  await read('a declined payment')
  await visitor.byId('back-to-seats').click()
  await visitor.seesSeat('A2', 'mine')
  await holdTooMany(visitor, server, showing)
  await toast('more seats than allowed')

  await startPayment(visitor)
  await chooseMethod(visitor, 'mock_card')
  names.add(await payNow(visitor))
  await read('a new ticket')
  await at('/bookings')
  assert.deepEqual(found, [])
})

async function raisePrices(server, come, showing) {
  const owner = await come({ extraHTTPHeaders: { origin: server.url } })
  await owner.signInQuietly(OWNER)
  const { prices } = await server.get(`/api/screenings/${showing.id}`)
  const raised = Object.fromEntries(Object.entries(prices).map(([category, { amount, currency }]) => [category, { amount: amount + 1_000, currency }]))
  const answer = await owner.context.request.patch(`/api/admin/screenings/${showing.id}`, { data: { prices: raised } })
  assert.equal(answer.status(), 200, await answer.text())
}

/** Locks as many seats as one person may have, and presses one more. */
async function holdTooMany(visitor, server, showing) {
  const { seats_per_person: most } = await server.get('/api/site')
  const { seats } = await server.get(`/api/screenings/${showing.id}/seats`)
  const free = seats.filter(({ status }) => status === 'AVAILABLE').map(({ id }) => id)
  const locked = free.slice(0, most - 1)
  const answer = await visitor.context.request.post('/api/lock', { data: { screening_id: showing.id, seat_ids: locked } })
  assert.equal(answer.status(), 200, await answer.text())
  await visitor.seesSeat(locked.at(-1), 'mine')
  await visitor.seat(free[most - 1]).click()
}

test('administrators read no English words on Thai pages', async ({ come, browser }) => {
  const owner = await come(THAI)
  const { page } = owner
  // Leaving a form with unsaved changes by an address makes the browser ask.
  page.on('dialog', (dialog) => dialog.accept())
  const { found, read, at, toast } = reader(owner)
  await owner.signInQuietly(OWNER)
  const ask = async (path) => (await owner.context.request.get(`/api/admin${path}`)).json()
  for (const { code } of (await ask('/bookings?limit=200')).items) names.add(code)
  const other = await come()
  await other.signInQuietly(CUSTOMER)
  assert.equal((await other.context.request.get('/api/admin/halls')).status(), 403)
  await waitFor(async () => {
    const actions = (await ask('/audit?type=AUDIT_LOG&limit=200')).items.map(({ data }) => data.action)
    return actions.includes('admin_refused') && actions.includes('movie_deleted')
  }, 'the audit log')
  await waitFor(async () => (await ask('/mail')).items.some(({ last_error: error }) => error !== null), 'a mail that failed')

  for (const path of [ticket, '/bookings', ...ADMIN, '/admin/bookings?q=ไม่มี', '/admin/mail?status=SENT', '/admin?from=2026-02-02&to=2026-02-01']) await at(path)
  await owner.go('/admin/screenings?to=2020-01-01')
  await owner.sees('empty-list')
  await read('a list of showings that is empty after filtering')
  await owner.go('/admin/audit')
  await page.getByTestId('actor').first().click()
  await owner.sees('all-actors')
  await read('the audit log of one person')
  await readSystemErrors(owner, read)
  await readBrokenEvents(owner, read, toast)

  await readFilmForm(owner, read, toast)
  await readHallForm(owner, read, toast)
  await readShowingForm(owner, read, toast)
  found.push(...(await readEmptyCinema(browser)))
  assert.deepEqual(found, [])
})

/** An entry of the audit log for each code of a system error, none of which a working server writes. */
async function readSystemErrors(owner, read) {
  const errors = [
    { code: 'internal', place: 'GET page' },
    { code: 'unavailable', place: 'mail sender' },
    { code: 'recovered', place: 'seatkeeper-audit' },
    { code: 'unreadable_event', place: 'outbox 17' },
    { code: 'capture_failed', place: 'payment 01890a5d-ac96-774b-bcce-b302099a8057' },
  ]
  const common = { type: 'SYSTEM_ERROR', at: '2026-11-30T12:00:00Z', actor: null, actor_name: null, actor_email: null, request_id: null, screening: null }
  const items = errors.map((error, index) => ({ ...common, id: String(index), data: { ...error, count: index + 1 } }))
  await owner.page.route(/\/api\/admin\/audit\?(?:.*&)?type=SYSTEM_ERROR/, (route) => route.fulfill({ json: { items, next_cursor: null } }))
  await owner.go('/admin/audit?type=SYSTEM_ERROR')
  await owner.page.locator('tbody tr').nth(errors.length - 1).waitFor()
  await read('system errors')
}

/** The list of events that could not be handled, which no event of a working server enters. */
async function readBrokenEvents(owner, read, toast) {
  const { page } = owner
  const event = { id: '01890a5d-ac96-774b-bcce-b302099a8057', type: 'BOOKING_SUCCESS', version: 1, at: '2026-11-30T12:00:00Z', screening_id: null, actor: null, data: { code: 'AB12', seat_ids: [] } }
  const letters = ['mail', 'audit'].map((consumer) => ({ id: consumer, consumer, event, error: `${consumer}: the booking is missing`, tries: 3, at: event.at }))
  await page.route('**/api/admin/dead-letters?*', (route) => route.fulfill({ json: { items: letters, next_cursor: null } }))
  await page.route('**/api/admin/dead-letters/*/replay', (route) => route.fulfill({ json: { handled: false, error: 'still missing' } }))
  await owner.go('/admin/mail')
  await owner.byId('replay-audit').click()
  await toast('a replay that failed')
  await page.locator('[data-testid^="retry-"]').first().click()
  await page.locator('[data-sonner-toast][data-type="success"]').waitFor()
  await read('a mail to send again')
}

async function readFilmForm(owner, read, toast) {
  const { page } = owner
  await owner.go('/admin/movies')
  await owner.byId('edit').first().click()
  await owner.sees('save')
  await read('the form of a film')
  await owner.byId('field-poster').setInputFiles({ name: 'wide.svg', mimeType: 'image/svg+xml', buffer: Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="1600" height="600"/>') })
  await owner.sees('poster-crop')
  await toast('an uploaded poster')
  await page.locator('a[href="/admin/halls"]').click()
  await owner.sees('confirm-dialog')
  await read('the question about unsaved changes')
  await owner.byId('confirm-dialog').click()
  await page.waitForURL('**/admin/halls')

  await owner.go('/admin/movies?new=1')
  await owner.byId('field-title').fill('\u202e')
  await owner.byId('field-duration_min').fill('0')
  await save(owner)
  await read('mistakes in the form of a film')
  await owner.byId('field-poster').setInputFiles({ name: 'text.png', mimeType: 'image/png', buffer: Buffer.from('ไม่ใช่ภาพ') })
  await toast('a file that is no picture')
}

async function readHallForm(owner, read, toast) {
  const { page } = owner
  await owner.go('/admin/halls')
  await owner.byId('delete').first().click()
  await owner.sees('confirm-dialog')
  await read('the question before a hall is deleted')
  await owner.byId('confirm-dialog').click()
  await toast('a hall with showings')
  await owner.byId('edit').first().click()
  await owner.sees('planned-notice')
  await read('the form of a hall')
  await owner.go('/admin/halls?new=1')
  await owner.byId('field-name').fill('')
  // The second row gets the letter of the first one.
  await page.locator('fieldset input[maxlength="3"]').nth(1).fill('A')
  await save(owner)
  await read('mistakes in the form of a hall')
}

async function readShowingForm(owner, read, toast) {
  const { page } = owner
  await owner.go('/admin/screenings')
  await owner.byId('new').click()
  await owner.sees('save')
  await read('the form of a showing')
  await owner.byId('field-start_day').fill('31/2')
  await owner.byId('field-start_time').fill('25:00')
  await page.locator('[data-testid^="price-"]').first().fill('-')
  await owner.byId('save').click()
  await page.locator('[data-testid="field-start_day"][aria-invalid="true"]').waitFor()
  await read('mistakes in the form of a showing')
  await owner.byId('field-start_day').fill('1/1/2563')
  await owner.byId('field-start_time').fill('12:00')
  await page.locator('[data-testid^="price-"]').first().fill('200')
  await owner.byId('save').click()
  await toast('a showing in the past')
}

/** Saves a form with mistakes, and waits for the server to name them. */
async function save(owner) {
  await owner.byId('save').click()
  await owner.page.locator('form [role="alert"]').waitFor()
}

/** The pages of a cinema without a programme, for a guest and for its administrator. */
async function readEmptyCinema(browser) {
  const server = await Server.start('--demo=off')
  const visitor = await Visitor.come(browser, server.url, THAI)
  try {
    const { found, read, at } = reader(visitor)
    await visitor.go('/')
    await visitor.sees('empty-programme')
    await read('an empty cinema')
    await visitor.signInQuietly(OWNER)
    await visitor.go('/')
    await visitor.sees('first-hall')
    await read('the first steps')
    for (const path of ADMIN) await at(path)
    return found.map((text) => `without a programme, ${text}`)
  } finally {
    await visitor.context.close()
    await server.remove()
  }
}
