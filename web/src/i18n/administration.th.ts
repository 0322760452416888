import admin from './admin.th'
import audit from './audit.th'
import rules from './rules.th'

/** All messages of the administration pages, as one script. */
export default [admin, audit, rules]
