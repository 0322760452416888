import { expect, it } from 'vitest'
import { toCsv } from './csv'

it('the CSV export quotes special characters and escapes formulas, but not negative numbers', () => {
  expect(toCsv([['a,b', 'say "hi"', '=1+1', -3]])).toBe('\ufeff"a,b","say ""hi""",\'=1+1,-3\r\n')
})

it.each(['=1', '+1', '-1', '@a', '\t1', '＝1', '＋1', '－1', '＠a', ' =1', '\u3000＝1'])('the CSV export escapes the formula %j', (text) => {
  expect(toCsv([[text]])).toBe(`\ufeff'${text}\r\n`)
})

it('the CSV export escapes text that begins with a line break', () => {
  expect(toCsv([['\n=1', '\r1']])).toBe('\ufeff"\'\n=1","\'\r1"\r\n')
})
