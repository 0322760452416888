import { useMediaQuery } from '@vueuse/core'

/** True on a phone whose header has no room for the cinema's name and the theme button; the button is then in the footer. */
export const useIsNarrow = () => useMediaQuery('(width < 26rem)')
