import assert from 'node:assert/strict'
import { test } from './support/fixtures.js'

const SCRIPT_BYTES_MAX = 120 * 1024

test('the first load has at most 120 KB of compressed script', async ({ come }) => {
  const visitor = await come({ language: 'th' })
  const sizes = []
  visitor.page.on('response', (response) => {
    if (response.request().resourceType() === 'script') {
      sizes.push(response.request().sizes().then(({ responseBodySize }) => ({ name: new URL(response.url()).pathname, bytes: responseBodySize })))
    }
  })
  await visitor.page.goto('/', { waitUntil: 'networkidle' })
  await visitor.page.locator('h2 a').first().waitFor()
  const scripts = await Promise.all(sizes)
  const total = scripts.reduce((sum, { bytes }) => sum + bytes, 0)
  console.log(`first load: ${scripts.length} scripts, ${(total / 1024).toFixed(1)} KiB compressed`)
  assert.ok(scripts.length > 0)
  assert.ok(total <= SCRIPT_BYTES_MAX, JSON.stringify(scripts))
})

test('the page uses the browser’s language, and a switched language survives a reload', async ({ come }) => {
  const visitor = await come({ language: 'th' })
  await visitor.go('/')
  await visitor.page.locator('html[lang=th]').waitFor()
  await visitor.settled()
  const thai = await visitor.page.locator('h1').innerText()
  await visitor.byId('language-en').click()
  await visitor.page.locator('html[lang=en]').waitFor()
  assert.notEqual(await visitor.page.locator('h1').innerText(), thai)
  await visitor.page.reload()
  await visitor.page.locator('html[lang=en]').waitFor()
})
