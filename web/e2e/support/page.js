import { existsSync, statSync } from 'node:fs'
import path from 'node:path'

/** A built page (`dist`) to test instead of the embedded one, so that a change of the page needs no new build of the program. */
const PAGE = process.env.SEATKEEPER_TEST_PAGE
/** Chromium blocks a WebSocket to the local machine from a document that was not loaded from the network. */
export const PAGE_FLAGS = PAGE ? ['--disable-features=LocalNetworkAccessChecks'] : []
/** Paths that only the program can answer. Uploaded posters have no extension. */
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

/** Playwright does not intercept redirected requests, so each redirect after a sign-in becomes a navigation of its own. */
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

/** Applies the server's Content-Security-Policy to this page too. */
async function pageHeaders(url) {
  const answer = await fetch(url, { headers: { accept: 'text/html' } })
  const policy = answer.headers.get('content-security-policy')
  return policy === null ? {} : { 'content-security-policy': policy }
}

const TYPES = { '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.html': 'text/html', '.woff2': 'font/woff2' }
const typeOf = (file) => TYPES[path.extname(file)] ?? 'application/octet-stream'
