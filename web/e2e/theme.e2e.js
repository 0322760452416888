import assert from 'node:assert/strict'
import { isDeepStrictEqual } from 'node:util'
import { test } from './support/fixtures.js'
import { DESKTOP, SMALL_PHONE } from './support/visitor.js'
import { waitFor } from './support/wait.js'

/** Forgets the theme that the test support has stored, so that this is a first visit. */
async function firstVisit(visitor) {
  await visitor.go('/')
  await visitor.page.evaluate(() => localStorage.removeItem('theme'))
  await visitor.page.reload()
  await visitor.settled()
}

/** Waits until the page shows this theme, because a transition of the colours may still run. */
async function looks(visitor, wanted) {
  let last
  await waitFor(async () => isDeepStrictEqual((last = await look(visitor)), wanted), 'the theme', 5_000).catch(() => assert.deepEqual(last, wanted))
}

/** What a person sees of the theme: brightness of page and controls, and the colour of the bars around the page. */
const look = (visitor) =>
  visitor.page.evaluate(() => {
    const { backgroundColor, colorScheme } = getComputedStyle(document.documentElement)
    const isLight = backgroundColor.match(/\d+/g).every((value) => Number(value) > 128)
    const bars = [...document.querySelectorAll('meta[name="theme-color"]')].filter((meta) => matchMedia(meta.media).matches)
    const probe = document.createElement('i')
    probe.style.color = bars.map((meta) => meta.content).join()
    document.body.append(probe)
    const bar = getComputedStyle(probe).color
    probe.remove()
    return { isLight, colorScheme, barIsPage: bar === backgroundColor, bars: bars.length }
  })

test('the theme is the device’s until the person chooses one, which survives a reload and a change of the device', async ({ come }) => {
  const visitor = await come({ colorScheme: 'light' })
  await firstVisit(visitor)
  const light = { isLight: true, barIsPage: true, bars: 1 }
  const dark = { ...light, isLight: false }
  await visitor.sees('theme', { 'data-theme-choice': 'auto' })
  await looks(visitor, { ...light, colorScheme: 'light dark' })
  await visitor.page.emulateMedia({ colorScheme: 'dark' })
  await looks(visitor, { ...dark, colorScheme: 'light dark' })

  await visitor.byId('theme').click()
  await visitor.sees('theme', { 'data-theme-choice': 'light' })
  await looks(visitor, { ...light, colorScheme: 'light' })
  await visitor.page.reload()
  await visitor.sees('theme', { 'data-theme-choice': 'light' })
  await looks(visitor, { ...light, colorScheme: 'light' })
  await visitor.byId('theme').click()
  await visitor.page.emulateMedia({ colorScheme: 'light' })
  await visitor.page.reload()
  await visitor.sees('theme', { 'data-theme-choice': 'dark' })
  await looks(visitor, { ...dark, colorScheme: 'dark' })
  await visitor.byId('theme').click()
  await visitor.sees('theme', { 'data-theme-choice': 'auto' })
  await looks(visitor, { ...light, colorScheme: 'light dark' })
})

test('no frame of a load is in another theme than the chosen one', async ({ come }) => {
  for (const [colorScheme, theme] of [['dark', 'light'], ['light', 'dark'], ['light', null], ['dark', null]]) {
    const visitor = await come({ colorScheme })
    await firstVisit(visitor)
    if (theme !== null) await visitor.page.evaluate((name) => localStorage.setItem('theme', name), theme)
    // Records the background of every frame from the first one on, with the canvas colour while no style sheet is there.
    await visitor.context.addInitScript(() => {
      window.frames_seen = []
      const see = () => {
        const page = document.documentElement
        if (page && document.body) {
          const { backgroundColor, colorScheme } = getComputedStyle(page)
          window.frames_seen.push(backgroundColor === 'rgba(0, 0, 0, 0)' ? colorScheme : backgroundColor)
        }
        requestAnimationFrame(see)
      }
      requestAnimationFrame(see)
    })
    await visitor.page.reload()
    await visitor.settled()
    const seen = await visitor.page.evaluate(() => [...new Set(window.frames_seen)])
    const isLight = (theme ?? colorScheme) === 'light'
    const wrong = seen.filter((colour) => /^rgb/.test(colour) && colour.match(/\d+/g).every((value) => Number(value) > 128) !== isLight)
    assert.ok(seen.length > 0)
    assert.deepEqual(wrong, [], `${colorScheme} device, ${theme}`)
  }
})

test('the cinema’s name is in the header of every screen, and the theme can be changed on each', async ({ server, come }) => {
  const { name } = await server.get('/api/site')
  for (const screen of [SMALL_PHONE, DESKTOP])
    for (const language of ['en', 'th']) {
      const visitor = await come({ screen, language })
      await visitor.go('/')
      await visitor.settled()
      const shown = visitor.page.locator('header').getByText(name, { exact: true })
      const box = await shown.boundingBox()
      assert.ok(box !== null && box.width > 60 && box.y < 64, JSON.stringify(box))
      assert.equal(await visitor.byId('theme').count(), 1)
      await visitor.press(visitor.byId('theme'))
      await visitor.sees('theme', { 'data-theme-choice': 'auto' })
      await visitor.page.evaluate(() => scrollTo(0, 0))
      await visitor.picture(`header-${screen.viewport.width}-${language}`)
    }
})
