import { ref } from 'vue'

/** The text of a polite live region. Two equal sentences in a row still count as two. */
export function useAnnouncer() {
  const text = ref('')
  let odd = false
  return {
    text,
    announce(sentence: string) {
      odd = !odd
      // An invisible difference makes a screen reader say a repeated sentence again.
      text.value = sentence + (odd ? '\u00a0' : '')
    },
  }
}
