import { computed, onScopeDispose, shallowReactive } from 'vue'

/** The titles that components of the current page have set; the last one that knows its text wins. */
const titles = shallowReactive<(() => string | undefined)[]>([])

/** What the browser's tab says about the current page beyond its route, such as the film's title. */
export const pageTitle = computed(() => titles.map((title) => title()).findLast((text) => text !== undefined))

/** Sets the title of the page while the component exists. `undefined`, such as before the data is loaded, sets none. */
export function usePageTitle(title: () => string | undefined): void {
  titles.push(title)
  onScopeDispose(() => titles.splice(titles.indexOf(title), 1))
}
