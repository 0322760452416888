/** Reads a preference from localStorage, or null: the browser may forbid storage. */
export function readStored(key: string): string | null {
  try {
    return localStorage.getItem(key)
  } catch {
    return null
  }
}

export function store(key: string, value: string): void {
  try {
    localStorage.setItem(key, value)
  } catch {
    // Best effort: without storage, the preference lasts until the page is closed.
  }
}
