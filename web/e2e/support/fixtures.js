import assert from 'node:assert/strict'
import { test as base } from '@playwright/test'
import { Server } from './server.js'
import { Visitor } from './visitor.js'

export const test = base.extend({
  /** Extra command-line flags for the Seatkeeper server, set by a test file for all its tests. */
  serverFlags: [[], { option: true }],

  /** Starts a new server for each test file: a Playwright worker runs one file after the other. */
  serverOfFile: [
    async ({}, use) => {
      let current = null
      await use(async (file, flags) => {
        if (current?.file !== file) {
          await current?.server.remove()
          current = { file, server: await Server.start(...flags) }
        }
        return current.server
      })
      await current?.server.remove()
    },
    { scope: 'worker' },
  ],

  /** The Seatkeeper server with the demo cinema (unless `serverFlags` turn it off), shared by all tests of a file. */
  server: async ({ serverOfFile, serverFlags }, use, { titlePath: [file] }) => use(await serverOfFile(file, serverFlags)),

  /**
   * Opens a new browser context, which stands for a person or device. The test fails at its end if any request went to another
   * site (except the hosts in `alsoVisits`), or if the console had an error or warning that the option `tolerate` does not match.
   * With `isStrict` the errors of ordinary refusals, such as 401, count as well.
   */
  come: async ({ browser, server }, use) => {
    const visitors = []
    await use(async (options) => {
      const visitor = await Visitor.come(browser, server.url, options)
      visitors.push(visitor)
      return visitor
    })
    for (const { context } of visitors) await context.close()
    assert.deepEqual(visitors.flatMap(({ complaints }) => complaints), [])
  },
})
