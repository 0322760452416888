/** Whether two words are the same apart from upper and lower case. */
export const isSameWord = (one: string, other: string) => one.toLowerCase() === other.toLowerCase()
