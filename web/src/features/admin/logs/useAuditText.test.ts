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

function textIn(locale: 'en' | 'th', entry: Pick<AuditEntry, 'type' | 'screening' | 'data'>): AuditText {
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
    expect(textIn('en', entry)).toEqual({ title: 'Hall changed', about: 'Great hall', lines: ['Name: Hall 1 → Great hall', 'Name in Thai: โรงใหญ่'] })
    expect(textIn('th', entry)).toEqual({ title: 'แก้ไขโรง', about: 'โรงใหญ่', lines: ['ชื่อ: Hall 1 → Great hall', 'ชื่อภาษาไทย: โรงใหญ่'] })
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
