import type { Money } from '@/lib/money'
import type { components, paths } from './schema'

type Schemas = components['schemas']

/** Short names for the generated types. */
export type AdminBooking = Schemas['AdminBooking']
export type AdminMovie = Schemas['AdminMovie']
export type AdminScreening = Schemas['AdminScreening']
export type AuditEntry = Schemas['AuditEntry']
export type Booking = Schemas['Booking']
export type DeadLetter = Schemas['DeadLetter']
export type EventItem = Schemas['EventItem']
export type DailyReport = Schemas['DailyReport']
export type MovieReport = Schemas['MovieReport']
export type Hall = Schemas['Hall']
export type Layout = Schemas['Layout']
export type MailItem = Schemas['MailItem']
export type Me = Schemas['Me']
export type Movie = Schemas['Movie']
export type MovieInput = Schemas['MovieInput']
export type MovieScreening = Schemas['MovieScreening']
export type Payment = Schemas['Payment']
export type PaymentMethod = Schemas['PaymentMethod']
export type ScreeningInput = Schemas['ScreeningInput']
export type Site = Schemas['Site']

/* Types with fields that an earlier schema.d.ts lacked. It contains them now, so each `& {…}` below can be removed. */
export type ScreeningState = 'ON_SALE' | 'CLOSED' | 'CANCELLED'
export type Hold = Schemas['Hold'] & { seq: number }
export type ScreeningDetail = Schemas['ScreeningDetail'] & { revision: number; state: ScreeningState }
export type SeatMap = paths['/api/screenings/{id}/seats']['get']['responses'][200]['content']['application/json'] & { revision: number }
export type LockRequest = { screening_id: string; seat_ids: string[]; revision: number }
export type StartPaymentRequest = { screening_id: string; method: PaymentMethod | null; revision: number; total: Money }
/** Extra fields of error responses about changed terms: the current screening, total and price of each seat. */
export interface NewerFacts {
  screening?: ScreeningDetail | null
  total?: Money | null
  seats?: { id: string; price: Money }[] | null
  /** With `too_many_seats` and `too_many_seats_everywhere`: the seats that one person may hold at once. */
  seats_max?: number | null
  /** With `too_many_seats_everywhere`: the seats that the person holds in other showings. */
  held_elsewhere?: number | null
  /** With `rate_limited`: set when too many people of the person's network hold seats. */
  holders_max?: number | null
  /** With `let_go_too_often`: the seconds until the seats can be locked again. */
  wait_s?: number | null
  /** With `too_large`: the largest size. */
  bytes_max?: number | null
}
export type NewerCode = 'screening_changed' | 'price_changed' | 'screening_cancelled' | 'too_many_seats_everywhere' | 'let_go_too_often'
