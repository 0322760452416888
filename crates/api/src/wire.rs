//! Shapes that several resources share, and the names of the rules' own types in the document.

use jiff::Timestamp;
use seatkeeper_core::ports::Page;
use serde::Serialize;
use utoipa::ToSchema;

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct List<T> {
    /// In the list's order.
    pub items: Vec<T>,
    /// Give this as `cursor` for the next page; null at the end.
    #[schema(required)]
    pub next_cursor: Option<String>,
}

impl<T> List<T> {
    /// The page as it is answered.
    #[must_use]
    pub fn of<U>(page: Page<U>, shape: impl FnMut(U) -> T) -> Self {
        let next_cursor = page.next.map(|cursor| cursor.to_string());
        Self { items: page.items.into_iter().map(shape).collect(), next_cursor }
    }

    /// A list that comes whole.
    #[must_use]
    pub fn whole(items: Vec<T>) -> Self {
        Self { items, next_cursor: None }
    }
}

/// The instant of so many milliseconds since 1970.
#[must_use]
pub fn time_of(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX)
}
