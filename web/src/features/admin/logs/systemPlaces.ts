/**
 * Where a system error can have occurred besides a request, as the server writes it, and the keys of the page's words for it
 * in `admin.worker`: the workers, whose names a test compares with the server's source.
 */
export const WORKERS: Record<string, string> = {
  'mail sender': 'mail_sender',
  'seatkeeper-mail': 'mail_consumer',
  'seatkeeper-audit': 'audit_consumer',
  programme: 'programme',
  clock: 'clock',
  maps: 'maps',
  sessions: 'sessions',
  audit: 'audit',
  relay: 'relay',
  releases: 'releases',
  lag: 'lag',
  reconciler: 'reconciler',
  sweeper: 'sweeper',
}

/** Places that contain an id, such as `payment 01890a5d-…`, a stored event such as `outbox 17`, and a request of a page. */
const WITH_ID: readonly [RegExp, string][] = [
  [/^payment (?<id>\S+)$/, 'payment'],
  [/^outbox (?<id>\S+)$/, 'outbox'],
  // The event log is a table or collection, or a topic of Kafka, whose prefix is a setting.
  [/^(?:events|\S*booking_events) (?<id>\S+)$/, 'event_log'],
  [/^[A-Z]+ page$/, 'page'],
]

/** Returns the key and the id of the words for a place; null for one without words, such as `GET /api/movies`. */
export function placeWords(place: string): { key: string; id: string } | null {
  if (Object.hasOwn(WORKERS, place)) return { key: `admin.worker.${WORKERS[place]}`, id: '' }
  for (const [pattern, name] of WITH_ID) {
    const found = pattern.exec(place)
    if (found !== null) return { key: `admin.worker.${name}`, id: found.groups?.id ?? '' }
  }
  return null
}
