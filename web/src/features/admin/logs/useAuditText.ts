import { useI18n } from 'vue-i18n'
import type { components } from '@/api/schema'
import { useFieldErrors } from '@/i18n/useFieldErrors'
import { useFormat } from '@/i18n/useFormat'
import { inLanguage } from '@/lib/language'
import type { Money } from '@/lib/money'

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
const textOf = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null)

/** Writes entries of the audit log in the page's language, with names, amounts and times as people read them. */
export function useAuditText() {
  const { t, te, locale } = useI18n()
  const format = useFormat()
  const { nameOf } = useFieldErrors()
  const known = (key: string, other: string) => (te(key) ? t(key) : other)

  function show(field: string, value: unknown): string {
    if (value === null || value === undefined) return '–'
    if (isMoney(value)) return format.money(value)
    if (field === 'start_time' && typeof value === 'string') return format.dateTime(value)
    if (Array.isArray(value)) return value.join(', ')
    return typeof value === 'number' ? format.number(value) : String(value)
  }

  function changeText({ field, old, new: next, old_th, new_th }: Change): string {
    const name = nameOf(field)
    const shown = (value: unknown, thai: unknown) => inLanguage(locale.value, show(field, value), textOf(thai))
    if (old === null) return `${name}: ${shown(next, new_th)}`
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

  function linesOf(type: Entry['type'], data: Fields, details: Fields): string[] {
    const seats = Array.isArray(data.seat_ids) ? [`${t('admin.seats')}: ${data.seat_ids.join(' ')}`] : []
    switch (type) {
      case 'BOOKING_SUCCESS':
        return [`${t('admin.code')}: ${String(data.code)}`, ...seats, ...(isMoney(data.total) ? [`${t('admin.total')}: ${format.money(data.total)}`] : [])]
      case 'BOOKING_TIMEOUT':
      case 'SEAT_RELEASED':
        return seats
      case 'PAYMENT_REFUNDED':
        return [...(isMoney(data.amount) ? [format.money(data.amount)] : []), known(`admin.refund_reason.${String(data.reason)}`, String(data.reason))]
      case 'SYSTEM_ERROR':
        return [`${String(data.code)} · ${String(data.place)} × ${format.number(Number(data.count))}`]
      case 'AUDIT_LOG': {
        const changes = Array.isArray(details.changes) ? (details.changes as Change[]).map(changeText) : []
        const others = Object.entries(details).filter(([name]) => ['role', 'issuer', 'code'].includes(name))
        const place = data.action === 'admin_refused' ? [String(data.subject)] : []
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
