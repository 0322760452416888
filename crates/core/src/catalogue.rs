//! The programme: films, halls, screenings.

use std::{collections::BTreeMap, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use strum::VariantNames;

use crate::{
    hall_slots::{DURATION_MIN_MAX, HallSlot},
    ids::{HallId, MovieId, ScreeningId},
    invalid::{Invalid, Rule},
    money::Money,
    seating::{Layout, PlannedSeat, SeatPlan},
    text,
};

/// The longest title or name, in characters.
pub const TITLE_CHARS_MAX: usize = 200;
/// The longest synopsis, in characters.
pub const SYNOPSIS_CHARS_MAX: usize = 4_000;
/// The longest age rating, in characters.
pub const RATING_CHARS_MAX: usize = 20;
/// The longest genre, in characters.
pub const GENRE_CHARS_MAX: usize = 40;
/// The most genres of a film.
pub const GENRES_MAX: usize = 10;

/// The fields of a film that an administrator sets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MovieDetails {
    /// The title in English or the original language.
    pub title: String,
    /// The title in Thai.
    pub title_th: Option<String>,
    /// A summary of the plot.
    pub synopsis: Option<String>,
    /// The summary in Thai.
    pub synopsis_th: Option<String>,
    /// Genres, each at most [`GENRE_CHARS_MAX`] characters.
    pub genres: Vec<String>,
    /// The length in minutes.
    pub duration_min: u32,
    /// The age rating as shown: `13+`.
    pub rating: Option<String>,
    /// The poster's path on this site.
    pub poster_url: Option<String>,
}

impl MovieDetails {
    /// Checks lengths and the poster's path.
    ///
    /// # Errors
    /// Every field that breaks a rule.
    pub fn check(&self) -> Result<(), Invalid> {
        let mut invalid = Invalid::default();
        let mut check = |field: &str, text: Option<&str>, rule: TextRule, chars_max| {
            if let Some(Err(broken)) = text.map(|text| rule(text, chars_max)) {
                invalid.add(field, broken);
            }
        };
        check("title", Some(&self.title), text::check_line, TITLE_CHARS_MAX);
        check("title_th", self.title_th.as_deref(), text::check_line, TITLE_CHARS_MAX);
        check("synopsis", self.synopsis.as_deref(), text::check_lines, SYNOPSIS_CHARS_MAX);
        check("synopsis_th", self.synopsis_th.as_deref(), text::check_lines, SYNOPSIS_CHARS_MAX);
        check("rating", self.rating.as_deref(), text::check_line, RATING_CHARS_MAX);
        for (index, genre) in self.genres.iter().enumerate().take(GENRES_MAX) {
            check(&format!("genres[{index}]"), Some(genre), text::check_line, GENRE_CHARS_MAX);
        }
        invalid.check(self.genres.len() <= GENRES_MAX, "genres", Rule::ItemsMax { max: GENRES_MAX });
        let runs = (1..=DURATION_MIN_MAX).contains(&self.duration_min);
        invalid.check(runs, "duration_min", Rule::Minutes { min: 1, max: DURATION_MIN_MAX });
        if let Some(url) = &self.poster_url {
            let is_path = url.starts_with('/') && !url.starts_with("//") && url.len() <= 500;
            let is_plain = url.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
            invalid.check(is_path && is_plain, "poster_url", Rule::SitePath {});
        }
        invalid.or(())
    }
}

type TextRule = fn(&str, usize) -> Result<(), Rule>;

/// A film.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Movie {
    /// Id of the film.
    pub id: MovieId,
    /// The fields that an administrator sets.
    pub details: MovieDetails,
}

/// A hall and its seats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hall {
    /// Id of the hall.
    pub id: HallId,
    /// The hall's name, 1–200 characters.
    pub name: String,
    /// The hall's name in Thai, if it has one.
    pub name_th: Option<String>,
    /// The hall's seats.
    pub layout: Layout,
}

impl Hall {
    /// Checks a hall's name and its Thai name; a missing one is not checked.
    ///
    /// # Errors
    /// Every name that breaks a rule of names, by its field: `name`, `name_th`.
    pub fn check_names(name: Option<&str>, name_th: Option<&str>) -> Result<(), Invalid> {
        let mut invalid = Invalid::default();
        for (field, given) in [("name", name), ("name_th", name_th)] {
            if let Some(Err(broken)) = given.map(|given| text::check_line(given, TITLE_CHARS_MAX)) {
                invalid.add(field, broken);
            }
        }
        invalid.or(())
    }
}

/// A price for each category of a hall.
pub type Prices = BTreeMap<String, Money>;

/// A screening as stored, with its own copy of the hall's layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Screening {
    /// Id of the screening.
    pub id: ScreeningId,
    /// The film.
    pub movie_id: MovieId,
    /// The hall.
    pub hall_id: HallId,
    /// The start of the film.
    pub start_time: Timestamp,
    /// The end of the film: its start plus its length.
    pub end_time: Timestamp,
    /// When the hall is free for the next screening: the end of the film plus the cleaning time.
    pub hall_free_at: Timestamp,
    /// Whether the screening is cancelled: it will not take place, and no seats are sold.
    pub is_cancelled: bool,
    /// The film's title, which the store joins in.
    pub movie_title: String,
    /// Its Thai title, if it has one, which the store joins in.
    pub movie_title_th: Option<String>,
    /// The hall's name, which the store joins in.
    pub hall_name: String,
    /// The hall's Thai name, if it has one, which the store joins in.
    pub hall_name_th: Option<String>,
    /// The hall's layout when the screening was created.
    pub layout: Layout,
    /// The price of each category of the layout.
    pub prices: Prices,
}

impl Screening {
    /// The end of a film that runs `duration_min` minutes and begins at `start`.
    #[must_use]
    pub fn end_of(start: Timestamp, duration_min: u32) -> Timestamp {
        start.saturating_add(SignedDuration::from_mins(duration_min.into())).unwrap_or(Timestamp::MAX)
    }

    /// When the hall is free again after a film that ends at `end` and `cleaning_min` minutes of cleaning.
    #[must_use]
    pub fn hall_free_after(end: Timestamp, cleaning_min: u32) -> Timestamp {
        Self::end_of(end, cleaning_min)
    }

    /// The film's length in milliseconds.
    #[must_use]
    pub fn film_ms(&self) -> i64 {
        self.end_time.as_millisecond() - self.start_time.as_millisecond()
    }

    /// The time for which the screening occupies its hall.
    #[must_use]
    pub fn slot(&self) -> HallSlot {
        HallSlot {
            screening_id: self.id,
            hall_id: self.hall_id,
            start_ms: self.start_time.as_millisecond(),
            end_ms: self.end_time.as_millisecond(),
            free_ms: self.hall_free_at.as_millisecond(),
        }
    }

    /// The price categories of `layout` that have no price.
    pub fn missing_prices<'a>(layout: &'a Layout, prices: &Prices) -> Vec<&'a str> {
        layout.categories().into_iter().filter(|category| !prices.contains_key(*category)).collect()
    }
}

/// Whether seats of a screening can be bought.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, VariantNames)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum ScreeningState {
    /// Seats can be bought.
    OnSale,
    /// Sales have ended. Not stored, but computed from the time.
    Closed,
    /// The screening is cancelled. This state is stored.
    Cancelled,
}

/// A screening as servers cache it, with its seat plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenScreening {
    /// The screening as stored.
    pub screening: Screening,
    /// The screening's revision, which grows when film, hall, start, end, prices or state change. A new title of the film or
    /// a new name of the hall, in either language, does not count.
    pub revision: u64,
    /// The seats of the screening.
    pub plan: SeatPlan,
    /// When sales end.
    pub sales_close_at: Timestamp,
    /// The lowest price of a seat. Cached, because every list shows it and finding it among all seats dominated the
    /// cost of a list.
    price_from: Money,
}

/// A cached screening, shared within a server.
pub type SharedScreening = Arc<OpenScreening>;

impl OpenScreening {
    /// Builds the seat plan of a screening that was read at `revision`. Sales end `sales_close` before the start.
    #[must_use]
    pub fn new(screening: Screening, revision: u64, sales_close: SignedDuration) -> Self {
        let plan = SeatPlan::of(&screening.layout);
        let sales_close_at = screening.start_time.saturating_sub(sales_close).unwrap_or(screening.start_time);
        let mut open = Self { screening, revision, plan, sales_close_at, price_from: Money::satang(0) };
        let for_sale = open.plan.seats().iter().filter(|seat| seat.kind.is_for_sale());
        let cheapest = for_sale.map(|seat| open.price_of(seat)).min_by_key(|price| price.amount);
        open.price_from = cheapest.unwrap_or(open.price_from);
        open
    }

    /// Whether sales have ended.
    #[must_use]
    pub fn sales_closed(&self, now: Timestamp) -> bool {
        now >= self.sales_close_at
    }

    /// The state of the screening at `now`.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> ScreeningState {
        match (self.screening.is_cancelled, self.sales_closed(now)) {
            (true, _) => ScreeningState::Cancelled,
            (false, true) => ScreeningState::Closed,
            (false, false) => ScreeningState::OnSale,
        }
    }

    /// The price of a seat.
    #[must_use]
    pub fn price_of(&self, seat: &PlannedSeat) -> Money {
        self.screening.prices.get(self.plan.category_of(seat)).copied().unwrap_or(Money::satang(0))
    }

    /// The price of the cheapest seat for sale.
    #[must_use]
    pub const fn price_from(&self) -> Money {
        self.price_from
    }
}
