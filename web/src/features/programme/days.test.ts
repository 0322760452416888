import { describe, expect, it } from 'vitest'
import { dayOf } from '@/lib/time'
import { daysWithScreenings, nextDays, screeningsOn, upcoming } from './days'

const ZONE = 'Asia/Bangkok'
const film = {
  screenings: [
    { id: 'late', start_time: '2026-11-23T16:30:00Z' },
    { id: 'after midnight', start_time: '2026-11-23T17:10:00Z' },
    { id: 'early', start_time: '2026-11-23T04:00:00Z' },
  ],
}

describe('days of the programme', () => {
  it('the days begin with today in the time zone of the cinema and continue across the end of a month', () => {
    expect(nextDays(dayOf(Date.parse('2026-11-27T18:00:00Z'), ZONE))).toEqual([
      '2026-11-28', '2026-11-29', '2026-11-30', '2026-12-01', '2026-12-02', '2026-12-03', '2026-12-04',
    ])
  })
  it('a screening that has started is not offered', () => {
    const ids = (now: string) => upcoming([film], Date.parse(now)).flatMap(({ screenings }) => screenings.map(({ id }) => id))
    expect(ids('2026-11-23T16:29:59Z')).toEqual(['late', 'after midnight'])
    expect(ids('2026-11-23T16:30:00Z')).toEqual(['after midnight'])
  })
  it('a day contains the screenings that start on it, sorted by time', () => {
    expect(screeningsOn(film, '2026-11-23', ZONE).map((s) => s.id)).toEqual(['early', 'late'])
    expect(screeningsOn(film, '2026-11-24', ZONE).map((s) => s.id)).toEqual(['after midnight'])
    expect([...daysWithScreenings([film], ZONE)]).toEqual(['2026-11-23', '2026-11-24'])
  })
})
