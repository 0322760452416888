import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import Provider from 'oidc-provider'

const CLIENT = { client_id: 'cinema', client_secret: 'a-secret-of-this-test' }
/** The claims of each scope. Only these are set; whatever else the package does by default stays. */
const CLAIMS = { email: ['email', 'email_verified'], profile: ['name', 'picture', 'updated_at'] }

/**
 * An identity provider: the npm package `oidc-provider` with its default configuration, in which ID tokens have no claims of
 * the scopes and UserInfo has them.
 */
export class IdentityProvider {
  #http
  #folder
  #answer = null
  /** The issuer, and the origin of its pages. */
  issuer = ''

  /** Listens on a free port. The provider answers after `serve`. */
  static async listen() {
    const provider = new IdentityProvider()
    provider.#http = createServer((request, response) => provider.#answer?.(request, response))
    provider.#http.listen(0, '127.0.0.1')
    await once(provider.#http, 'listening')
    provider.issuer = `http://127.0.0.1:${provider.#http.address().port}`
    provider.#folder = await mkdtemp(path.join(tmpdir(), 'seatkeeper-provider-'))
    return provider
  }

  get host() {
    return new URL(this.issuer).host
  }

  /** Command-line flags of a Seatkeeper server that signs people in with this provider. The secret has no flag. */
  async flags() {
    const settings = path.join(this.#folder, 'seatkeeper.toml')
    await writeFile(settings, `google_client_secret = "${CLIENT.client_secret}"\n`)
    return [`--config=${settings}`, `--oidc-issuer=${this.issuer}`, `--google-client-id=${CLIENT.client_id}`, '--allow-test-payments']
  }

  /** Registers the site as a client. Accounts are whatever people type; their addresses are verified. */
  serve(site) {
    const clients = [{ ...CLIENT, redirect_uris: [`${site}/api/auth/google/callback`] }]
    const findAccount = (_, accountId) => ({
      accountId,
      claims: () => ({ sub: accountId, email: `${accountId}@example.test`, email_verified: true, name: `The ${accountId}`, updated_at: 1_700_000_000 }),
    })
    this.#answer = new Provider(this.issuer, { clients, claims: CLAIMS, findAccount }).callback()
  }

  async close() {
    if (this.#http.listening) {
      this.#http.close()
      this.#http.closeAllConnections()
      await once(this.#http, 'close')
    }
    await rm(this.#folder, { recursive: true, force: true })
  }
}

/** Signs in on the provider's own pages: first the account, then the consent. */
export async function signInAtProvider({ page }, account) {
  await page.locator('input[name="login"]').fill(account)
  await page.locator('input[name="password"]').fill('any')
  await page.locator('button[type="submit"]').click()
  await page.locator('input[name="prompt"][value="consent"]').waitFor({ state: 'attached' })
  await page.locator('button[type="submit"]').click()
}
