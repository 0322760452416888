import { ref } from 'vue'

/** The text of a polite live region. A repeated sentence is announced again. */
export function useAnnouncer() {
  const text = ref('')
  let odd = false
  return {
    text,
    announce(sentence: string) {
      odd = !odd
      // Screen readers announce only changed text, so an invisible character alternates.
      text.value = sentence + (odd ? '\u00a0' : '')
    },
  }
}
