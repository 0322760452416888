//! Who is administrator: the first person, the owner of a remembered address, or a person whom the operator names. The
//! single writer serialises these writes.

use jiff::Timestamp;
use rusqlite::Transaction;
use seatkeeper_core::{
    email::EmailKey,
    event::Event,
    ids::PersonId,
    person::{DEMO_ISSUER, FirstAdmin, Identity, Person, Role},
    ports::{AddAdmin, AddAdminOutcome, DEMOTED, NAMESAKES_MAX},
};
use serde_json::json;

use super::{
    event_rows,
    person_rows::{find_person, read_person},
    rows::{Columns, Fault, StoredId, exists, list, ms, run},
};

/// The people whose role changed since a time. The index contains only those.
pub(super) const ROLE_CHANGES: &str =
    "SELECT id FROM people WHERE role_changed_at >= ?1 ORDER BY role_changed_at, id LIMIT ?2";

pub(super) fn list_role_changes(tx: &Transaction<'_>, since: Timestamp, limit: u32) -> Result<Vec<PersonId>, Fault> {
    list(tx, ROLE_CHANGES, (ms(since), limit), |row| row.id("id"))
}

/// Whether the person signing in is the first and becomes ADMIN. Demo accounts are not authenticated, so they do not
/// count for people of other issuers. To be called before a new person is inserted.
pub(super) fn is_first(
    tx: &Transaction<'_>,
    identity: &Identity,
    rule: FirstAdmin,
    is_new: bool,
) -> Result<bool, Fault> {
    let others = match (rule, identity.is_demo()) {
        (FirstAdmin::SomebodyElse, _) => return Ok(false),
        (FirstAdmin::FirstPerson, _) if !is_new => return Ok(false),
        (FirstAdmin::FirstPerson, true) => "issuer = ?1 OR issuer <> ?1",
        (FirstAdmin::FirstPerson, false) => "issuer <> ?1",
        (FirstAdmin::NamedBySetting, true) => "issuer <> ?1 OR role = 'ADMIN'",
        (FirstAdmin::NamedBySetting, false) => "issuer <> ?1 AND role = 'ADMIN'",
    };
    Ok(!exists(tx, &format!("SELECT 1 FROM people WHERE {others}"), [DEMO_ISSUER])?)
}

/// Deletes the remembered address of the person signing in, which applies once. Returns whether there was one.
pub(super) fn take_pending(tx: &Transaction<'_>, identity: &Identity) -> Result<bool, Fault> {
    let Some(address) = identity.verified_email() else { return Ok(false) };
    let sql = "DELETE FROM pending_admins WHERE issuer = ?1 AND address = ?2";
    Ok(run(tx, sql, (&identity.issuer, address.as_str()))? > 0)
}

/// Makes a person ADMIN and writes `event` about the person. Administrators of the demo lose the role to a person of a real
/// provider, and the event lists them.
pub(super) fn promote(
    tx: &Transaction<'_>,
    person: &Person,
    event: &Event,
    now: Timestamp,
) -> Result<Option<Person>, Fault> {
    let mut event = event.clone().about(&person.id);
    if person.issuer != DEMO_ISSUER {
        let sql = "SELECT id FROM people WHERE role = ?1 AND issuer = ?2 ORDER BY id";
        let demoted = list(tx, sql, (Role::Admin.as_ref(), DEMO_ISSUER), |row| row.id::<PersonId>("id"))?;
        if !demoted.is_empty() {
            event = event.with_detail(DEMOTED, json!(demoted));
        }
        let sql = "UPDATE people SET role = ?1, role_changed_at = ?2 WHERE role = ?3 AND issuer = ?4";
        run(tx, sql, (Role::User.as_ref(), ms(now), Role::Admin.as_ref(), DEMO_ISSUER))?;
    }
    let sql = "UPDATE people SET role = ?2, role_changed_at = ?3 WHERE id = ?1";
    run(tx, sql, (person.id.bytes(), Role::Admin.as_ref(), ms(now)))?;
    event_rows::put_events(tx, &[event])?;
    find_person(tx, person.id)
}

pub(super) fn add_admin(tx: &Transaction<'_>, request: &AddAdmin, now: Timestamp) -> Result<AddAdminOutcome, Fault> {
    let mut namesakes = list_namesakes(tx, &request.email)?;
    if namesakes.is_empty() {
        let sql = "INSERT INTO pending_admins (issuer, address, added_at) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
        run(tx, sql, (&request.issuer, request.email.as_str(), ms(now)))?;
        return Ok(AddAdminOutcome::Remembered);
    }
    let mut fit = namesakes.iter().filter(|person| person.is_email_verified && person.issuer == request.issuer);
    match (fit.next(), fit.next()) {
        (Some(person), None) if person.role == Role::Admin => Ok(AddAdminOutcome::WasAdmin(person.clone())),
        (Some(person), None) => {
            let promoted = promote(tx, person, &request.event, now)?;
            Ok(AddAdminOutcome::Added(promoted.unwrap_or_else(|| person.clone())))
        }
        (Some(_), Some(_)) | (None, _) => {
            namesakes.truncate(NAMESAKES_MAX);
            Ok(AddAdminOutcome::NotOne(namesakes))
        }
    }
}

/// People with this address. SQLite cannot compare internationalised domains, so it selects by the part before the `@`; its
/// `lower` changes ASCII letters only, as [`EmailKey`] does. The statement scans the whole table, but few rows match, and only
/// an operator's command runs it.
fn list_namesakes(tx: &Transaction<'_>, email: &EmailKey) -> Result<Vec<Person>, Fault> {
    let sql = "SELECT * FROM people WHERE instr(lower(email), ?1) > 0 ORDER BY created_at, id";
    let mut found = list(tx, sql, [format!("{}@", email.local_part())], read_person)?;
    found.retain(|person| EmailKey::parse(&person.email).as_ref() == Some(email));
    Ok(found)
}
