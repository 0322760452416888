import { expect, it } from 'vitest'
import { toCsv } from './csv'

it('the CSV export quotes special characters and escapes formulas, but not negative numbers', () => {
  expect(toCsv([['a,b', 'say "hi"', '=1+1', -3]])).toBe('\ufeff"a,b","say ""hi""",\'=1+1,-3\r\n')
})
