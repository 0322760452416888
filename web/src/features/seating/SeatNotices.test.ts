import { mount } from '@vue/test-utils'
import { expect, it } from 'vitest'
import { createI18n } from 'vue-i18n'
import en from '@/i18n/en'
import SeatNotices from './SeatNotices.vue'

it.each(['lapsed', 'wanted'] as const)('the button of a notice requests its seats only when choosing is possible and no request is in flight: %s', async (kind) => {
  const i18n = createI18n({ legacy: false, locale: 'en', messages: { en } })
  const notices = mount(SeatNotices, {
    props: { notice: { kind, seats: ['A1'] }, paymentPage: null, change: null, asked: [], isPaused: true, isTaking: false },
    global: { plugins: [i18n] },
  })
  const press = () => notices.get('[data-testid=hold-again]').trigger('click')
  await press()
  await notices.setProps({ isPaused: false, isTaking: true })
  await press()
  expect(notices.emitted('take')).toBeUndefined()
  await notices.setProps({ isTaking: false })
  await press()
  expect(notices.emitted('take')).toEqual([[['A1']]])
})
