import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import AxeBuilder from '@axe-core/playwright'
import { expect, test } from '@playwright/test'
import { PHONE } from './support/visitor.js'

/** The stored snapshots of the mails, which the tests of the program compare with what it sends. */
const SNAPSHOTS = new URL('../../crates/seatkeeper/src/mail/golden/', import.meta.url)

test.use({ ...PHONE })

for (const [language, heading] of [
  ['en', 'Your seats are booked'],
  ['th', 'จองที่นั่งเรียบร้อยแล้ว'],
]) {
  test(`the mail in ${language} has a main landmark, a heading and its subject as label, and axe finds no violation`, async ({ page }) => {
    await page.setContent(await readFile(new URL(`confirmation.${language}.html`, SNAPSHOTS), 'utf8'))
    await expect(page.getByRole('main').getByRole('heading', { level: 1 })).toHaveText(heading)
    await expect(page.locator('html')).toHaveAttribute('lang', language)
    await expect(page.getByRole('article')).toHaveAttribute('aria-label', await page.title())
    const { violations } = await new AxeBuilder({ page }).setLegacyMode(true).analyze()
    assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.target.join(' ')).join(', ')}`), [])
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
    assert.ok(wide <= 0, `scrolls ${wide} px sideways`)
    await page.screenshot({ path: `test-results/mail-${language}.png`, fullPage: true })
  })
}
