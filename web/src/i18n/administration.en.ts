import admin from './admin.en'
import audit from './audit.en'
import rules from './rules.en'

/** All messages of the administration pages, as one script. */
export default [admin, audit, rules]
