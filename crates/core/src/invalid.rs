//! Validation errors of an input: which field breaks which rule.

use serde::Serialize;
use strum::VariantNames;

/// The most field errors in one response.
pub const FIELD_ERRORS_MAX: usize = 50;

/// A rule that a field broke. Programs read the rule's name and its parameters, for example to show a sentence in the reader's
/// language; the text is English.
///
/// Every variant has braces, so that `params` is an object even without parameters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, VariantNames, thiserror::Error)]
#[serde(tag = "rule", content = "params", rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Rule {
    /// The value has another type, or is not what the type's parser accepts.
    #[error("{reason}")]
    Type {
        /// The parser's message.
        reason: String,
    },
    /// The field is missing.
    #[error("needed")]
    Required {},
    /// The field is missing beside another one.
    #[error("needed together with {other}")]
    RequiredWith {
        /// The other field.
        other: &'static str,
    },
    /// One of several fields is needed.
    #[error("needed, or {others}")]
    RequiredOr {
        /// The fields that may be given instead.
        others: &'static str,
    },
    /// The field may be given once.
    #[error("given twice")]
    Twice {},
    /// The length of a text.
    #[error("{min} to {max} characters")]
    Length {
        /// The fewest characters.
        min: usize,
        /// The most characters.
        max: usize,
    },
    /// The value of a number.
    #[error("{min} to {max}")]
    Range {
        /// The smallest value.
        min: i64,
        /// The largest value.
        max: i64,
    },
    /// The smallest value of a number.
    #[error("{min} or more")]
    AtLeast {
        /// The smallest value.
        min: i64,
    },
    /// The value of a duration, in minutes.
    #[error("{min} to {max} minutes")]
    Minutes {
        /// The shortest duration.
        min: u32,
        /// The longest duration.
        max: u32,
    },
    /// The amount of a price, in satang.
    #[error("0 to {max} satang")]
    Price {
        /// The highest price.
        max: i64,
    },
    /// The most items of a list.
    #[error("at most {max}")]
    ItemsMax {
        /// The most items.
        max: usize,
    },
    /// The fewest items of a list.
    #[error("at least {min}")]
    ItemsMin {
        /// The fewest items.
        min: usize,
    },
    /// One of a closed set of values.
    #[error("one of {values}")]
    OneOf {
        /// The values, separated by commas.
        values: String,
    },
    /// Control characters are refused; in a text of one line, line feeds too.
    #[error("no control characters")]
    ControlCharacters {},
    /// Characters that override the direction of text are refused: they make a text look like another one.
    #[error("no characters that override the direction of text")]
    DirectionCharacters {},
    /// A text needs a visible character.
    #[error("at least one visible character")]
    Visible {},
    /// A path of this site.
    #[error("a path of this site, such as /posters/film.svg")]
    SitePath {},
    /// A label of a row.
    #[error("1 to {max} letters A to Z")]
    RowLabel {
        /// The most letters.
        max: usize,
    },
    /// Labels of rows are unique in a hall, whatever their case.
    #[error("a label stands for one row only")]
    RowLabelUnique {},
    /// A hall has a seat.
    #[error("a hall has at least one seat")]
    HasSeat {},
    /// Each price category of a hall has a price.
    #[error("a price for each category of the hall")]
    PriceMissing {},
    /// A price category is given once, whatever its case.
    #[error("one price for each category")]
    PriceUnique {},
    /// A day of the calendar.
    #[error("not a day of the calendar")]
    Day {},
    /// The end of a period is not before its start.
    #[error("not before {other}")]
    NotBefore {
        /// The field with the start.
        other: &'static str,
    },
    /// The length of a period, in days.
    #[error("at most {max} days")]
    DaysMax {
        /// The most days.
        max: i64,
    },
    /// How far ahead a time may be, in days.
    #[error("at most {max} days ahead")]
    DaysAhead {
        /// The most days.
        max: i64,
    },
    /// The cursor of a page.
    #[error("not one that a page of this list ended with")]
    Cursor {},
    /// The value of `Idempotency-Key`.
    #[error("1 to {max} printable characters, once")]
    IdempotencyKey {
        /// The most characters.
        max: usize,
    },
    /// A picture is of the type that its request names.
    #[error("not {content_type}")]
    PictureType {
        /// The named type.
        content_type: String,
    },
}

/// One field and the rule that it broke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// The path of the field: `layout.rows[2].label`.
    pub field: String,
    /// The rule that the field broke.
    pub rule: Rule,
}

/// All field errors of an input; never empty when it is returned as an error.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
#[error("{} fields are not valid", errors.len())]
pub struct Invalid {
    /// The field errors, in the order of the fields.
    pub errors: Vec<FieldError>,
}

impl Invalid {
    /// A single field error.
    #[must_use]
    pub fn one(field: &str, rule: Rule) -> Self {
        let mut invalid = Self::default();
        invalid.add(field, rule);
        invalid
    }

    /// Adds a field error, up to [`FIELD_ERRORS_MAX`].
    pub fn add(&mut self, field: impl Into<String>, rule: Rule) {
        if self.errors.len() < FIELD_ERRORS_MAX {
            self.errors.push(FieldError { field: field.into(), rule });
        }
    }

    /// Adds a field error unless `is_right`.
    pub fn check(&mut self, is_right: bool, field: impl Into<String>, rule: Rule) {
        if !is_right {
            self.add(field, rule);
        }
    }

    /// `value` if there are no field errors.
    ///
    /// # Errors
    /// All field errors.
    pub fn or<T>(self, value: T) -> Result<T, Self> {
        if self.errors.is_empty() { Ok(value) } else { Err(self) }
    }
}
