import { describe, expect, it } from 'vitest'
import type { MapFrame, LiveStatus, SeatChange } from './frames'
import { parseFrame } from './frames'
import { EMPTY_MAP, applyFrame, applyLoaded, type LiveMap } from './liveMap'

const GLYPHS: Record<string, LiveStatus> = { '.': 'AVAILABLE', l: 'LOCKED', B: 'BOOKED' }

/** Builds seat changes from text: `picture('.lB')` is A1 available, A2 locked, A3 booked. */
function picture(text: string): SeatChange[] {
  return [...text].map((glyph, index) => ({ id: `A${index + 1}`, status: GLYPHS[glyph]! }))
}

function draw(map: LiveMap, seats: number): string {
  if (map.kind === 'empty') return 'empty'
  const glyphOf = (status: LiveStatus) => (status === 'BOOKED' ? 'B' : status === 'LOCKED' ? 'l' : '.')
  const row = Array.from({ length: seats }, (_, index) => glyphOf(map.seats.get(`A${index + 1}`)?.status ?? 'AVAILABLE'))
  return `${row.join('')} @${map.seq}`
}

const at = (text: string, seq: number): LiveMap => applyFrame(EMPTY_MAP, { type: 'snapshot', seq, seats: picture(text) }).map
const locked = (prev: number, seq: number, id = 'A1'): MapFrame => ({
  type: 'changes',
  prev,
  seq,
  changes: [{ id, status: 'LOCKED', until: '2026-11-23T12:00:00Z' }],
})

function check(before: LiveMap, frame: MapFrame, after: string) {
  const step = applyFrame(before, frame)
  expect(`${draw(step.map, 4)} ${step.verdict}`).toBe(after)
}

describe('a changes frame', () => {
  it('a changes frame is applied when its prev equals the seq of the map', () => check(at('..B.', 41), locked(41, 57), 'l.B. @57 applied'))
  it('a changes frame is applied when its prev is smaller than the seq of the map', () => check(at('..B.', 41), locked(30, 57), 'l.B. @57 applied'))
  it('a changes frame is ignored when its seq equals the seq of the map', () => check(at('..B.', 57), locked(41, 57), '..B. @57 ignored'))
  it('a changes frame causes a reload when its prev is greater than the seq of the map', () => check(at('..B.', 40), locked(41, 57), '..B. @40 reload'))
  it('a changes frame causes a reload when its seq is smaller than the seq of the map', () => check(at('..B.', 90), locked(41, 57), '..B. @90 reload'))
  it('a changes frame before the first snapshot causes a reload', () => check(EMPTY_MAP, locked(41, 57), 'empty reload'))
  it('a changes frame can make a seat available', () => {
    const frame: MapFrame = { type: 'changes', prev: 5, seq: 6, changes: [{ id: 'A2', status: 'AVAILABLE' }] }
    check(at('.l..', 5), frame, '.... @6 applied')
  })
})

describe('a changes frame without changes', () => {
  it('a changes frame without changes advances the seq of the map, as when only a hold has changed', () => check(at('l...', 7), { type: 'changes', prev: 7, seq: 8, changes: [] }, 'l... @8 applied'))
})

describe('a snapshot', () => {
  it('a snapshot replaces the whole map, whatever its seq', () =>
    check(at('llll', 90), { type: 'snapshot', seq: 3, seats: picture('B...') }, 'B... @3 applied'))
  it('a snapshot reports the seats whose status differs, including those that are available again', () => {
    const { changed } = applyFrame(at('ll..', 1), { type: 'snapshot', seq: 2, seats: picture('lB..').slice(1, 2) })
    expect(changed).toEqual([
      { id: 'A2', status: 'BOOKED', before: 'LOCKED' },
      { id: 'A1', status: 'AVAILABLE', before: 'LOCKED' },
    ])
  })
  it('the first snapshot reports no changes', () =>
    expect(applyFrame(EMPTY_MAP, { type: 'snapshot', seq: 1, seats: picture('lB..') }).changed).toEqual([]))
})

describe('an alive frame', () => {
  it('an alive frame with the seq of the map changes nothing', () => check(at('l...', 7), { type: 'alive', seq: 7 }, 'l... @7 ignored'))
  it('an alive frame with a greater seq than the map causes a reload', () => check(at('l...', 7), { type: 'alive', seq: 8 }, 'l... @7 reload'))
  it('an alive frame with a smaller seq than the map causes a reload', () => check(at('l...', 7), { type: 'alive', seq: 6 }, 'l... @7 reload'))
})

describe('a GET answer', () => {
  it('a loaded seat map fills an empty map, and later frames apply to it', () => {
    const loaded = applyLoaded(EMPTY_MAP, 10, picture('.B..')).map
    check(loaded, locked(9, 11), 'lB.. @11 applied')
  })
  it('a loaded seat map never replaces a newer map', () => {
    expect(draw(applyLoaded(at('l...', 12), 10, picture('....')).map, 4)).toBe('l... @12')
  })
})

describe('random histories', () => {
  it('the map converges to the server’s with repeated frames and detects every lost frame, in random histories', () => {
    let seed = 7
    const random = () => (seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648) / 2_147_483_648
    for (let history = 0; history < 300; history++) {
      let server = at('....', 1)
      let client = server
      for (let step = 0; step < 20; step++) {
        const seq = server.kind === 'synced' ? server.seq : 0
        const id = `A${1 + Math.floor(random() * 4)}`
        const status = (['AVAILABLE', 'LOCKED', 'BOOKED'] as const)[Math.floor(random() * 3)]!
        const frame: MapFrame = { type: 'changes', prev: seq, seq: seq + 1 + Math.floor(random() * 5), changes: [{ id, status }] }
        server = applyFrame(server, frame).map
        if (random() < 0.2) continue
        let heard = applyFrame(client, frame)
        if (heard.verdict === 'reload' && server.kind === 'synced') {
          heard = applyFrame(client, { type: 'snapshot', seq: server.seq, seats: [...server.seats.values()] })
        }
        client = heard.map
        expect(draw(client, 4)).toBe(draw(server, 4))
        expect(applyFrame(client, frame).verdict).toBe('ignored')
      }
    }
  })
})

describe('parsing', () => {
  it('the parser accepts hold, payment, screening and snapshot frames', () => {
    expect(parseFrame('{"type":"hold","seq":5,"hold":{"seq":5,"seat_ids":["A1"],"seats":[]}}')?.type).toBe('hold')
    expect(parseFrame('{"type":"payment","id":"p","status":"SUCCEEDED"}')?.type).toBe('payment')
    expect(parseFrame('{"type":"screening","revision":8,"start_time":"2026-11-23T12:00:00Z","prices":{},"state":"ON_SALE"}')?.type).toBe('screening')
    expect(parseFrame('{"type":"snapshot","seq":1,"revision":3,"seats":[]}')).toEqual({ type: 'snapshot', seq: 1, revision: 3, seats: [] })
  })
  it('the parser accepts the three kinds of map frames', () => {
    expect(parseFrame('{"type":"alive","seq":57}')).toEqual({ type: 'alive', seq: 57 })
    expect(parseFrame('{"type":"snapshot","seq":1,"seats":[{"id":"A1","status":"LOCKED"}]}')?.type).toBe('snapshot')
    expect(parseFrame('{"type":"changes","prev":1,"seq":2,"changes":[]}')?.type).toBe('changes')
  })
  it.each(['', 'null', '[]', '{"type":"alive"}', '{"type":"new","seq":1}', '{"type":"snapshot","seq":1,"seats":[{"id":1}]}', '{"type":"hold","seq":1}', '{"type":"payment"}', '{"type":"screening","revision":1}', '{"type":"screening","revision":8,"start_time":"","prices":{},"state":"NEW"}'])(
    'returns null for the invalid or unknown frame: %s',
    (text) => expect(parseFrame(text)).toBeNull(),
  )
})
