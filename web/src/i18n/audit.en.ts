/** What the audit log says; loaded with the texts of the administration. */
export default {
  admin: {
    action: {
      sign_in: 'Signed in', sign_out: 'Signed out', admin_refused: 'Refused at an administrators’ page', demo_filled: 'Demo cinema created',
      admin_added: 'Administrator added', became_admin: 'Became administrator', role_changed: 'Role changed',
      movie_created: 'Film added', movie_changed: 'Film changed', movie_deleted: 'Film deleted',
      hall_created: 'Hall added', hall_changed: 'Hall changed', hall_deleted: 'Hall deleted',
      screening_created: 'Showing added', screening_changed: 'Showing changed', screening_deleted: 'Showing deleted',
    },
    released: { user_unlocked: 'Seats released by the customer', expired: 'Seats released when their time was up' },
    refund_reason: { seats_lost: 'The seats went to somebody else', sales_closed: 'Sales had ended', provider_refunded: 'The payment provider refunded it' },
    layout_changed: 'The layout changed', raw: 'Raw data',
    nothing: 'none',
    role: { ADMIN: 'Administrator', USER: 'Customer' },
    issuer: { demo: 'Demo sign-in' },
    system_error: {
      internal: 'A fault of the program', unavailable: 'A service of the program does not work and is tried again', recovered: 'A service of the program works again',
      unreadable_event: 'A stored event cannot be read', capture_failed: 'Seats were sold, but their money cannot be collected',
    },
  },
}
