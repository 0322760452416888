// @vitest-environment node
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import auditEn from '@/i18n/audit.en'
import auditTh from '@/i18n/audit.th'
import { WORKERS, placeWords } from './systemPlaces'

const CRATES = new URL('../../../../../crates/', import.meta.url)
const read = (file: string) => readFileSync(new URL(file, CRATES), 'utf8')
const FOLDER = 'seatkeeper/src/workers/'
const workers = readdirSync(new URL(FOLDER, CRATES)).filter((file) => file.endsWith('.rs') && !file.endsWith('_tests.rs')).map((file) => read(FOLDER + file))
const named = workers.flatMap((source) => [...source.matchAll(/fn name\(&self\) -> &'static str \{\s*(.+?)\s*\}/g)].map((match) => match[1]!))
const consumers = [...read('core/src/ports/event_log.rs').matchAll(/#\[strum\(serialize = "([^"]+)"\)\]/g)].map((match) => match[1]!)

describe('the words for the places of system errors', () => {
  it('are of every worker of the server, and of no other', () => {
    // One worker reads events for each consumer, and has its name.
    expect(named).toContain('self.consumer.into()')
    const own = named.filter((name) => name.startsWith('"')).map((name) => name.slice(1, -1))
    expect(own).toHaveLength(named.length - 1)
    expect(consumers.length).toBeGreaterThan(1)
    expect(Object.keys(WORKERS).sort()).toEqual([...own, ...consumers].sort())
  })

  it('exist in both languages', () => {
    const places = [...Object.keys(WORKERS), 'payment p1', 'outbox 1', 'events 1', 'GET page']
    for (const { admin } of [auditEn, auditTh]) {
      for (const place of places) expect(admin.worker, place).toHaveProperty(placeWords(place)!.key.slice('admin.worker.'.length))
    }
  })

  it.each([
    ['core/src/box_office/settling.rs', 'format!("payment {}", payment.id)', 'payment 01890a5d', 'payment', '01890a5d'],
    ['embedded/src/sqlite/unreadable.rs', 'Self::Outbox => "outbox"', 'outbox 17', 'outbox', '17'],
    ['embedded/src/sqlite/unreadable.rs', 'Self::Log => "events"', 'events 18', 'event_log', '18'],
    ['cluster/src/mongo/schema.rs', 'OUTBOX: &str = "outbox"', 'outbox 01890a5d', 'outbox', '01890a5d'],
    ['cluster/src/mongo/schema.rs', ' EVENTS: &str = "events"', 'events 01890a5d', 'event_log', '01890a5d'],
    ['cluster/src/kafka/settings.rs', '"{}booking_events"', 'cinema.booking_events 0/17', 'event_log', '0/17'],
    ['api/src/front_door.rs', 'map_or("page", ', 'GET page', 'page', ''],
  ])('%s still contains %s', (file, source, place, name, id) => {
    expect(read(file)).toContain(source)
    expect(placeWords(place)).toEqual({ key: `admin.worker.${name}`, id })
  })

  it('are none for requests, and for a worker of a newer server', () => {
    for (const place of ['GET /api/movies', 'toString', 'of a newer server', '']) expect(placeWords(place)).toBeNull()
  })
})
