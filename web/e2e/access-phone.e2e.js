import { test } from './support/fixtures.js'
import { PHONE, SMALL_PHONE } from './support/visitor.js'
import { testLooks } from './support/looks.js'

// A mail server that does not answer, so that the list of mails has buttons to send them again.
test.use({ serverFlags: ['--mail-url=smtp://127.0.0.1:1'] })

testLooks([
  { language: 'th', theme: 'dark', screen: PHONE, hall: 'Hall 2' },
  { language: 'en', theme: 'light', screen: SMALL_PHONE, hall: 'The Loft' },
])
