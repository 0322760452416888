import { markRaw, nextTick, shallowRef, type Component, type ShallowRef } from 'vue'

type Tone = 'success' | 'error' | 'info'

/** The component that shows toasts, once there was something to show: most visits never need it. */
export const toaster: ShallowRef<Component | null> = shallowRef(null)

const load = () => import('./toasts')

/** Fetches them before there is something to show: that may be that the network is away. */
export function prepareToasts(): void {
  load().catch(() => undefined)
}

/** Says something in passing. */
export async function notify(tone: Tone, text: string): Promise<void> {
  const { toast, Toaster } = await load()
  if (toaster.value === null) {
    toaster.value = markRaw(Toaster as Component)
    await nextTick()
  }
  toast[tone](text)
}
