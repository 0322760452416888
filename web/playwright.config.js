import { defineConfig } from '@playwright/test'
import { PAGE_FLAGS } from './e2e/support/page.js'

const FLAGS = '--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync'
const ACTION_MS_MAX = 15_000
/** The timeout of one test, which opens up to 30 pages on a machine that may be busy with other tests. */
const TEST_MS_MAX = 600_000

export default defineConfig({
  testDir: 'e2e',
  testMatch: '*.e2e.js',
  // Playwright empties this folder before each run; the screenshots in the parent folder stay.
  outputDir: 'test-results/failures',
  timeout: TEST_MS_MAX,
  workers: 2,
  forbidOnly: true,
  reporter: 'list',
  use: {
    launchOptions: { executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: [...FLAGS.split(' '), ...PAGE_FLAGS] },
    actionTimeout: ACTION_MS_MAX,
    navigationTimeout: ACTION_MS_MAX,
    // Recording every step makes the tests take about twice as long, so traces are opt-in.
    trace: process.env.SEATKEEPER_TEST_TRACE ? 'retain-on-failure' : 'off',
  },
})
