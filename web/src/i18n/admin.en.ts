export default {
  admin: {
    nav: { label: 'Administration', overview: 'Overview', bookings: 'Bookings', movies: 'Films', halls: 'Halls', screenings: 'Showings', audit: 'Audit log', events: 'Events', mail: 'Mail' },
    forbidden: 'This part is for administrators only.',
    from: 'From', to: 'To', all: 'All', type: 'Type', csv: 'Download CSV', table: 'As a table', new: 'New', edit: 'Edit', delete: 'Delete', save: 'Save', saved: 'Saved.', deleted: 'Deleted.', actions: 'Actions', previous: 'Previous page', next: 'Next page', page: 'Page {n}', none: 'Nothing here yet', none_text: 'Nothing matches what you chose above.', clear: 'Clear the filters', details: 'Details',
    bookings: 'Bookings', seats: 'Seats', revenue: 'Revenue', occupancy: 'Occupancy', date: 'Day', film: 'Film', hall: 'Hall',
    daily: 'Bookings per day', by_film: 'Revenue per film', selection: 'The whole selection', no_revenue: 'No revenue in these days.', days_invalid: 'The first day must not be after the last, at most 400 days.',
    code: 'Code', customer: 'Customer', showing: 'Showing', total: 'Total', status: 'Status', bought: 'Sold', sold_on: 'Day of sale', shown_on: 'Day of the showing', q: 'Name, e-mail or code',
    at: 'Time', actor: 'Person', only_actor: 'Only what {name} did', all_actors: 'Show everybody', request: 'Request', data: 'Data', position: 'Position', after: 'After position',
    mail: 'Confirmation mails', mail_to: 'To', attempts: 'Tries', last_error: 'Last error', retry: 'Send again', retried: 'It will be sent again.', replay: 'Try again', replayed: 'It has been handled.', replay_failed: 'It failed again: {why}', dead: 'Events that could not be handled', dead_none: 'Every event was handled.', mail_PENDING: 'Waiting', mail_SENT: 'Sent', mail_FAILED: 'Failed',
    event: { BOOKING_SUCCESS: 'Booking made', BOOKING_TIMEOUT: 'Payment ran out of time', SEAT_RELEASED: 'Seat released', PAYMENT_REFUNDED: 'Payment refunded', SYSTEM_ERROR: 'System error', AUDIT_LOG: 'Administration' },
    delete_title: 'Delete “{name}”?', delete_text: 'This cannot be undone.',
    movie: { title: 'Title', title_th: 'Title in Thai', synopsis: 'Synopsis', synopsis_th: 'Synopsis in Thai', genres: 'Genres, separated by commas', duration_min: 'Length in minutes', rating: 'Rating', poster: 'Poster', poster_hint: 'PNG, JPEG, WebP or SVG, up to 5 MiB, two to three.', new: 'New film', edit: 'Edit the film' },
    hall_form: { name: 'Name', new: 'New hall', edit: 'Edit the hall', layout: 'Places', preview: 'Preview', tool: 'Paint with', gap: 'gap', row: 'Row', row_label: 'Letter of row {n}', row_category: 'Category of row {n}', cell: 'Row {row}, place {n}: {kind}', add_row: 'Add a row', remove_row: 'Remove row {row}', longer: 'Row {row} longer', shorter: 'Row {row} shorter', count: '{n} seats', hint: 'Choose a kind, then press or drag over the places.' },
    screening: { movie: 'Film', hall: 'Hall', start: 'Start, in the time of the cinema', price: 'Price {category}, in baht', new: 'New showing', edit: 'Edit the showing', start_time: 'Start', past: 'Past ones too', price_bad: 'An amount of 0 to 100,000 baht.' },
  },
}
