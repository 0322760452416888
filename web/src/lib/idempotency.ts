/**
 * Creates idempotency keys. A key is reused while the outcome of its request is unknown (no response, or a retryable error), so
 * that the server recognises a retry as the same request; `settle` discards the key after a definite response.
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
