import { existsSync, statSync } from 'node:fs'
import path from 'node:path'

/** The folder of a built page (`dist`) to test instead of the one in the binary, so that page changes need no new Rust build. */
const PAGE = process.env.SEATKEEPER_TEST_PAGE
/** Chromium blocks a WebSocket to the local machine from a document that was not loaded from the network. */
export const PAGE_FLAGS = PAGE ? ['--disable-features=LocalNetworkAccessChecks'] : []
/** Paths that the server must answer, not the folder of the page. Uploaded posters have no file extension. */
const OF_THE_PROGRAM = /^\/(api|demo-idp|docs|healthz|readyz|metrics|robots\.txt)(\/|$)|^\/posters\/[^./]+$/

/** Answers requests for the page's files from the folder `SEATKEEPER_TEST_PAGE`; all other requests go to the server. */
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

/** Playwright does not intercept redirected requests, so each redirect is turned into a separate navigation. */
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

/** Returns the server's Content-Security-Policy header, so that it also applies to a page from the folder. */
async function pageHeaders(url) {
  const answer = await fetch(url, { headers: { accept: 'text/html' } })
  const policy = answer.headers.get('content-security-policy')
  return policy === null ? {} : { 'content-security-policy': policy }
}

const TYPES = { '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.html': 'text/html', '.woff2': 'font/woff2' }
const typeOf = (file) => TYPES[path.extname(file)] ?? 'application/octet-stream'
