import { useBroadcastChannel } from '@vueuse/core'
import { shallowReactive, watch } from 'vue'
import { tabsOf, tellTabs, type TabMessage } from '@/live/tabs'

/** How long another tab may be without an answer; it may have been closed, and then the server is asked here. */
const ASKING_MS_MAX = 5_000

/**
 * This person's other tabs at the same showing. The live change may be here before their answer, so what they ask about is
 * asked about here too, until this tab knows what came of it.
 */
export function useOtherTabs(screeningId: string, onChanged: () => void) {
  /** Each seat with the message that asked for it. */
  const asking = shallowReactive(new Map<string, TabMessage>())
  let answered: readonly TabMessage[] = []

  // Each message is an object of its own: equal values would not be noticed.
  const { post, data: heard, isClosed } = useBroadcastChannel<TabMessage, TabMessage>({ name: tabsOf(screeningId) })
  watch(heard, hear, { flush: 'sync' })

  function hear(message: TabMessage): void {
    if (message.asking === undefined) return learn()
    message.asking.forEach((id) => asking.set(id, message))
    setTimeout(() => [...asking.values()].includes(message) && learn(), ASKING_MS_MAX)
  }

  function learn(): void {
    answered = [...asking.values()]
    onChanged()
  }

  function settle(messages: readonly TabMessage[]): void {
    for (const [id, message] of asking) if (messages.includes(message)) asking.delete(id)
  }

  return {
    /** Also when this page has been left with a call under way. */
    tell: (message: TabMessage = {}) => (isClosed.value ? tellTabs(screeningId, message) : post(message)),
    isAsking: (id: string): boolean => asking.has(id),
    isAnyAsked: (): boolean => asking.size > 0,
    /** Those that have had their answer by now, to be settled with whatever the server says next. */
    answered: () => answered,
    settle,
  }
}
