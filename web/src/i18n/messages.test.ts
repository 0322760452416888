import { describe, expect, it } from 'vitest'
import administrationEn from './administration.en'
import administrationTh from './administration.th'
import en from './en'
import th from './th'

type Tree = { [key: string]: string | Tree }

function flatten(tree: Tree, prefix = ''): Map<string, string> {
  const flat = new Map<string, string>()
  for (const [key, value] of Object.entries(tree)) {
    if (typeof value === 'string') flat.set(prefix + key, value)
    else for (const [name, text] of flatten(value, `${prefix}${key}.`)) flat.set(name, text)
  }
  return flat
}

const flattenAll = (...parts: Tree[]) => new Map(parts.flatMap((part) => [...flatten(part)]))
const english = flattenAll(en, ...administrationEn)
const thai = flattenAll(th, ...administrationTh)
const placeholders = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1]).sort()

const sources = import.meta.glob(['../**/*.vue', '../**/*.ts', '!../**/*.test.ts'], { query: '?raw', import: 'default', eager: true }) as Record<string, string>
const code = Object.values(sources).join('\n')

/** The keys that the code composes from a code, a kind or a name, as narrow as these allow. */
const COMPOSED = [
  /^(?:genre|rating|category|rule|field|problem|problem_numbers)\./,
  /^account\.(?:error|theme)_/,
  /^seats\.(?:kind|kind_long|state|legend_state)\./,
  /^seats\.as_(?:map|list)$/,
  /^seats\.(?:lapsed|wanted)_(?:title|text|again)$/,
  /^changed\.(?:film|start|hall|total)$/,
  /^payment\.(?:mock_card|promptpay)(?:_note)?$/,
  /^payment\.(?:declined|expired|cancelled|refunded)_(?:title|text)$/,
  /^bookings\.status_/,
  /^admin\.(?:nav|event|action|released|refund_reason|role|issuer|system_error|worker|dead_by|mail_error)\./,
  /^admin\.mail_(?:PENDING|SENT|FAILED)$/,
  /^admin\.first\.(?:hall|film|showing)(?:_done)?$/,
  /^admin\.movie\.(?:title|synopsis)(?:_th)?$/,
  /^admin\.hall_form\.name(?:_th)?$/,
  /^admin\.hall_form\.letter\./,
]

describe('the messages', () => {
  it('messages have the same keys and placeholders in both languages', () => {
    expect([...thai.keys()].sort()).toEqual([...english.keys()].sort())
    for (const [key, text] of english) expect(placeholders(thai.get(key)!), key).toEqual(placeholders(text))
  })

  it('Thai messages contain Thai letters', () => {
    const latinOnly = [...thai].filter(([, text]) => !/[\u0e00-\u0e7f]/.test(text)).map(([key]) => key)
    expect(latinOnly).toEqual([])
  })

  it('Thai messages contain no Latin words except names, formats and keys, and English ones no Thai letters', () => {
    const known = /\{\w+\}|\/posters\/film\.svg|\b(?:Google|CSV|PNG|JPEG|WebP|SVG|MB|Shift|Escape)\b/g
    expect([...thai].filter(([, text]) => /[A-Za-z]{2,}/.test(text.replaceAll(known, ' ')))).toEqual([])
    expect([...english].filter(([, text]) => /[\u0e00-\u0e7f]/.test(text))).toEqual([])
  })

  it('no message contains a code such as hall_busy', () => {
    const codes = [...english, ...thai].filter(([, text]) => /\w_\w/.test(text.replaceAll(/\{\w+\}/g, ' ')))
    expect(codes).toEqual([])
  })

  it('a message exists for every key that the code uses', () => {
    const asked = [...code.matchAll(/\bt\(\s*'([\w.-]+)'/g)].map((match) => match[1]!)
    expect(asked.length).toBeGreaterThan(100)
    expect(asked.filter((key) => !english.has(key))).toEqual([])
  })

  it('a message exists for every error code of the API', () => {
    const codes = ['bad_request', 'sign_in_required', 'forbidden', 'bad_origin', 'not_found', 'method_not_allowed', 'too_large', 'unsupported_media_type', 'invalid', 'rate_limited', 'try_again', 'too_slow', 'idempotency_key_reused', 'in_progress', 'bad_return_to', 'bad_state', 'movie_not_found', 'screening_not_found', 'ambiguous_screening', 'unknown_seat', 'sales_closed', 'payment_in_progress', 'too_many_seats', 'too_many_seats_everywhere', 'let_go_too_often', 'seat_taken', 'unknown_method', 'nothing_locked', 'payment_declined', 'payment_not_pending', 'payment_expired', 'seats_lost', 'payment_not_found', 'booking_not_found', 'bad_signature', 'price_missing', 'hall_busy', 'starts_in_past', 'has_screenings', 'has_bookings', 'already_sent', 'hall_not_found', 'mail_not_found', 'dead_letter_not_found', 'provider_not_found', 'misdirected']
    expect(codes.filter((name) => !english.has(`problem.${name}`))).toEqual([])
  })

  it('the code uses every message', () => {
    const unused = [...english.keys()].filter((key) => !code.includes(`'${key}'`) && !COMPOSED.some((keys) => keys.test(key)))
    expect(unused).toEqual([])
    expect(COMPOSED.filter((keys) => ![...english.keys()].some((key) => keys.test(key)))).toEqual([])
  })
})
