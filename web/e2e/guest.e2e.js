import { test } from './support/fixtures.js'

test('no page prints an error or warning to the console for a guest', async ({ server, come }) => {
  const showing = await server.showing('Hall 1')
  const pages = ['/', `/movies/${showing.movie.id}`, `/screenings/${showing.id}`, '/sign-in', '/bookings', '/admin', '/admin/halls']
  for (const path of pages) {
    // A new context for each page: every page may be the first of a visit.
    const guest = await come({ isStrict: true })
    await guest.go(path)
    await guest.settled()
    await guest.sees('sign-in-link')
  }
})
