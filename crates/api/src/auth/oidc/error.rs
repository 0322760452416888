//! Why a sign-in failed.

use std::error::Error;

/// Why a sign-in failed.
#[derive(Debug, thiserror::Error)]
pub(in crate::auth) enum OidcError {
    /// The provider does not answer, or answers with an error. A retry may succeed.
    #[error("the identity provider is unavailable: {0}")]
    Unavailable(String),
    /// The provider's answer does not prove the person's identity.
    #[error("refused: {0}")]
    Refused(String),
    /// The provider returned no verified, valid e-mail address.
    #[error("the identity provider returned no usable e-mail address")]
    NoEmail,
}

pub(super) fn unavailable(error: &(dyn Error + 'static)) -> OidcError {
    OidcError::Unavailable(whole_story(error))
}

pub(super) fn refused(why: impl Into<String>) -> OidcError {
    OidcError::Refused(why.into())
}

/// Formats an error with all its sources, by their `Display` only: the `Debug` of some contains the provider's answer
/// with its secrets.
fn whole_story(error: &(dyn Error + 'static)) -> String {
    let mut story = error.to_string();
    let mut cause = error.source();
    while let Some(deeper) = cause {
        story = format!("{story}: {deeper}");
        cause = deeper.source();
    }
    story
}
