import assert from 'node:assert/strict'
import { test as base } from '@playwright/test'
import { Server } from './server.js'
import { Visitor } from './visitor.js'

export const test = base.extend({
  /** More flags of the program, for all tests of a file. */
  serverFlags: [[], { option: true }],

  /** A worker runs one file after the other and starts a new program at the first test of each. */
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

  /** The program with the demo cinema, which all tests of a file share. */
  server: async ({ serverOfFile, serverFlags }, use, { titlePath: [file] }) => use(await serverOfFile(file, serverFlags)),

  /**
   * Opens a browser context for another person. At the end of the test, or of the hook, it fails when a request went to another
   * site or the console had an error or warning that the person does not tolerate.
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
