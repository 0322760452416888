//! People. The first person who signs in becomes ADMIN. A demo account is ADMIN only until a person of another issuer
//! signs in. The single writer thread serialises sign-ins, so exactly one person is the first.

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Row, Transaction, params};
use seatkeeper_core::{
    ids::PersonId,
    person::{DEMO_ISSUER, Identity, Language, Person, Role},
    ports::{Backend, People},
};

use super::{
    SqliteStore,
    rows::{Columns, Fault, StoredId, exists, find, ms, run},
};

#[async_trait]
impl People for SqliteStore {
    async fn sign_in(&self, identity: &Identity, new_id: PersonId, now: Timestamp) -> Backend<Person> {
        let identity = identity.clone();
        self.write(move |tx| sign_in(tx, &identity, new_id, now)).await
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

fn sign_in(tx: &Transaction<'_>, identity: &Identity, new_id: PersonId, now: Timestamp) -> Result<Person, Fault> {
    let role = if is_first(tx, identity)? { Role::Admin } else { Role::User };
    if role == Role::Admin {
        // An existing administrator can only be a demo account, which loses the role.
        run(tx, "UPDATE people SET role = ?1 WHERE role = ?2", (Role::User.as_ref(), Role::Admin.as_ref()))?;
    }
    let sql = "INSERT INTO people \
         (id, issuer, subject, name, email, picture_url, role, language, search, created_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (issuer, subject) DO UPDATE SET \
         name = excluded.name, email = excluded.email, picture_url = excluded.picture_url, search = excluded.search";
    let values = params![
        new_id.bytes(),
        identity.issuer,
        identity.subject,
        identity.name,
        identity.email,
        identity.picture_url,
        role.as_ref(),
        identity.language.as_ref(),
        search_text(&identity.name, &identity.email),
        ms(now)
    ];
    run(tx, sql, values)?;
    let sql = "SELECT * FROM people WHERE issuer = ?1 AND subject = ?2";
    let person = find(tx, sql, (&identity.issuer, &identity.subject), read_person)?;
    person.ok_or(Fault::Broken("a person cannot be found after the sign-in"))
}

/// Whether the person signing in is the first and becomes ADMIN. Demo accounts are not authenticated, so they do not
/// count for people of other issuers.
fn is_first(tx: &Transaction<'_>, identity: &Identity) -> Result<bool, Fault> {
    let is_late = match identity.is_demo() {
        true => exists(tx, "SELECT 1 FROM people", [])?,
        false => exists(tx, "SELECT 1 FROM people WHERE issuer <> ?1", [DEMO_ISSUER])?,
    };
    Ok(!is_late)
}

/// The text in which customers are searched: name and e-mail address in lower case (Unicode).
pub(super) fn search_text(name: &str, email: &str) -> String {
    format!("{}\n{}", without_case(name), without_case(email))
}

pub(super) fn without_case(text: &str) -> String {
    text.to_lowercase()
}

fn find_person(tx: &Transaction<'_>, id: PersonId) -> Result<Option<Person>, Fault> {
    find(tx, "SELECT * FROM people WHERE id = ?1", [id.bytes()], read_person)
}

pub(super) fn read_person(row: &Row<'_>) -> Result<Person, Fault> {
    Ok(Person {
        id: row.id("id")?,
        issuer: row.get("issuer")?,
        name: row.get("name")?,
        email: row.get("email")?,
        picture_url: row.get("picture_url")?,
        role: row.word("role")?,
        language: row.word("language")?,
    })
}
