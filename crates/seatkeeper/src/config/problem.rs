//! The error that an invalid setting causes.

use std::fmt;

/// An error in the settings, as a sentence that names the source of the value (flag, variable, or file and key). It
/// never contains a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsError {
    place: String,
    why: String,
}

impl SettingsError {
    pub(super) fn new(place: impl Into<String>, why: impl Into<String>) -> Self {
        Self { place: place.into(), why: why.into() }
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.why)
    }
}

impl std::error::Error for SettingsError {}
