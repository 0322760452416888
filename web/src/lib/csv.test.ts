import { expect, it } from 'vitest'
import { toCsv } from './csv'

it('quotes what must be quoted and disarms formulas, but not numbers', () => {
  expect(toCsv([['a,b', 'say "hi"', '=1+1', -3]])).toBe('\ufeff"a,b","say ""hi""",\'=1+1,-3\r\n')
})
