/**
 * What a person's tabs in one browser tell each other about a showing: which seats one is asking for, or, without any, that
 * it has its answer and something has changed. The server knows what.
 */
export interface TabMessage {
  asking?: readonly string[]
}

export const tabsOf = (screeningId: string): string => `seatkeeper-hold-${screeningId}`

/** Tells them from a page that does not listen itself. */
export function tellTabs(screeningId: string, message: TabMessage = {}): void {
  const channel = new BroadcastChannel(tabsOf(screeningId))
  channel.postMessage(message)
  channel.close()
}
