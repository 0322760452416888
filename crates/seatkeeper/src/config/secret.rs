//! Values that must not be printed.

use std::fmt;

/// What is shown instead.
pub(super) const HIDDEN: &str = "***";

/// A secret. Printing it, in a log or an error, shows `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself, for the one place that needs it.
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

/// The address of a service, perhaps with a password in it. Printing it draws over the password.
#[derive(Clone, PartialEq, Eq)]
pub struct ServiceUrl(String);

impl ServiceUrl {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The whole address, password and all, for the driver.
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

/// `scheme://user:password@host` as `scheme://user:***@host`. Works on text that is not a right address
/// too, because errors show those; it would rather hide too much, so the last `@` counts.
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
    fn a_secret_never_shows() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "***");
    }

    #[test]
    fn an_address_shows_all_but_its_password() {
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
