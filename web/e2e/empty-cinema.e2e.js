import assert from 'node:assert/strict'
import { test } from './support/fixtures.js'
import { DESKTOP, SMALL_PHONE } from './support/visitor.js'

test.use({ serverFlags: ['--demo=off'] })

test('an empty cinema tells visitors that nothing is on, and leads its administrator from the sign-in to the first showing', async ({ come }) => {
  const owner = await come()
  const { page } = owner
  await owner.go('/')
  await owner.sees('empty-programme')
  assert.equal(await page.getByRole('group', { name: 'Day' }).count(), 0, 'there are no days to choose')
  await owner.picture('empty-guest')
  await owner.byId('set-up').click()
  await owner.signInByHand('owner@example.test')
  await owner.sees('first-hall')
  assert.equal(new URL(page.url()).pathname, '/')
  await owner.picture('empty-administrator')

  // A guest is offered to sign in. A signed-in person without the role ADMIN is offered nothing.
  for (const [screen, language] of [[DESKTOP, 'en'], [SMALL_PHONE, 'th']]) {
    const visitor = await come({ screen, language, keepsLanguage: true, theme: 'light' })
    await visitor.go('/')
    await visitor.sees('set-up')
    await visitor.picture(`empty-guest-${language}-${screen.viewport.width}`)
    await visitor.signInQuietly('ann@example.test')
    await visitor.go('/')
    await visitor.sees('empty-programme')
    await visitor.sees('account-menu')
    assert.equal(await visitor.byId('set-up').count() + (await visitor.byId('first-steps').count()), 0)
  }

  // The list of showings also links to the form of the first hall, because a showing needs a hall and a film.
  await owner.go('/admin/screenings')
  await owner.byId('first-hall').click()
  await page.waitForURL('**/admin/halls?new=1')
  await owner.byId('field-name').fill('The First Hall')
  await owner.byId('save').click()
  await owner.gone('save')
  await owner.go('/')
  await owner.byId('first-film').click()
  await owner.byId('field-title').fill('The First Film')
  await owner.byId('save').click()
  await owner.gone('save')
  await owner.go('/')
  await owner.picture('empty-steps')
  await owner.byId('first-showing').click()
  assert.equal(await owner.byId('price-standard').inputValue(), '200')
  await page.getByText('No showing has had this category yet').waitFor()
  await owner.byId('save').click()
  await owner.gone('save')
  await owner.go('/')
  await page.locator('article', { hasText: 'The First Film' }).waitFor()
  assert.equal(await owner.byId('first-steps').count(), 0)
})
