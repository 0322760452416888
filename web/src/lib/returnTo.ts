/** Prevents open redirects: returns `value` if it is a path of this site (not `//…` or `/\…`), else the front page. */
export function safeReturnTo(value: unknown): string {
  if (typeof value !== 'string' || !/^\/(?![/\\])/.test(value)) return '/'
  return /[\u0000-\u001f\u007f]/.test(value) ? '/' : value
}
