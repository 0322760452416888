import { markRaw, nextTick, shallowRef, type Component, type ShallowRef } from 'vue'

type Tone = 'success' | 'error' | 'info'

/** The component that renders toasts; null until its chunk is loaded, so that the first load of the page stays small. */
export const toaster: ShallowRef<Component | null> = shallowRef(null)

const load = () => import('./toasts')

/** Preloads the toast component, because the first toast may report that the network is unavailable. */
export function prepareToasts(): void {
  load().catch(() => undefined)
}

export async function notify(tone: Tone, text: string): Promise<void> {
  const { toast, Toaster } = await load()
  if (toaster.value === null) {
    toaster.value = markRaw(Toaster as Component)
    await nextTick()
  }
  toast[tone](text)
}
