import type { components } from '@/api/schema'

export type EventType = components['schemas']['EventType']

/** A record and not an array, so that the type check fails when an event type of the API is missing. */
const LISTED: Record<EventType, true> = {
  BOOKING_SUCCESS: true,
  BOOKING_TIMEOUT: true,
  SEAT_RELEASED: true,
  PAYMENT_REFUNDED: true,
  SYSTEM_ERROR: true,
  AUDIT_LOG: true,
}

/** All event types of the API, in the order of the filter's options. */
export const EVENT_TYPES = Object.keys(LISTED) as EventType[]

export interface EventFilters {
  type?: EventType
  actor?: string
  from?: string
  to?: string
  cursor?: string
}

/** The fields of an audit log entry that identify the acting person. */
export type AuditActor = Pick<components['schemas']['AuditEntry'], 'actor' | 'actor_name' | 'actor_email'>
