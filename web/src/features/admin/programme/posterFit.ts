export interface Size {
  width: number
  height: number
}

/** Width to height of a poster wherever the page shows one. */
export const POSTER_RATIO = 2 / 3
/** A smaller loss is not visible in a poster, so it is not mentioned. */
const SHARE_MENTIONED_MIN = 0.05

/** Returns how much of a picture is cut off where it is shown as a poster, or null if next to nothing is. */
export function croppedShare({ width, height }: Size): { share: number; isWide: boolean } | null {
  if (width <= 0 || height <= 0) return null
  const relative = width / height / POSTER_RATIO
  const isWide = relative > 1
  const share = 1 - (isWide ? 1 / relative : relative)
  return share < SHARE_MENTIONED_MIN ? null : { share, isWide }
}
