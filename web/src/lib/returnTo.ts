/** A path of this site to come back to: one `/`, then neither `/` nor `\`, no control characters; else the front page. */
export function safeReturnTo(value: unknown): string {
  if (typeof value !== 'string' || !/^\/(?![/\\])/.test(value)) return '/'
  return /[\u0000-\u001f\u007f]/.test(value) ? '/' : value
}
