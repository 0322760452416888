//! Reading people.

use rusqlite::{Row, Transaction};
use seatkeeper_core::{
    ids::PersonId,
    person::{Identity, Person},
};

use super::rows::{Columns, Fault, StoredId, find};

pub(super) fn find_person(tx: &Transaction<'_>, id: PersonId) -> Result<Option<Person>, Fault> {
    find(tx, "SELECT * FROM people WHERE id = ?1", [id.bytes()], read_person)
}

pub(super) fn find_by_identity(tx: &Transaction<'_>, identity: &Identity) -> Result<Option<Person>, Fault> {
    let sql = "SELECT * FROM people WHERE issuer = ?1 AND subject = ?2";
    find(tx, sql, (&identity.issuer, &identity.subject), read_person)
}

pub(super) fn read_person(row: &Row<'_>) -> Result<Person, Fault> {
    Ok(Person {
        id: row.id("id")?,
        issuer: row.get("issuer")?,
        name: row.get("name")?,
        email: row.get("email")?,
        is_email_verified: row.get("email_verified")?,
        picture_url: row.get("picture_url")?,
        role: row.word("role")?,
        language: row.word("language")?,
    })
}
