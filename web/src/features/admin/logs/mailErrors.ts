/**
 * How the server's texts about mails that were not sent begin, and the keys of the page's sentences for them. The server
 * stores these texts in English, and adds the reply of the mail server; a test compares them with the server's source.
 */
export const BEGINNINGS: Record<string, string> = {
  'the mail server does not accept the connection': 'connection',
  'the encryption by STARTTLS failed': 'encryption',
  'the mail server refused the user or password of the mail URL': 'account',
  "the mail server refused the cinema's address as the sender": 'sender',
  "the mail server refused the recipient's address": 'recipient',
  'the mail server refused the mail': 'refused',
  'no valid answer': 'no_answer',
  'the mail server did not answer within': 'no_answer',
  'the part of the address before the @ is not ASCII': 'not_ascii',
  "the recipient's address is not an e-mail address": 'bad_address',
  'cannot write the mail into': 'file',
  'the booking was refunded before this mail was sent': 'refunded',
  'the booking is missing': 'no_booking',
  'the program stumbled over this mail': 'fault',
}

/** Returns the key of the sentence for the server's text about a mail that was not sent; `other` for an unknown text. */
export function mailErrorKey(error: string): string {
  const found = Object.entries(BEGINNINGS).find(([beginning]) => error.startsWith(beginning))
  return `admin.mail_error.${found?.[1] ?? 'other'}`
}
