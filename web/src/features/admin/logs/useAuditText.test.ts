import { mount } from '@vue/test-utils'
import { createPinia, setActivePinia } from 'pinia'
import { defineComponent } from 'vue'
import { createI18n } from 'vue-i18n'
import { describe, expect, it } from 'vitest'
import { useSiteStore } from '@/api/site'
import type { AuditEntry, Site } from '@/api/types'
import administrationEn from '@/i18n/administration.en'
import administrationTh from '@/i18n/administration.th'
import en from '@/i18n/en'
import th from '@/i18n/th'
import { useAuditText, type AuditText } from './useAuditText'

type Entry = Pick<AuditEntry, 'type' | 'screening' | 'data'>

function textIn(locale: 'en' | 'th', entry: Entry): AuditText {
  const pinia = createPinia()
  setActivePinia(pinia)
  useSiteStore().state = { kind: 'ready', site: { time_zone: 'Asia/Bangkok', currency: 'THB' } as Site }
  const i18n = createI18n({ legacy: false, locale, messages: { en, th } })
  for (const part of administrationEn) i18n.global.mergeLocaleMessage('en', part)
  for (const part of administrationTh) i18n.global.mergeLocaleMessage('th', part)
  let text: AuditText | undefined
  const Asking = defineComponent({
    setup() {
      text = useAuditText()(entry)
      return () => null
    },
  })
  mount(Asking, { global: { plugins: [pinia, i18n] } })
  return text!
}

const logged = (action: string, details: Record<string, unknown>) =>
  ({ type: 'AUDIT_LOG' as const, screening: null, data: { action, details } as unknown as AuditEntry['data'] })

describe('the names of halls in the audit log', () => {
  it('are those of the present showing, in the language of the page', () => {
    const screening = { movie_title: 'Tides', movie_title_th: 'น้ำขึ้นน้ำลง', hall_name: 'Hall 1', hall_name_th: 'โรง 1', start_time: '2026-11-23T12:00:00Z' }
    const entry = { type: 'SEAT_RELEASED' as const, screening, data: { seat_ids: ['A1'], reason: 'expired' } as unknown as AuditEntry['data'] }
    expect(textIn('th', entry).about).toContain('น้ำขึ้นน้ำลง · โรง 1 · ')
    expect(textIn('en', entry).about).toContain('Tides · Hall 1 · ')
  })

  it('are the old and the new name of a hall, and its Thai names by their own field', () => {
    const entry = logged('hall_changed', {
      hall: { name: 'Great hall', name_th: 'โรงใหญ่' },
      changes: [{ field: 'name', old: 'Hall 1', new: 'Great hall' }, { field: 'name_th', old: null, new: 'โรงใหญ่' }],
      layout_changed: false,
    })
    expect(textIn('en', entry)).toEqual({ title: 'Hall changed', about: 'Great hall', lines: ['Name: Hall 1 → Great hall', 'Name in Thai: none → โรงใหญ่'] })
    expect(textIn('th', entry)).toEqual({ title: 'แก้ไขโรง', about: 'โรงใหญ่', lines: ['ชื่อ: Hall 1 → Great hall', 'ชื่อภาษาไทย: ไม่มี → โรงใหญ่'] })
  })

  it('are Thai where a showing moved, unless the hall has no Thai name or the entry is of an earlier version', () => {
    const earlier = { field: 'hall', old: 'Hall 1', new: 'The Loft' }
    const change = { ...earlier, old_th: 'โรง 1', new_th: null }
    const lines = (locale: 'en' | 'th', one: object) => textIn(locale, logged('screening_changed', { changes: [one] })).lines
    expect(lines('th', change)).toEqual(['โรง: โรง 1 → The Loft'])
    expect(lines('en', change)).toEqual(['Hall: Hall 1 → The Loft'])
    expect(lines('th', earlier)).toEqual(['โรง: Hall 1 → The Loft'])
  })
})

const textOf = (locale: 'en' | 'th', type: Entry['type'], data: object) => textIn(locale, { type, screening: null, data } as unknown as Entry)
const linesOf = (locale: 'en' | 'th', action: string, changes: object[]) => textOf(locale, 'AUDIT_LOG', { action, subject: null, details: { changes } }).lines

describe('the words of an audit entry', () => {
  it.each([
    ['movie_changed', ['drama'], [], 'Genres: Drama → none', 'แนว: ดราม่า → ไม่มี'],
    ['movie_changed', null, ['drama', 'sci-fi'], 'Genres: none → Drama, Science fiction', 'แนว: ไม่มี → ดราม่า, ไซไฟ'],
    ['movie_created', null, [], 'Genres: none', 'แนว: ไม่มี'],
    ['movie_deleted', ['drama'], null, 'Genres: Drama', 'แนว: ดราม่า'],
  ])('an empty list has a word for none, %s %j %j', (action, old, next, english, thai) => {
    const change = { field: 'genres', old, new: next }
    expect(linesOf('en', action, [change])).toEqual([english])
    expect(linesOf('th', action, [change])).toEqual([thai])
  })

  it.each([null, undefined, ''])('the value %j has a word for none', (nothing) => {
    expect(linesOf('en', 'movie_changed', [{ field: 'rating', old: '15+', new: nothing }])).toEqual(['Rating: 15+ → none'])
    expect(textOf('th', 'BOOKING_SUCCESS', { code: nothing, seat_ids: [] }).lines).toEqual(['รหัส: ไม่มี', 'ที่นั่ง: ไม่มี'])
    expect(textOf('th', 'AUDIT_LOG', { action: 'admin_refused', subject: nothing, details: { code: nothing } }).lines).toEqual(['ไม่มี', 'ปฏิเสธด้วย: ไม่มี'])
  })

  it('the title of another film of a screening is in the language of the page, and in English in entries without a Thai one', () => {
    const change = { field: 'movie', old: 'Tides', new: 'Ebb', old_th: 'น้ำขึ้นน้ำลง', new_th: null }
    expect(linesOf('th', 'screening_changed', [change])).toEqual(['หนัง: น้ำขึ้นน้ำลง → Ebb'])
    expect(linesOf('en', 'screening_changed', [change])).toEqual(['Film: Tides → Ebb'])
    expect(linesOf('th', 'screening_changed', [{ field: 'movie', old: 'Tides', new: 'Ebb' }])).toEqual(['หนัง: Tides → Ebb'])
  })

  it('codes of the program are words, and unknown ones are shown as they are', () => {
    expect(textOf('th', 'AUDIT_LOG', { action: 'sign_in', details: { role: 'ADMIN', issuer: 'demo' } }).lines).toEqual(['บทบาท: ผู้ดูแลระบบ', 'เข้าสู่ระบบด้วย: ระบบสาธิต'])
    expect(textOf('th', 'AUDIT_LOG', { action: 'admin_refused', subject: '/api/admin/halls', details: { code: 'forbidden' } }).lines).toEqual(['/api/admin/halls', 'ปฏิเสธด้วย: คุณไม่มีสิทธิ์ทำรายการนี้'])
    expect(textOf('th', 'SYSTEM_ERROR', { code: 'internal', place: 'GET /api/movies', count: 2 }).lines).toEqual(['โปรแกรมขัดข้อง', 'GET /api/movies × 2'])
    expect(textOf('th', 'SYSTEM_ERROR', { code: 'of_a_newer_server', place: 'of a newer worker', count: 1 }).lines).toEqual(['of_a_newer_server', 'of a newer worker × 1'])
    expect(linesOf('th', 'hall_changed', [{ field: 'categories', old: ['standard'], new: ['standard', 'VIP'] }])).toEqual(['ประเภท: ธรรมดา → ธรรมดา, VIP'])
  })

  it.each([
    ['mail sender', 'Sending mails × 3', 'การส่งอีเมล × 3'],
    ['payment 01890a5d', 'Payment 01890a5d × 3', 'การชำระเงิน 01890a5d × 3'],
    ['', 'none × 3', 'ไม่มี × 3'],
  ])('the place %j of a system error has words', (place, english, thai) => {
    const last = (locale: 'en' | 'th') => textOf(locale, 'SYSTEM_ERROR', { code: 'unavailable', place, count: 3 }).lines.at(-1)
    expect([last('en'), last('th')]).toEqual([english, thai])
  })
})
