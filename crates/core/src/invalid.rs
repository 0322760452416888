//! Validation errors of an input, by field.

/// The most field errors in one response.
pub const FIELD_ERRORS_MAX: usize = 50;

/// One field and why it was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// The path of the field: `layout.rows[2].label`.
    pub field: String,
    /// The reason, as a text for people.
    pub why: String,
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
    pub fn one(field: &str, why: &str) -> Self {
        let mut invalid = Self::default();
        invalid.add(field, why);
        invalid
    }

    /// Adds a field error, up to [`FIELD_ERRORS_MAX`].
    pub fn add(&mut self, field: impl Into<String>, why: impl Into<String>) {
        if self.errors.len() < FIELD_ERRORS_MAX {
            self.errors.push(FieldError { field: field.into(), why: why.into() });
        }
    }

    /// Adds a field error unless `is_right`.
    pub fn check(&mut self, is_right: bool, field: impl Into<String>, why: impl Into<String>) {
        if !is_right {
            self.add(field, why);
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
