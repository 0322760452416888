// @vitest-environment node
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import auditEn from '@/i18n/audit.en'
import auditTh from '@/i18n/audit.th'
import { BEGINNINGS, mailErrorKey } from './mailErrors'

const FOLDER = new URL('../../../../../crates/seatkeeper/src/', import.meta.url)
/** A source file of the server, with each text in one line. */
const read = (file: string) => readFileSync(new URL(file, FOLDER), 'utf8').replaceAll(/\\\n\s*/g, '')
const refusals = read('mail/smtp_refusals.rs')
const sources = [refusals, ...['mail/smtp.rs', 'mail/message.rs', 'mail/send.rs', 'workers/mail_sender.rs'].map(read)].join('\n')

describe('sentences for mails that were not sent', () => {
  it.each(Object.entries(BEGINNINGS))('the server still writes "%s", and the page has a sentence in both languages', (beginning, name) => {
    expect(sources).toContain(`"${beginning}`)
    expect(mailErrorKey(`${beginning}: 550 5.1.1 no such user`)).toBe(`admin.mail_error.${name}`)
    for (const { admin } of [auditEn, auditTh]) expect(admin.mail_error).toHaveProperty(name)
  })

  it('every refusal of a mail server has a sentence', () => {
    const texts = [...refusals.matchAll(/Self::\w+ => "(the [^"]+)"/g)].map((match) => match[1]!)
    expect(texts).toHaveLength(6)
    for (const text of texts) expect(mailErrorKey(`${text}: 550 no`), text).not.toBe('admin.mail_error.other')
  })

  it('an unknown text has the general sentence', () => {
    expect(mailErrorKey('of a newer server')).toBe('admin.mail_error.other')
    for (const { admin } of [auditEn, auditTh]) expect(admin.mail_error).toHaveProperty('other')
  })
})
