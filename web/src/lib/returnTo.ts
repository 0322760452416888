/** Accepts only a path of this site (one `/`, then neither `/` nor `\`, no control characters), else returns the front page. */
export function safeReturnTo(value: unknown): string {
  if (typeof value !== 'string' || !/^\/(?![/\\])/.test(value)) return '/'
  return /[\u0000-\u001f\u007f]/.test(value) ? '/' : value
}
