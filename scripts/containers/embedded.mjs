// Books through deploy/compose.yaml.
import { bookThrough, waitUntilOpen } from './visitor.mjs'

const SITE = 'http://localhost:8080'

await waitUntilOpen(SITE)
await bookThrough(SITE, 'ann@example.test')
