import { existsSync, statSync } from 'node:fs'
import path from 'node:path'

/** A built page (`dist`) to test instead of the one inside the program, so that a change of the page needs no build of the program. */
const PAGE = process.env.SEATKEEPER_TEST_PAGE
/** A document that did not come from the network has no address, and Chromium would refuse its WebSocket to this machine. */
export const PAGE_FLAGS = PAGE ? ['--disable-features=LocalNetworkAccessChecks'] : []
/** What only the program answers. Uploaded posters have no extension. */
const OF_THE_PROGRAM = /^\/(api|demo-idp|docs|healthz|readyz|metrics)(\/|$)|^\/posters\/[^./]+$/

/** Answers requests for the page's files from `SEATKEEPER_TEST_PAGE`; everything else still goes to the program. */
export async function servePageFromDisk(context, url) {
  if (!PAGE) return
  const headers = await pageHeaders(url)
  await context.route((address) => address.href.startsWith(url) && OF_THE_PROGRAM.test(address.pathname), followByHand)
  await context.route(
    (address) => address.href.startsWith(url) && !OF_THE_PROGRAM.test(address.pathname),
    (route) => {
      const { pathname } = new URL(route.request().url())
      const file = path.join(PAGE, pathname)
      if (existsSync(file) && statSync(file).isFile()) return route.fulfill({ path: file, headers: { ...headers, 'content-type': typeOf(file) } })
      if (pathname.startsWith('/assets/')) return route.fulfill({ status: 404 })
      return route.fulfill({ path: path.join(PAGE, 'index.html'), headers: { ...headers, 'content-type': 'text/html' } })
    },
  )
}

/** A request that a redirect leads to is never intercepted, so the way back from signing in is walked a step at a time. */
async function followByHand(route) {
  if (!route.request().isNavigationRequest()) return route.fallback()
  const response = await route.fetch({ maxRedirects: 0 })
  const { location } = response.headers()
  if (location === undefined) return route.fulfill({ response })
  const to = new URL(location, route.request().url()).href
  const body = `<script>location.replace(${JSON.stringify(to)})</script>`
  const cookies = response.headersArray().filter(({ name }) => name.toLowerCase() === 'set-cookie').map(({ value }) => value)
  return route.fulfill({ status: 200, headers: { 'content-type': 'text/html', 'set-cookie': cookies.join('\n') }, body })
}

/** The content policy counts for this page too. */
async function pageHeaders(url) {
  const answer = await fetch(url, { headers: { accept: 'text/html' } })
  const policy = answer.headers.get('content-security-policy')
  return policy === null ? {} : { 'content-security-policy': policy }
}

const TYPES = { '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.html': 'text/html', '.woff2': 'font/woff2' }
const typeOf = (file) => TYPES[path.extname(file)] ?? 'application/octet-stream'
