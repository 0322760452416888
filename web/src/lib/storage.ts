/** Best effort: storage may be forbidden or full, and preferences are then not saved. */
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
    // Preferences are optional.
  }
}
