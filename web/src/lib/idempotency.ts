/**
 * One key for one intention. The key stays while the outcome is unknown (no answer, try again later), so that a repeat
 * is the same request to the server, and is replaced once there was a real answer.
 */
export function createIntent(newKey: () => string = () => crypto.randomUUID()) {
  let current: { about: string; key: string } | null = null
  return {
    keyFor(about: string): string {
      if (current?.about !== about) current = { about, key: newKey() }
      return current.key
    },
    settle(): void {
      current = null
    },
  }
}
