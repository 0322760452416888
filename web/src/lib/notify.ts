import { markRaw, nextTick, shallowRef, type Component, type ShallowRef } from 'vue'

type Tone = 'success' | 'error' | 'info'

/** The component that shows toasts, loaded with the first toast: most visits never need it. */
export const toaster: ShallowRef<Component | null> = shallowRef(null)

const load = () => import('./toasts')

/** Preloads the toasts, because the first one may report that the network is unavailable. */
export function prepareToasts(): void {
  load().catch(() => undefined)
}

/** Shows a toast. */
export async function notify(tone: Tone, text: string): Promise<void> {
  const { toast, Toaster } = await load()
  if (toaster.value === null) {
    toaster.value = markRaw(Toaster as Component)
    await nextTick()
  }
  toast[tone](text)
}
