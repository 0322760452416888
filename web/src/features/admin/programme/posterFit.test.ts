import { expect, it } from 'vitest'
import { croppedShare } from './posterFit'

it('a picture of two to three is shown whole, as is one that is nearly so', () => {
  for (const [width, height] of [[400, 600], [2000, 3000], [410, 600], [0, 0]] as const) expect(croppedShare({ width, height })).toBeNull()
})
it('a wide picture loses its sides, a tall one its top and bottom', () => {
  expect(croppedShare({ width: 1600, height: 600 })).toEqual({ share: expect.closeTo(0.75), isWide: true })
  expect(croppedShare({ width: 600, height: 600 })).toEqual({ share: expect.closeTo(1 / 3), isWide: true })
  expect(croppedShare({ width: 300, height: 900 })).toEqual({ share: expect.closeTo(0.5), isWide: false })
})
