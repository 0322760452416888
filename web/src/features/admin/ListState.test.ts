import { mount } from '@vue/test-utils'
import { expect, it } from 'vitest'
import { createI18n } from 'vue-i18n'
import en from '@/i18n/en'
import ListState from './ListState.vue'

function show(state: InstanceType<typeof ListState>['$props']['state']) {
  const plugins = [createI18n({ legacy: false, locale: 'en', messages: { en } })]
  return mount(ListState, { props: { state, isEmpty: false }, slots: { default: 'the list' }, global: { plugins } })
}

it('a loaded list stays on the page when reloading it fails', () => {
  const list = show({ status: 'error', data: { items: [1] }, error: new Error() })
  expect(list.text()).toContain('the list')
  expect(list.find('[data-testid="stale"]').exists()).toBe(true)
})

it('the error replaces a list that was never loaded', () => {
  const list = show({ status: 'error', data: undefined, error: new Error() })
  expect(list.text()).not.toContain('the list')
  expect(list.find('[role="alert"]').exists()).toBe(true)
})
