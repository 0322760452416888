import { describe, expect, it } from 'vitest'
import page from '../../index.html?raw'
import palette from './palette.css?raw'
import tokens from './tokens.css?raw'

/** WCAG AA: text, and the edges of controls and parts of drawings that carry meaning. */
const TEXT_MIN = 4.5
const EDGE_MIN = 3

const read = (css: string) => new Map([...css.matchAll(/--([\w-]+):\s*([^;]+);/g)].map((match) => [match[1]!, match[2]!.trim()]))
const raw = read(palette)
const [dark, light] = tokens.split('@layer theme').map(read) as [Map<string, string>, Map<string, string>]

type Rgb = [number, number, number]
function colour(theme: string, token: string): Rgb {
  const value = (theme === 'light' ? light.get(`color-${token}`) : undefined) ?? dark.get(`color-${token}`)
  const hex = raw.get(/^var\(--([\w-]+)\)$/.exec(value ?? '')?.[1] ?? '')
  if (hex === undefined) throw new Error(`${theme}: ${token} is ${value}`)
  return [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16)) as Rgb
}
const mix = (one: Rgb, other: Rgb, share: number) => one.map((value, at) => value * share + other[at]! * (1 - share)) as Rgb

function luminance(rgb: Rgb): number {
  const [r, g, b] = rgb.map((value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4)) as Rgb
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}
function contrast(one: Rgb, other: Rgb): number {
  const [darker, lighter] = [luminance(one), luminance(other)].sort((a, b) => a - b) as [number, number]
  return (lighter + 0.05) / (darker + 0.05)
}

const GROUNDS = ['page', 'page-deep', 'surface', 'raised', 'hover']
const CATEGORIES = ['seat-standard', 'seat-premium', 'seat-sofa', 'seat-other']
const cross = (fronts: string[], backs: string[]) => fronts.flatMap((front) => backs.map((back) => [front, back] as const))
const TEXTS = [
  ...cross(['ink', 'ink-soft', 'ink-faint', 'accent-text', 'danger', 'good'], GROUNDS),
  ...cross(['ink', 'ink-soft'], ['danger-soft', 'good-soft']),
  ...cross(['danger'], ['danger-soft']),
  ...cross(['good'], ['good-soft']),
  ...cross(['on-accent'], ['accent', 'accent-strong']),
  ...cross(['on-danger'], ['danger-fill']),
  ...cross(['seat-mine-ink'], ['seat-mine']),
  ...cross(['seat-locked-ink'], ['seat-locked']),
]
const EDGES = [
  ...cross(['line-strong', 'focus'], ['page', 'surface', 'raised']),
  ...cross([...CATEGORIES, 'seat-mine-edge', 'seat-locked-edge', 'seat-booked-edge', 'seat-unavailable-edge'], ['page', 'surface']),
  ...cross(CATEGORIES, ['seat-fill']),
  ...cross(['seat-booked-ink'], ['seat-booked']),
  ...cross(['accent-text'], ['line']),
  ...cross(['1', '2', '3', '4', '5', '6', '7', '8'].map((n) => `chart-${n}`), ['surface']),
]

describe.each(['dark', 'light'])('in the %s theme', (theme) => {
  const tooLow = (pairs: (readonly [string, string])[], least: number) =>
    pairs
      .map(([front, back]) => ({ pair: `${front} on ${back}`, ratio: contrast(colour(theme, front), colour(theme, back)) }))
      .filter(({ ratio }) => ratio < least)
      .map(({ pair, ratio }) => `${pair}: ${ratio.toFixed(2)}`)

  it('every text has enough contrast', () => expect(tooLow(TEXTS, TEXT_MIN)).toEqual([]))
  it('every edge and drawing that carries meaning has enough contrast', () => expect(tooLow(EDGES, EDGE_MIN)).toEqual([]))
  it('the number of a free seat has enough contrast on the tint of its category', () => {
    for (const category of CATEGORIES) {
      const tint = mix(colour(theme, category), colour(theme, 'seat-fill'), 0.14)
      expect(contrast(colour(theme, 'seat-number'), tint), category).toBeGreaterThan(TEXT_MIN)
    }
  })
  it('the bars around the page on a phone have the colour of the page', () => {
    const meta = new RegExp(`data-theme="${theme}" media="\\(prefers-color-scheme: ${theme}\\)" content="(#\\w{6})"`).exec(page)
    expect(meta?.[1]).toBe(`#${colour(theme, 'page').map((value) => value.toString(16).padStart(2, '0')).join('')}`)
  })
})

it('a hex colour stands only in the palette', () => {
  const sources = import.meta.glob(['../**/*.{vue,ts,css}', '!../**/*.test.ts', '!./palette.css'], { query: '?raw', import: 'default', eager: true }) as Record<string, string>
  expect(Object.keys(sources).length).toBeGreaterThan(50)
  expect(Object.entries(sources).filter(([, text]) => /#[\da-f]{3,8}\b/i.test(text.replace(/&#\w+;|href="#\w+"|id="#\w+"/g, ''))).map(([name]) => name)).toEqual([])
})
