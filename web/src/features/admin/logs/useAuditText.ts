import { useI18n } from 'vue-i18n'
import type { components } from '@/api/schema'
import { useFieldErrors } from '@/i18n/useFieldErrors'
import { useFormat } from '@/i18n/useFormat'
import { inLanguage } from '@/lib/language'
import type { Money } from '@/lib/money'
import { placeWords } from './systemPlaces'

type Entry = components['schemas']['AuditEntry']
type Fields = Record<string, unknown>
interface Change {
  field: string
  old: unknown
  new: unknown
  /** The Thai names of a film or hall, beside those in `old` and `new`. Entries of earlier versions have none. */
  old_th?: unknown
  new_th?: unknown
}

/** An entry of the audit log in words: what happened, to what, and its details line by line. */
export interface AuditText {
  title: string
  about: string
  lines: string[]
}

const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)
const isMoney = (value: unknown): value is Money => isObject(value) && typeof value.amount === 'number' && typeof value.currency === 'string'
const isNothing = (value: unknown) => value === null || value === undefined || value === '' || (Array.isArray(value) && value.length === 0)
const textOf = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null)

/** Writes entries of the audit log in the page's language, with names, amounts and times as people read them. */
export function useAuditText() {
  const { t, te, locale } = useI18n()
  const format = useFormat()
  const { nameOf } = useFieldErrors()
  const known = (key: string, other: string) => (te(key) ? t(key) : other)

  /** A single value in words. Values that the page has no word for, such as names, are shown as they were entered. */
  function wordOf(field: string, value: string): string {
    switch (field) {
      case 'genres':
        return format.genre(value)
      case 'categories':
        return format.category(value)
      case 'rating':
        return format.rating(value)
      case 'start_time':
        return format.dateTime(value)
      case 'role':
        return known(`admin.role.${value}`, value)
      case 'issuer':
        return known(`admin.issuer.${value}`, value)
      case 'code':
        return known(`problem.${value}`, value)
      default:
        return value
    }
  }

  function show(field: string, value: unknown): string {
    if (isNothing(value)) return t('admin.nothing')
    if (isMoney(value)) return format.money(value)
    if (Array.isArray(value)) return value.map((item) => wordOf(field, String(item))).join(', ')
    return typeof value === 'number' ? format.number(value) : wordOf(field, String(value))
  }

  /** A new object has only new values, and a deleted one only old ones. */
  function changeText({ field, old, new: next, old_th, new_th }: Change, action: string): string {
    const name = nameOf(field)
    const shown = (value: unknown, thai: unknown) => inLanguage(locale.value, show(field, value), textOf(thai))
    if (action.endsWith('_created')) return `${name}: ${shown(next, new_th)}`
    if (action.endsWith('_deleted')) return `${name}: ${shown(old, old_th)}`
    return `${name}: ${shown(old, old_th)} → ${shown(next, new_th)}`
  }

  /** The film, hall and time of an entry: of its screening as it is now, else as they were when the entry was written. */
  function aboutText(screening: Entry['screening'], details: Fields): string {
    const movie = isObject(details.movie) ? details.movie : {}
    const hall = isObject(details.hall) ? details.hall : {}
    const title = screening?.movie_title ?? textOf(movie.title)
    const place = screening?.hall_name ?? textOf(hall.name)
    const start = screening?.start_time ?? textOf(details.start_time)
    return [
      title && format.title({ title, title_th: screening ? screening.movie_title_th : textOf(movie.title_th) }),
      place && format.hall({ name: place, name_th: screening ? screening.hall_name_th : textOf(hall.name_th) }),
      start && format.dateTime(start),
    ]
      .filter(Boolean)
      .join(' · ')
  }

  /** Where a system error occurred. Requests, such as `GET /api/movies`, have no words of the page. */
  function placeText(place: unknown): string {
    const words = placeWords(textOf(place) ?? '')
    return words === null ? show('', place) : t(words.key, { id: words.id })
  }

  function linesOf(type: Entry['type'], data: Fields, details: Fields): string[] {
    const seats = Array.isArray(data.seat_ids) ? [`${t('admin.seats')}: ${show('seat_ids', data.seat_ids)}`] : []
    switch (type) {
      case 'BOOKING_SUCCESS':
        return [`${t('admin.code')}: ${show('', data.code)}`, ...seats, ...(isMoney(data.total) ? [`${t('admin.total')}: ${format.money(data.total)}`] : [])]
      case 'BOOKING_TIMEOUT':
      case 'SEAT_RELEASED':
        return seats
      case 'PAYMENT_REFUNDED':
        return [...(isMoney(data.amount) ? [format.money(data.amount)] : []), known(`admin.refund_reason.${String(data.reason)}`, show('', data.reason))]
      case 'SYSTEM_ERROR':
        return [known(`admin.system_error.${String(data.code)}`, show('', data.code)), `${placeText(data.place)} × ${format.number(Number(data.count))}`]
      case 'AUDIT_LOG': {
        const changes = Array.isArray(details.changes) ? (details.changes as Change[]).map((change) => changeText(change, String(data.action))) : []
        const others = Object.entries(details).filter(([name]) => ['role', 'issuer', 'code'].includes(name))
        const place = data.action === 'admin_refused' ? [show('', data.subject)] : []
        return [...place, ...changes, ...(details.layout_changed === true ? [t('admin.layout_changed')] : []), ...others.map(([name, value]) => `${nameOf(name)}: ${show(name, value)}`)]
      }
    }
  }

  function titleOf(type: Entry['type'], data: Fields): string {
    if (type === 'AUDIT_LOG') return known(`admin.action.${String(data.action)}`, String(data.action))
    if (type === 'SEAT_RELEASED') return known(`admin.released.${String(data.reason)}`, t(`admin.event.${type}`))
    return t(`admin.event.${type}`)
  }

  return (entry: Pick<Entry, 'type' | 'screening' | 'data'>): AuditText => {
    const data = isObject(entry.data) ? entry.data : {}
    const details = isObject(data.details) ? data.details : {}
    return { title: titleOf(entry.type, data), about: aboutText(entry.screening, details), lines: linesOf(entry.type, data, details) }
  }
}
