import assert from 'node:assert/strict'
import { test as base } from './support/fixtures.js'
import { IdentityProvider, signInAtProvider } from './support/provider.js'
import { Server } from './support/server.js'

/** The pages of the provider's package load a font of this site. */
const FONTS = 'fonts.googleapis.com'

const test = base.extend({
  provider: async ({}, use) => {
    const provider = await IdentityProvider.listen()
    await use(provider)
    await provider.close()
  },
  server: async ({ provider }, use) => {
    const server = await Server.start(...(await provider.flags()))
    provider.serve(server.url)
    await use(server)
    await server.remove()
  },
})

/** A visitor who also opens the provider's pages. */
async function comeAlsoTo(provider, come, options = {}) {
  const visitor = await come({ alsoVisits: [provider.host, FONTS], tolerate: /ERR_(FAILED|NAME_NOT_RESOLVED|INTERNET_DISCONNECTED)/, ...options })
  await visitor.context.route(`https://${FONTS}/**`, (route) => route.abort())
  return visitor
}

test('sign-in works with a provider whose claims are only in UserInfo, and the first person becomes the administrator', async ({ server, provider, come }) => {
  for (const [account, role] of [['owner', 'ADMIN'], ['ann', 'USER']]) {
    const visitor = await comeAlsoTo(provider, come)
    await visitor.go('/sign-in?return_to=/bookings')
    await visitor.press(visitor.byId('sign-in'))
    await signInAtProvider(visitor, account)
    await visitor.page.waitForURL(`${server.url}/bookings`)
    await visitor.sees('account-menu')
    const me = await (await visitor.context.request.get('/api/auth/me')).json()
    assert.deepEqual([me.name, me.email, me.role], [`The ${account}`, `${account}@example.test`, role])
  }
})

test('a person who cancels at the provider comes back to the sign-in page, which says so', async ({ provider, come }) => {
  const visitor = await comeAlsoTo(provider, come)
  await visitor.go('/sign-in')
  await visitor.press(visitor.byId('sign-in'))
  await visitor.page.getByText('[ Cancel ]').click()
  await visitor.page.getByRole('alert').getByText('You did not allow it').waitFor()
})

test('the sign-in page says that the provider cannot be reached and offers to retry', async ({ server, provider, come }) => {
  const visitor = await comeAlsoTo(provider, come)
  await provider.close()
  await visitor.go('/sign-in?return_to=/bookings')
  await visitor.press(visitor.byId('sign-in'))
  await visitor.page.waitForURL(`${server.url}/sign-in?error=temporarily_unavailable*`)
  await visitor.page.getByRole('alert').getByText('The sign-in service cannot be reached').waitFor()
  await visitor.byId('sign-in').getByText('Try again').waitFor()
  await visitor.press(visitor.byId('sign-in'))
  await visitor.page.getByRole('alert').getByText('The sign-in service cannot be reached').waitFor()
})

test('the sign-in page promises to keep seats only when some are chosen', async ({ provider, come }) => {
  const visitor = await comeAlsoTo(provider, come)
  const promise = visitor.page.getByText('You keep your seats')
  await visitor.go('/sign-in?return_to=/screenings/1?seats=A1,A2')
  await promise.waitFor()
  await visitor.go('/sign-in?return_to=/bookings')
  await visitor.sees('sign-in')
  assert.equal(await promise.count(), 0)
})
