/**
 * Prints the compressed bytes and the number of the scripts that a first visit to a screening loads before its seat map can be used:
 * `node script-size.js http://127.0.0.1:8080`.
 */
import { chromium } from '@playwright/test'

const [site] = process.argv.slice(2)
const { items } = await (await fetch(`${site}/api/movies`)).json()
// The largest hall has single seats, which are marked as available one by one.
const [screening] = items.flatMap(({ screenings }) => screenings).sort((one, other) => other.seats_total - one.seats_total)

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] })
try {
  const page = await browser.newPage()
  const sizes = []
  page.on('requestfinished', (request) => {
    if (request.resourceType() === 'script') sizes.push(request.sizes().then(({ responseBodySize }) => responseBodySize))
  })
  await page.goto(`${site}/screenings/${screening.id}`)
  await page.locator('[data-testid^="seat-"][data-status="available"]').first().waitFor()
  const loaded = await Promise.all([...sizes])
  console.log(loaded.reduce((sum, bytes) => sum + bytes, 0), loaded.length)
} finally {
  await browser.close()
}
