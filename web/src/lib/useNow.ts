import { useIntervalFn, useEventListener } from '@vueuse/core'
import { computed, ref, type ComputedRef, type Ref } from 'vue'
import { serverClock } from './serverClock'
import { dayOf } from './time'

/** The update interval: users of `useNow` only need whole minutes (has a film started?), so half a minute of delay is acceptable. */
const TICK_MS = 30_000

/** The server's time in ms, updated twice a minute and when the page becomes visible: timers of a suspended tab do not run. */
export function useNow(): Readonly<Ref<number>> {
  const now = ref(serverClock.now())
  const renew = () => (now.value = serverClock.now())
  useIntervalFn(renew, TICK_MS)
  useEventListener(document, 'visibilitychange', () => !document.hidden && renew())
  useEventListener(window, 'pageshow', renew)
  return now
}

/** The calendar day in a time zone; it changes at midnight there, whatever the device's zone is. */
export function useToday(now: Readonly<Ref<number>>, zone: () => string): ComputedRef<string> {
  return computed(() => dayOf(now.value, zone()))
}
