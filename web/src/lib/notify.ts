import { markRaw, nextTick, shallowRef, type Component, type ShallowRef } from 'vue'

type Tone = 'success' | 'error' | 'info'

/** The component that shows toasts, once there was something to show: most visits never need it. */
export const toaster: ShallowRef<Component | null> = shallowRef(null)

/** Says something in passing. */
export async function notify(tone: Tone, text: string): Promise<void> {
  const { toast, Toaster } = await import('./toasts')
  if (toaster.value === null) {
    toaster.value = markRaw(Toaster as Component)
    await nextTick()
  }
  toast[tone](text)
}
