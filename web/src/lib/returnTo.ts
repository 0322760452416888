/** Prevents open redirects: returns `value` if it is a path of this site (not `//…` or `/\…`), else the front page. */
export function safeReturnTo(value: unknown): string {
  if (typeof value !== 'string' || !/^\/(?![/\\])/.test(value)) return '/'
  return /[\u0000-\u001f\u007f]/.test(value) ? '/' : value
}

/** Whether the person comes back to seats: chosen ones in the URL of a seat map, or those that a payment holds. */
export function keepsSeats(returnTo: string): boolean {
  return /^\/(screenings\/[^?#]*\?([^#]*&)?seats=[^&#]|pay\/)/.test(returnTo)
}
