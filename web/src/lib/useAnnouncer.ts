import { ref } from 'vue'

/** The text of an ARIA live region, which screen readers announce; a repeated sentence is announced again. */
export function useAnnouncer() {
  const text = ref('')
  let odd = false
  return {
    text,
    announce(sentence: string) {
      odd = !odd
      // Screen readers announce only changed text, so every second announcement ends with an invisible character.
      text.value = sentence + (odd ? '\u00a0' : '')
    },
  }
}
