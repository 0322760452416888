import { ref } from 'vue'
import { notify } from '@/lib/notify'
import { useProblemText } from '@/i18n/useProblemText'

/** Runs one thing at a time and says how it ended. */
export function useTellingAction() {
  const problemText = useProblemText()
  const running = ref<string | null>(null)

  /** True when it went well. `onRefused` may take an error for itself by returning true. */
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
