//! People. The single writer serialises sign-ins, so exactly one person is the first administrator.

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Transaction, params};
use seatkeeper_core::{
    ids::PersonId,
    person::{Language, Person, Role},
    ports::{AddAdmin, AddAdminOutcome, Backend, ConfirmedSignIn, People},
    text::search_key,
};

use super::{
    SqliteStore, administrators,
    person_rows::{find_by_identity, find_person},
    rows::{Fault, StoredId, ms, run},
};

#[async_trait]
impl People for SqliteStore {
    async fn sign_in(&self, confirmed: &ConfirmedSignIn, now: Timestamp) -> Backend<Person> {
        let confirmed = confirmed.clone();
        self.write(move |tx| sign_in(tx, &confirmed, now)).await
    }

    async fn add_admin(&self, request: &AddAdmin, now: Timestamp) -> Backend<AddAdminOutcome> {
        let request = request.clone();
        self.write(move |tx| administrators::add_admin(tx, &request, now)).await
    }

    async fn list_role_changes_since(&self, since: Timestamp, limit: u32) -> Backend<Vec<PersonId>> {
        self.read(move |tx| administrators::list_role_changes(tx, since, limit)).await
    }

    async fn find_person(&self, id: PersonId) -> Backend<Option<Person>> {
        self.read(move |tx| find_person(tx, id)).await
    }

    async fn set_language(&self, id: PersonId, language: Language) -> Backend<Option<Person>> {
        self.write(move |tx| {
            let sql = "UPDATE people SET language = ?2 WHERE id = ?1";
            run(tx, sql, (id.bytes(), language.as_ref()))?;
            find_person(tx, id)
        })
        .await
    }
}

fn sign_in(tx: &Transaction<'_>, sign_in: &ConfirmedSignIn, now: Timestamp) -> Result<Person, Fault> {
    let ConfirmedSignIn { identity, new_id, first_admin, on_promotion } = sign_in;
    let is_new = find_by_identity(tx, identity)?.is_none();
    let is_first = administrators::is_first(tx, identity, *first_admin, is_new)?;
    let was_remembered = administrators::take_pending(tx, identity)?;
    let sql = "INSERT INTO people \
         (id, issuer, subject, name, email, email_verified, picture_url, role, language, search, created_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT (issuer, subject) DO UPDATE SET \
         name = excluded.name, email = excluded.email, email_verified = excluded.email_verified, \
         picture_url = excluded.picture_url, search = excluded.search";
    let values = params![
        new_id.bytes(),
        identity.issuer,
        identity.subject,
        identity.name,
        identity.email,
        identity.is_email_verified,
        identity.picture_url,
        Role::User.as_ref(),
        identity.language.as_ref(),
        search_text(&identity.name, &identity.email),
        ms(now)
    ];
    run(tx, sql, values)?;
    let missing = || Fault::Broken("a person cannot be found after the sign-in");
    let person = find_by_identity(tx, identity)?.ok_or_else(missing)?;
    if person.role == Role::Admin || !(is_first || was_remembered) {
        return Ok(person);
    }
    let event = on_promotion.clone().by(Some(person.id));
    administrators::promote(tx, &person, &event, now)?.ok_or_else(missing)
}

/// The text in which customers are searched: name and e-mail address as [`search_key`]. Rows of earlier versions have them in
/// lower case, until their person signs in again.
pub(super) fn search_text(name: &str, email: &str) -> String {
    format!("{}\n{}", search_key(name), search_key(email))
}
