import { after } from 'node:test'
import { closeBrowser } from './browser.js'
import { Server } from './server.js'

/** Starts one server for all tests of a file; it is removed, and the browser closed, after the last of them. */
export async function serverForTests() {
  const server = await Server.start()
  after(async () => {
    await closeBrowser()
    await server.remove()
  })
  return server
}
