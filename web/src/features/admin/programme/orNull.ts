/** The text of an optional field of a form without spaces around it; null, which clears the value, when it is empty. */
export const orNull = (text: string): string | null => text.trim() || null
