import type { components } from '@/api/schema'

export const EVENT_TYPES = ['BOOKING_SUCCESS', 'BOOKING_TIMEOUT', 'SEAT_RELEASED', 'PAYMENT_REFUNDED', 'SYSTEM_ERROR', 'AUDIT_LOG'] as const
export type EventType = (typeof EVENT_TYPES)[number]
export interface EventFilters {
  type?: EventType
  actor?: string
  from?: string
  to?: string
  cursor?: string
}

/** The fields of an audit log entry that identify the acting person. */
export type AuditActor = Pick<components['schemas']['AuditEntry'], 'actor' | 'actor_name' | 'actor_email'>
