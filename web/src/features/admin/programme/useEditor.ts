import { ref, shallowRef } from 'vue'
import { useI18n } from 'vue-i18n'
import { useRoute } from 'vue-router'
import { isProblem } from '@/api/problem'
import { useFieldErrors } from '@/i18n/useFieldErrors'
import { useActionWithToast } from '../useActionWithToast'
import { useProgrammeChanged } from './programme'
import { useDraft } from './useDraft'

/** The state of the form on a page that manages films, halls or screenings. */
export type Editing<T> = { kind: 'closed' } | { kind: 'new' } | { kind: 'existing'; item: T }

interface Item {
  id: string
}

/** Creates, changes and deletes items of one kind (films, halls or screenings), and reloads their list afterwards. */
export function useEditor<T extends Item, Input>(calls: {
  create: (input: Input) => Promise<unknown>
  update: (id: string, input: Input) => Promise<unknown>
  remove: (id: string) => Promise<unknown>
}) {
  const { t } = useI18n()
  const { textsOf } = useFieldErrors()
  const changed = useProgrammeChanged()
  const { run, running } = useActionWithToast()
  const editing = shallowRef<Editing<T>>({ kind: 'closed' })
  const errors = ref<Record<string, string>>({})
  const doomed = shallowRef<T | null>(null)

  const { hasChanges, question, mayLeave } = useDraft()

  /** Opens another form, or closes the open one. Asks for confirmation first if the open form has unsaved changes. */
  async function edit(next: Editing<T>): Promise<void> {
    if (isSame(editing.value, next) || !(await mayLeave())) return
    errors.value = {}
    editing.value = next
  }
  function close(): void {
    hasChanges.value = false
    editing.value = { kind: 'closed' }
  }
  // A link such as "create the first hall" opens the form at once.
  if (useRoute().query.new !== undefined) editing.value = { kind: 'new' }

  /** Saves the form. Returns its state before the save, or null when saving failed. */
  async function save(input: Input): Promise<Editing<T> | null> {
    errors.value = {}
    const current = editing.value
    const done = await run(
      'save',
      t('admin.saved'),
      async () => {
        if (current.kind === 'existing') await calls.update(current.item.id, input)
        else await calls.create(input)
        await changed()
      },
      (error) => {
        if (!isProblem(error)) return false
        errors.value = textsOf(error)
        return Object.keys(errors.value).length > 0
      },
    )
    if (!done) return null
    if (editing.value === current) close()
    return current
  }

  async function remove(): Promise<void> {
    const target = doomed.value
    if (target === null) return
    await run('delete', t('admin.deleted'), async () => {
      await calls.remove(target.id)
      if (editing.value.kind === 'existing' && editing.value.item.id === target.id) close()
      await changed()
    })
    doomed.value = null
  }

  return { editing, edit, errors, save, doomed, remove, running, question }
}

function isSame<T extends Item>(one: Editing<T>, other: Editing<T>): boolean {
  return one.kind === other.kind && (one.kind !== 'existing' || other.kind !== 'existing' || one.item.id === other.item.id)
}
