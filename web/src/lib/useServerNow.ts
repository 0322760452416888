import { useIntervalFn } from '@vueuse/core'
import { ref, type Ref } from 'vue'
import { serverClock } from './serverClock'

const TICK_MS = 250

/** The server's time in ms, updated four times a second until the component is unmounted. */
export function useServerNow(): Readonly<Ref<number>> {
  const now = ref(serverClock.now())
  useIntervalFn(() => (now.value = serverClock.now()), TICK_MS)
  return now
}
