import { useIntervalFn, useEventListener } from '@vueuse/core'
import { computed, ref, type ComputedRef, type Ref } from 'vue'
import { serverClock } from './serverClock'
import { dayOf } from './time'

/** Nothing on the pages that use this is shown to less than a minute; half of one is never noticed. */
const TICK_MS = 30_000

/** The server's time in ms, renewed twice a minute and when the page is looked at again: timers stand still in a tab that sleeps. */
export function useNow(): Readonly<Ref<number>> {
  const now = ref(serverClock.now())
  const renew = () => (now.value = serverClock.now())
  useIntervalFn(renew, TICK_MS)
  useEventListener(document, 'visibilitychange', () => !document.hidden && renew())
  useEventListener(window, 'pageshow', renew)
  return now
}

/** The calendar day in a zone; it changes at midnight there, whatever the device's own zone is. */
export function useToday(now: Readonly<Ref<number>>, zone: () => string): ComputedRef<string> {
  return computed(() => dayOf(now.value, zone()))
}
