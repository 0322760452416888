/** Steps that several tests share, taken through the page as by a customer. */

/** Goes from the front page through the film's page to the seat page of a screening. */
export async function walkToSeats(visitor, showing) {
  const { page } = visitor
  await visitor.go('/')
  const day = new Intl.DateTimeFormat('en-CA', { timeZone: 'Asia/Bangkok' }).format(new Date(showing.start_time))
  await visitor.press(visitor.byId(`day-${day}`))
  await visitor.press(page.locator(`h2 a[href="/movies/${showing.movie.id}"]`))
  await page.waitForURL(`**/movies/${showing.movie.id}`)
  await visitor.press(visitor.byId(`showtime-${showing.id}`))
  await page.waitForURL(`**/screenings/${showing.id}`)
  await page.locator('[data-seat]').first().waitFor()
}

/** Chooses the seats one by one and waits until each is locked for the person. */
export async function holdSeats(visitor, ids) {
  for (const id of ids) {
    await visitor.press(visitor.seat(id))
    await visitor.seesSeat(id, 'mine')
  }
}

/** Starts the payment of the held seats and waits for the payment page. */
export async function startPayment(visitor) {
  await visitor.press(visitor.byId('pay'))
  await visitor.page.waitForURL('**/pay/*')
  await visitor.sees('confirm-pay')
}

export async function chooseMethod(visitor, method) {
  const radio = visitor.byId(`method-${method}`)
  if (await radio.isChecked()) return
  const before = visitor.page.url()
  await visitor.press(radio)
  await visitor.page.waitForURL((url) => url.href !== before)
  await visitor.page.locator(`[data-testid="method-${method}"]:checked:enabled`).waitFor()
}

/** Pays and returns the booking code on the ticket. */
export async function payNow(visitor) {
  await visitor.press(visitor.byId('confirm-pay'))
  await visitor.page.waitForURL('**/bookings/*')
  return (await visitor.byId('booking-code').innerText()).trim()
}

/** Buys seats for a signed-in person, for tests that need a ticket. */
export async function buy(visitor, showing, seats) {
  await visitor.go(`/screenings/${showing.id}`)
  await holdSeats(visitor, seats)
  await startPayment(visitor)
  await chooseMethod(visitor, 'mock_card')
  return payNow(visitor)
}
