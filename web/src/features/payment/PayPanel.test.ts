import { mount } from '@vue/test-utils'
import { createPinia, setActivePinia } from 'pinia'
import { expect, it } from 'vitest'
import { createI18n } from 'vue-i18n'
import { useSiteStore } from '@/api/site'
import type { Payment, Site } from '@/api/types'
import en from '@/i18n/en'
import th from '@/i18n/th'
import { withWords } from './demoCode'
import PayPanel from './PayPanel.vue'

const SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 41 41"><path fill="#000" d="M4 4h7v1h-7z"/><text x="20" y="20" fill="#c00">demo, do not pay</text></svg>'

function drawnIn(locale: 'en' | 'th'): string {
  setActivePinia(createPinia())
  useSiteStore().state = { kind: 'ready', site: { time_zone: 'Asia/Bangkok' } as Site }
  const payment = { id: 'p', status: 'PENDING', method: 'promptpay', amount: { amount: 20_000, currency: 'THB' }, action: { type: 'promptpay_qr', payload: '0', svg: SVG } } as Payment
  const plugins = [createI18n({ legacy: false, locale, messages: { en, th } })]
  const panel = mount(PayPanel, { props: { payment, doing: 'none', isAsked: false }, global: { plugins } })
  return decodeURIComponent(panel.get('[data-testid="promptpay-qr"]').attributes('src')!.replace(/^[^,]*,/, ''))
}

it('the words drawn over the code are those of the reader’s language only', () => {
  expect(drawnIn('en')).toContain('>demo, do not pay</text>')
  expect(drawnIn('th')).toContain(`>${th.payment.demo_code}</text>`)
  expect(drawnIn('th')).not.toContain('demo')
  expect(th.payment.demo_code).toMatch(/^[\u0e00-\u0e7f ]+$/)
})

it('the rest of the drawing is unchanged, and words cannot become markup', () => {
  const path = '<path fill="#000" d="M4 4h7v1h-7z"/>'
  expect(drawnIn('th')).toContain(path)
  expect(withWords(SVG, '</text><script>x</script>')).not.toContain('<script')
  expect(withWords('<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0"/></svg>', 'words')).not.toContain('words')
  expect(withWords('no drawing', 'words')).toBe('no drawing')
})
