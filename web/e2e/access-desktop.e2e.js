import { DESKTOP } from './support/visitor.js'
import { testLooks } from './support/looks.js'

testLooks([
  { language: 'en', theme: 'dark', screen: DESKTOP, hall: 'Hall 3' },
  { language: 'th', theme: 'light', screen: DESKTOP, hall: 'The Loft' },
])
