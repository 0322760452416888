import { mount } from '@vue/test-utils'
import { createPinia, setActivePinia } from 'pinia'
import { expect, it } from 'vitest'
import { createI18n } from 'vue-i18n'
import { useSiteStore } from '@/api/site'
import type { Site } from '@/api/types'
import en from '@/i18n/en'
import MethodChoice from './MethodChoice.vue'

it('the payment’s own method is selected and focused again when changing the method is refused', async () => {
  setActivePinia(createPinia())
  useSiteStore().state = { kind: 'ready', site: { payment_methods: ['promptpay', 'mock_card'] } as Site }
  const plugins = [createI18n({ legacy: false, locale: 'en', messages: { en } })]
  const choice = mount(MethodChoice, { props: { chosen: 'promptpay', disabled: false }, attachTo: document.body, global: { plugins } })
  const [promptpay, card] = choice.findAll('input').map(({ element }) => element)
  await choice.findAll('input')[1]!.setValue()
  expect(choice.emitted('choose')).toEqual([['mock_card']])
  await choice.setProps({ disabled: true })
  expect(card!.checked).toBe(true)
  await choice.setProps({ disabled: false })
  expect([promptpay!.checked, card!.checked, document.activeElement === promptpay]).toEqual([true, false, true])
  choice.unmount()
})
