//! What is wrong with an input, field by field.

/// The most complaints that one answer carries; the rest would not be read.
pub const FIELD_ERRORS_MAX: usize = 50;

/// One field and why it was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// Where, as a path: `layout.rows[2].label`.
    pub field: String,
    /// Why, as a sentence for a person.
    pub why: String,
}

/// Everything that is wrong with an input; never empty when it is an error.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
#[error("{} fields are not valid", errors.len())]
pub struct Invalid {
    /// The complaints, in the order of the fields.
    pub errors: Vec<FieldError>,
}

impl Invalid {
    /// One complaint.
    #[must_use]
    pub fn one(field: &str, why: &str) -> Self {
        let mut invalid = Self::default();
        invalid.add(field, why);
        invalid
    }

    /// Adds a complaint, up to [`FIELD_ERRORS_MAX`].
    pub fn add(&mut self, field: impl Into<String>, why: impl Into<String>) {
        if self.errors.len() < FIELD_ERRORS_MAX {
            self.errors.push(FieldError { field: field.into(), why: why.into() });
        }
    }

    /// Adds a complaint unless `is_right`.
    pub fn check(&mut self, is_right: bool, field: impl Into<String>, why: impl Into<String>) {
        if !is_right {
            self.add(field, why);
        }
    }

    /// `value` if nothing was wrong.
    ///
    /// # Errors
    /// All complaints.
    pub fn or<T>(self, value: T) -> Result<T, Self> {
        if self.errors.is_empty() { Ok(value) } else { Err(self) }
    }
}
