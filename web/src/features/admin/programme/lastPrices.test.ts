import { expect, it } from 'vitest'
import type { AdminScreening } from '@/api/types'
import { lastPrices } from './lastPrices'

const showing = (hall: string, start: string, prices: Record<string, number>) =>
  ({
    hall_id: hall,
    start_time: start,
    prices: Object.fromEntries(Object.entries(prices).map(([category, amount]) => [category, { amount, currency: 'THB' }])),
  }) as AdminScreening
const SCREENINGS = [
  showing('one', '2026-11-24T12:00:00.000Z', { standard: 220_00, sofa: 500_00 }),
  showing('one', '2026-11-25T12:00:00Z', { standard: 240_00 }),
  showing('two', '2026-11-26T12:00:00Z', { standard: 300_00, sofa: 600_00, vip: 900_00 }),
  showing('one', '2026-11-23T12:00:00Z', { standard: 200_00, sofa: 450_00 }),
]
const amounts = (hall: string, categories: string[]) =>
  [...lastPrices(SCREENINGS, hall, categories)].map(([category, { price, isSameHall }]) => `${category} ${price.amount / 100}${isSameHall ? '' : ' elsewhere'}`)

it('a price is that of the newest showing in the hall that has the category', () =>
  expect(amounts('one', ['standard', 'sofa'])).toEqual(['standard 240', 'sofa 500']))
it('a category that is new in the hall has the newest price of another hall', () => expect(amounts('one', ['vip'])).toEqual(['vip 900 elsewhere']))
it('a hall without showings takes the prices of other halls', () => expect(amounts('new', ['standard', 'sofa'])).toEqual(['standard 300 elsewhere', 'sofa 600 elsewhere']))
it('a category without any showing has no last price', () => expect(amounts('one', ['balcony'])).toEqual([]))
