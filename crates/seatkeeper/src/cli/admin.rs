//! The command `admin`: appoints administrators in the store, beside a running server or without one.

use std::fmt::Write as _;

use clap::Subcommand;
use seatkeeper_core::{
    email::EmailKey,
    event::{Event, EventKind},
    person::{DEMO_ISSUER, Person, Role},
    ports::{AddAdmin, AddAdminOutcome},
};
use serde_json::json;

use super::flags::SettingFlags;
use crate::{
    config::{StoreConfig, StoreUrl},
    system::SystemEntropy,
    wiring::StoreBeside,
};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What to do with administrators.
#[derive(Debug, Subcommand)]
pub enum AdminCommand {
    /// Make the person with this e-mail address an administrator, now or at the first sign-in; exit 1 when several people
    /// or unverified ones have it.
    Add {
        /// The address, which the identity provider of the settings must have verified.
        #[arg(value_parser = parse_email)]
        email: EmailKey,
        /// The settings of the server.
        #[command(flatten)]
        settings: SettingFlags,
    },
}

fn parse_email(text: &str) -> Result<EmailKey, String> {
    EmailKey::parse(text).ok_or_else(|| "not an e-mail address such as ann@tickets.example".to_owned())
}

/// Makes the person with this verified address an administrator, or remembers the address for the first sign-in.
/// Returns a text that says what was done and in which store, because a mistyped setting may name another store than
/// the server's.
///
/// # Errors
/// The store does not exist, or cannot be opened or written. Or the address belongs to people, but not to exactly one
/// whose address the provider of the settings has verified; the error lists these people.
pub async fn add_admin(config: &StoreConfig, email: EmailKey) -> Result<String, Failure> {
    let issuer = config.issuer.as_ref().map_or_else(|| DEMO_ISSUER.to_owned(), ToString::to_string);
    let beside = StoreBeside::open(config).await?;
    let details = json!({ "role": Role::Admin.as_ref(), "by": "command" });
    let now = beside.clock.now();
    let kind = EventKind::AuditLog { action: "admin_added".to_owned(), subject: None, details };
    let request = AddAdmin { event: Event::new(now, &SystemEntropy, kind), issuer, email };
    let outcome = beside.people.add_admin(&request, now).await;
    beside.close().await;
    let AddAdmin { email, issuer, .. } = request;
    let done = match outcome? {
        AddAdminOutcome::Added(person) => format!("{} <{}> is an administrator now", person.name, person.email),
        AddAdminOutcome::WasAdmin(person) => format!("{} <{}> was an administrator already", person.name, person.email),
        AddAdminOutcome::Remembered => format!(
            "nobody has signed in with {email} yet; the address is remembered, and whoever signs in with it at {issuer} \
             becomes an administrator"
        ),
        AddAdminOutcome::NotOne(people) => {
            let refusal = describe_refusal(&email, &issuer, &people);
            return Err(format!("{refusal}\n{}", describe_store(&config.store)).into());
        }
    };
    Ok(format!("{done}\n{}", describe_store(&config.store)))
}

/// The path of the store's file or its URL, without the password and the options, which may be secret, too.
fn describe_store(store: &StoreUrl) -> String {
    match store {
        StoreUrl::Sqlite { path } => {
            // If the path cannot be made absolute, the path as the settings give it is shown.
            let whole = std::path::absolute(path).unwrap_or_else(|_| path.clone());
            format!("store: {}", whole.display())
        }
        StoreUrl::Mongo { url } => {
            let shown = url.to_string();
            format!("store: {}", shown.split('?').next().unwrap_or_default())
        }
    }
}

fn describe_refusal(email: &EmailKey, issuer: &str, people: &[Person]) -> String {
    let mut text = format!("not exactly one person of {issuer} has the verified address {email}; people with it:");
    for person in people {
        let verified = if person.is_email_verified { "verified" } else { "not verified" };
        // Writing to a `String` cannot fail.
        let _ = write!(text, "\n  {} {} <{}> {} ({verified})", person.id, person.name, person.email, person.issuer);
    }
    text.push_str("\nan address is verified if the provider said so at the person's last sign-in: sign in once more");
    text
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use seatkeeper_embedded::sqlite::SqliteStore;

    use super::*;
    use crate::cli::{Cli, Command};

    #[test]
    fn admin_add_takes_an_address_and_the_settings() {
        let parsed = Cli::try_parse_from(["seatkeeper", "admin", "add", "Ann@X.test", "--data-dir=/d"]).unwrap();
        let Command::Admin(AdminCommand::Add { email, settings }) = parsed.command else { panic!("admin add") };
        assert_eq!(email.as_str(), "ann@x.test");
        let values = settings.gather(Vec::new()).unwrap();
        assert!(values.iter().any(|value| value.shown() == "/d"));
        let refused = Cli::try_parse_from(["seatkeeper", "admin", "add", "ann"]).unwrap_err();
        assert_eq!(refused.exit_code(), 2);
    }

    #[tokio::test]
    async fn admin_add_names_the_store_and_refuses_to_create_a_missing_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data").join("store.db");
        let config = StoreConfig { store: StoreUrl::Sqlite { path: path.clone() }, issuer: None };
        let email = EmailKey::parse("ann@x.test").unwrap();
        let refused = add_admin(&config, email.clone()).await.unwrap_err().to_string();
        assert!(refused.contains("there is no database") && refused.contains(path.to_str().unwrap()), "{refused}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is created");

        std::fs::create_dir(folder.path().join("data")).unwrap();
        drop(SqliteStore::open(&path).unwrap());
        let said = add_admin(&config, email).await.unwrap();
        assert!(said.contains("the address is remembered"), "{said}");
        assert_eq!(said.lines().last(), Some(format!("store: {}", path.display()).as_str()));
    }
}
