/**
 * Creates idempotency keys. The key is reused while the outcome is unknown (no answer, or a retryable error), so that the server
 * recognises a retry as the same request; `settle` ends its use after a definite answer.
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
