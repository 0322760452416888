import { PHONE, SMALL_PHONE } from './support/visitor.js'
import { testLooks } from './support/looks.js'

testLooks([
  { language: 'th', theme: 'dark', screen: PHONE, hall: 'Hall 2' },
  { language: 'en', theme: 'light', screen: SMALL_PHONE, hall: 'The Loft' },
])
