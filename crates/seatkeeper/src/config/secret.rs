//! Settings whose values must not be printed.

use std::fmt;

/// The text that is shown instead of a secret.
pub(super) const HIDDEN: &str = "***";

/// A secret. `Debug` shows `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself, for the code that uses it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

/// The URL of a service, which may contain a password. `Debug` and `Display` hide the password.
#[derive(Clone, PartialEq, Eq)]
pub struct ServiceUrl(String);

impl ServiceUrl {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The whole URL including the password, for the driver.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ServiceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", hide_password(&self.0))
    }
}

impl fmt::Display for ServiceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hide_password(&self.0))
    }
}

/// Replaces `scheme://user:password@host` by `scheme://user:***@host`. Errors also show malformed URLs, so this must
/// work on any text; it splits at the last `@`, so that it hides too much rather than too little.
pub(super) fn hide_password(url: &str) -> String {
    let Some((before, host)) = url.rsplit_once('@') else {
        return url.to_owned();
    };
    let (scheme, login) = before.split_once("://").unwrap_or(("", before));
    let user = login.split_once(':').map_or(login, |(user, _)| user);
    let separator = if scheme.is_empty() { "" } else { "://" };
    format!("{scheme}{separator}{user}:{HIDDEN}@{host}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_of_a_secret_hides_it() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "***");
    }

    #[test]
    fn displayed_service_url_hides_only_the_password() {
        for (url, shown) in [
            ("redis://10.0.0.1:6379", "redis://10.0.0.1:6379"),
            ("smtp://ann:pw@mail.example:25", "smtp://ann:***@mail.example:25"),
            ("smtp://ann:p@w@mail.example", "smtp://ann:***@mail.example"),
            ("redis://:pw@host", "redis://:***@host"),
            ("smtp:ann:pw@host", "smtp:***@host"),
        ] {
            let url = ServiceUrl::new(url);
            assert_eq!(url.to_string(), shown);
            assert_eq!(format!("{url:?}"), format!("\"{shown}\""));
        }
    }
}
