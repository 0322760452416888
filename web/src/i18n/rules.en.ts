import type { components } from '@/api/schema'

/** Rules that a field of a form can break, and the names of fields that a form does not show beside the error. */
export default {
  rule: {
    type: 'This is not a valid value.',
    required: 'This is needed.',
    required_with: 'This is needed too.',
    required_or: 'This is needed.',
    twice: 'This was given twice.',
    length: 'Write {min} to {max} characters.',
    range: 'A number from {min} to {max}.',
    at_least: '{min} or more.',
    minutes: '{min} to {max} minutes.',
    price: 'An amount of 0 to {max} baht.',
    items_max: 'At most {max}.',
    items_min: 'At least {min}.',
    one_of: 'Choose one of the values offered.',
    control_characters: 'Remove line breaks, tabs and other control characters.',
    direction_characters: 'Remove characters that change the direction of the text.',
    visible: 'Write at least one visible character.',
    site_path: 'A path of this site, such as /posters/film.svg.',
    row_label: '1 to {max} letters from A to Z.',
    row_label_unique: 'Another row has this letter.',
    has_seat: 'A hall needs at least one seat.',
    price_missing: 'This category needs a price.',
    price_unique: 'This category was given twice.',
    day: 'This day is not in the calendar.',
    not_before: 'The end must not be before the start.',
    days_max: 'At most {max} days.',
    days_ahead: 'At most {max} days ahead. Is the year right?',
    cursor: 'This page of the list does not exist.',
    idempotency_key: '1 to {max} printable characters.',
    picture_type: 'This file is not the kind of picture that its name says.',
  } satisfies Record<components['schemas']['Rule'], string>,
  field: {
    title: 'Title', title_th: 'Title in Thai', synopsis: 'Synopsis', synopsis_th: 'Synopsis in Thai', genres: 'Genre {n}', duration_min: 'Length', rating: 'Rating', poster_url: 'Poster', name: 'Name', name_th: 'Name in Thai', rows: 'Rows', label: 'Row {n}, letter', category: 'Row {n}, category', cells: 'Row {n}, places', prices: 'Prices', price: 'Price {name}', movie_id: 'Film', hall_id: 'Hall', start_time: 'Start', movie: 'Film', hall: 'Hall', seats: 'Seats', categories: 'Categories', genres_all: 'Genres', role: 'Role', issuer: 'Signed in with', code: 'Refused with', body: 'File',
  },
}
