import { useEventListener } from '@vueuse/core'
import { inject, onScopeDispose, provide, ref, shallowRef, watch, type InjectionKey, type Ref } from 'vue'
import { useRouter } from 'vue-router'

const DRAFT: InjectionKey<Ref<boolean>> = Symbol('draft')

/**
 * Asks for confirmation before a form with unsaved changes is closed or left. The form inside reports its changes with
 * `useDraftChanges`; the page shows a dialog while `question` is not null, and calls it with the answer.
 */
export function useDraft() {
  const hasChanges = ref(false)
  provide(DRAFT, hasChanges)
  const question = shallowRef<((leaves: boolean) => void) | null>(null)

  /** Returns whether the draft may be dropped: at once when it has no changes, else when the person has answered. */
  function mayLeave(): boolean | Promise<boolean> {
    if (!hasChanges.value) return true
    question.value?.(false)
    return new Promise((resolve) => {
      question.value = (leaves) => {
        question.value = null
        resolve(leaves)
      }
    })
  }

  // Only another path removes the page and its form; a change of the query changes the filters of this page.
  onScopeDispose(useRouter().beforeEach((to, from) => to.path === from.path || mayLeave()))
  useEventListener(window, 'beforeunload', (event) => {
    if (hasChanges.value) event.preventDefault()
  })
  // The page may be removed while the question is open, because the session ended: the pending navigation continues.
  onScopeDispose(() => question.value?.(true))

  return { hasChanges, question, mayLeave }
}

/** Reports to the page around the form whether the person has changed anything since it was opened. */
export function useDraftChanges(draft: () => unknown) {
  const hasChanges = inject(DRAFT, null)
  const atFirst = JSON.stringify(draft())
  if (hasChanges === null) return
  watch(draft, () => (hasChanges.value = JSON.stringify(draft()) !== atFirst), { deep: true })
  onScopeDispose(() => (hasChanges.value = false))
}
