import { ref } from 'vue'
import { notify } from '@/lib/notify'
import { useProblemText } from '@/i18n/useProblemText'

/** Runs one action at a time (further ones are ignored meanwhile) and shows a toast with its result. */
export function useActionWithToast() {
  const problemText = useProblemText()
  const running = ref<string | null>(null)

  /** Returns true on success. On an error, shows a toast unless `onRefused` returns true because it has handled the error. */
  async function run(name: string, done: string, work: () => Promise<void>, onRefused?: (error: unknown) => boolean): Promise<boolean> {
    if (running.value !== null) return false
    running.value = name
    try {
      await work()
      void notify('success', done)
      return true
    } catch (error) {
      if (!onRefused?.(error)) void notify('error', problemText(error))
      return false
    } finally {
      running.value = null
    }
  }

  return { run, running }
}
