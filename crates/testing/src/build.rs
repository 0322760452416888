//! Clocks, randomness and samples.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use seatkeeper_core::{
    booking::draw_code,
    catalogue::{Hall, Movie, MovieDetails, Screening},
    event::{Event, EventKind},
    ids::{BookingId, EventId, HallId, MailId, MovieId, PersonId, ScreeningId},
    money::Money,
    person::{DEMO_ISSUER, FirstAdmin, Identity, Language},
    ports::{Clock, ConfirmedSignIn, Entropy, NewMail},
    seating::{Layout, LayoutDraft, Row, SeatKind},
};

/// The time at which tests begin: 2026-11-23T12:30:00Z, in milliseconds since 1970.
pub const SAMPLE_NOW_MS: i64 = 1_795_437_000_000;

/// The time at which tests begin.
#[must_use]
pub fn sample_now() -> Timestamp {
    at_ms(SAMPLE_NOW_MS)
}

fn at_ms(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// A clock that stands still until a test moves it.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock whose time is `now_ms`.
    #[must_use]
    pub const fn at_ms(now_ms: i64) -> Self {
        Self(AtomicI64::new(now_ms))
    }

    /// Moves the clock forward, or back when `by` is negative.
    pub fn advance(&self, by: SignedDuration) {
        let ms = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.0.fetch_add(ms, Ordering::SeqCst);
    }

    /// The current time, in milliseconds since 1970.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::at_ms(SAMPLE_NOW_MS)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        at_ms(self.now_ms())
    }
}

/// Deterministic randomness from a seed (SplitMix64).
#[derive(Debug)]
pub struct SeededEntropy(AtomicU64);

impl SeededEntropy {
    /// The random sequence of this seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// The next number.
    pub fn next_u64(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut z = self.0.fetch_add(STEP, Ordering::SeqCst).wrapping_add(STEP);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// The next UUID, for any type of id.
    pub fn next_uuid(&self) -> Uuid {
        Uuid::from_u64_pair(self.next_u64(), self.next_u64())
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.next_u64().to_le_bytes()[..chunk.len()]);
        }
    }
}

/// A hall from text such as `"ss_ss/sofa:pp"`: rows A, B, … from the screen to the back, separated by `/`, each with an
/// optional category (default `standard`). `s` seat, `p` pair, `w` wheelchair, `c` companion, `x` blocked, `_` gap.
///
/// # Panics
/// The text is not a valid hall, which is a mistake of the test.
#[must_use]
pub fn layout_of(picture: &str) -> Layout {
    let rows = (b'A'..=b'Z').zip(picture.split('/')).map(|(label, row)| {
        let (category, cells) = row.split_once(':').unwrap_or(("standard", row));
        let label = char::from(label).to_string();
        Row { label, category: category.to_owned(), cells: cells.chars().map(cell_of).collect() }
    });
    match Layout::parse(LayoutDraft { rows: rows.collect() }) {
        Ok(layout) => layout,
        Err(invalid) => unreachable!("{picture:?} is not a hall: {invalid:?}"),
    }
}

fn cell_of(letter: char) -> Option<SeatKind> {
    match letter {
        's' => Some(SeatKind::Seat),
        'p' => Some(SeatKind::Pair),
        'w' => Some(SeatKind::Wheelchair),
        'c' => Some(SeatKind::Companion),
        'x' => Some(SeatKind::Blocked),
        '_' => None,
        other => unreachable!("{other:?} is not a cell of a hall"),
    }
}

/// A film with this title that runs 100 minutes.
#[must_use]
pub fn movie_of(id: MovieId, title: &str) -> Movie {
    let details = MovieDetails {
        title: title.to_owned(),
        title_th: Some(format!("{title} ภาษาไทย")),
        synopsis: None,
        synopsis_th: None,
        genres: vec!["drama".to_owned()],
        duration_min: 100,
        rating: Some("13+".to_owned()),
        poster_url: None,
    };
    Movie { id, details }
}

/// A hall with the seats that [`layout_of`] parses from `picture`, and a Thai name.
#[must_use]
pub fn hall_of(id: HallId, name: &str, picture: &str) -> Hall {
    Hall {
        id, name: name.to_owned(), name_th: Some(format!("{name} ภาษาไทย")), layout: layout_of(picture)
    }
}

/// A screening of a film in a hall, with a price of 200 baht in every category and 15 minutes of cleaning.
#[must_use]
pub fn screening_of(id: ScreeningId, movie: &Movie, hall: &Hall, start_time: Timestamp) -> Screening {
    let end_time = Screening::end_of(start_time, movie.details.duration_min);
    let prices = hall.layout.categories().into_iter().map(|name| (name.to_owned(), Money::satang(20_000)));
    Screening {
        id,
        movie_id: movie.id,
        hall_id: hall.id,
        start_time,
        end_time,
        hall_free_at: Screening::hall_free_after(end_time, 15),
        is_cancelled: false,
        movie_title: movie.details.title.clone(),
        movie_title_th: movie.details.title_th.clone(),
        hall_name: hall.name.clone(),
        hall_name_th: hall.name_th.clone(),
        prices: prices.collect(),
        layout: hall.layout.clone(),
    }
}

/// An identity like that of [`identity_of`], with the built-in demo as the issuer.
#[must_use]
pub fn demo_identity_of(name: &str) -> Identity {
    Identity { issuer: DEMO_ISSUER.to_owned(), ..identity_of(name) }
}

/// An identity whose subject and e-mail derive from `name`.
#[must_use]
pub fn identity_of(name: &str) -> Identity {
    Identity {
        issuer: "https://idp.example.test".to_owned(),
        subject: format!("sub-{name}"),
        name: name.to_owned(),
        email: format!("{}@example.test", name.to_lowercase().replace(' ', ".")),
        is_email_verified: true,
        picture_url: None,
        language: Language::Th,
    }
}

/// The confirmed sign-in of an identity, by the rule that the first person ever is ADMIN.
#[must_use]
pub fn sign_in_of(identity: Identity, new_id: PersonId) -> ConfirmedSignIn {
    let seed = new_id.as_uuid().as_u64_pair().1;
    let on_promotion = event_of(&SeededEntropy::new(seed), sample_now(), "admin_added");
    ConfirmedSignIn { identity, new_id, first_admin: FirstAdmin::FirstPerson, on_promotion }
}

/// A unique audit event whose action is `action`.
#[must_use]
pub fn event_of(entropy: &dyn Entropy, at: Timestamp, action: &str) -> Event {
    let kind = EventKind::AuditLog { action: action.to_owned(), subject: None, details: serde_json::Value::Null };
    Event::new(at, entropy, kind)
}

/// A confirmation mail for a booking that is not stored.
#[must_use]
pub fn mail_of(ids: &SeededEntropy, at: Timestamp) -> NewMail {
    NewMail {
        id: MailId::from_uuid(ids.next_uuid()),
        event_id: EventId::from_uuid(ids.next_uuid()),
        booking_id: BookingId::from_uuid(ids.next_uuid()),
        booking_code: draw_code(ids),
        to: "ann@example.test".to_owned(),
        name: "แอน".to_owned(),
        language: Language::Th,
        created_at: at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layout_of_parses_the_text_of_a_hall() {
        let layout = layout_of("s_x/sofa:pp");
        assert_eq!(layout.categories(), ["standard", "sofa"]);
        assert_eq!(layout.rows()[0].cells, [Some(SeatKind::Seat), None, Some(SeatKind::Blocked)]);
        assert_eq!(layout.rows()[1].label, "B");
    }

    #[test]
    fn entropy_of_the_same_seed_gives_the_same_numbers() {
        let (a, b) = (SeededEntropy::new(7), SeededEntropy::new(7));
        assert_eq!(a.next_uuid(), b.next_uuid());
        assert_ne!(a.next_u64(), a.next_u64());
        assert_eq!(sample_now().to_string(), "2026-11-23T12:30:00Z");
    }
}
