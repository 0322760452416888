/** A person's tabs in one browser tell each other that something of theirs has changed at a showing; the server knows what. */
export const tabsOf = (screeningId: string): string => `seatkeeper-hold-${screeningId}`

/** Tells them from a page that does not listen itself. */
export function tellTabs(screeningId: string): void {
  const channel = new BroadcastChannel(tabsOf(screeningId))
  channel.postMessage({})
  channel.close()
}
