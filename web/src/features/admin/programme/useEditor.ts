import { ref, shallowRef } from 'vue'
import { useI18n } from 'vue-i18n'
import { isProblem } from '@/api/problem'
import { useActionWithToast } from '../useActionWithToast'
import { useProgrammeChanged } from './programme'

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
  const changed = useProgrammeChanged()
  const { run, running } = useActionWithToast()
  const editing = shallowRef<Editing<T>>({ kind: 'closed' })
  const errors = ref<Record<string, string>>({})
  const doomed = shallowRef<T | null>(null)

  function edit(next: Editing<T>): void {
    errors.value = {}
    editing.value = next
  }

  async function save(input: Input): Promise<void> {
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
        errors.value = error.fieldErrors
        return Object.keys(errors.value).length > 0
      },
    )
    if (done) editing.value = { kind: 'closed' }
  }

  async function remove(): Promise<void> {
    const target = doomed.value
    if (target === null) return
    await run('delete', t('admin.deleted'), async () => {
      await calls.remove(target.id)
      await changed()
    })
    doomed.value = null
  }

  return { editing, edit, errors, save, doomed, remove, running }
}
