//! Assigns the role ADMIN: to the first person, to the owner of a remembered address, or to a person whom the operator
//! names. The unique key of one document ensures that only one sign-in is the first.

use jiff::Timestamp;
use mongodb::bson::{Document, doc};
use seatkeeper_core::{
    email::EmailKey,
    event::Event,
    ids::PersonId,
    person::{DEMO_ISSUER, FirstAdmin, Identity, Person, Role},
    ports::{AddAdmin, AddAdminOutcome, DEMOTED, NAMESAKES_MAX},
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    conn::Conn,
    documents::{OnlyId, by_id, ms},
    fault::Fault,
    outbox,
    person_documents::PersonDocument,
    schema::{LEASES, PENDING_ADMINS, PEOPLE},
};

/// The unique key of the document of the first administrator, which only one sign-in can insert.
const FIRST_ADMIN: &str = "first_admin";
/// Maximum number of people with the same part before the `@` that one command compares. With more it fails, because it
/// must not choose a person from an incomplete list. The value limits the memory and the time of the transaction.
const CANDIDATES_MAX: u32 = 10_000;

/// The first administrator.
#[derive(Serialize, Deserialize)]
struct First {
    #[serde(rename = "_id")]
    id: String,
    holder: PersonId,
    /// Whether the first administrator signed in with the demo provider. Such a person loses the role to the first
    /// administrator of a real identity provider.
    #[serde(default)]
    is_demo: bool,
}

/// Whether the person signing in is the first and becomes ADMIN. To be called before a new person is inserted.
pub(super) async fn is_first(
    conn: &mut Conn,
    identity: &Identity,
    rule: FirstAdmin,
    is_new: bool,
) -> Result<bool, Fault> {
    let is_demo = identity.is_demo();
    let real = doc! { "issuer": { "$ne": DEMO_ISSUER } };
    let others = match rule {
        FirstAdmin::SomebodyElse => return Ok(false),
        FirstAdmin::FirstPerson if !is_new => return Ok(false),
        FirstAdmin::FirstPerson => Some(if is_demo { Document::new() } else { real }),
        FirstAdmin::NamedBySetting => is_demo.then_some(real),
    };
    let first = find_first(conn).await?;
    let is_free = first.is_none_or(|first| first.is_demo && !is_demo);
    match others {
        Some(others) if is_free => Ok(!conn.exists(PEOPLE, others).await?),
        _ => Ok(is_free),
    }
}

/// Deletes the remembered address of the person signing in. Returns whether there was one.
pub(super) async fn take_pending(conn: &mut Conn, identity: &Identity) -> Result<bool, Fault> {
    let Some(address) = identity.verified_email() else { return Ok(false) };
    let key = pending_key(&identity.issuer, &address);
    Ok(conn.delete(PENDING_ADMINS, doc! { "_id": key }).await? > 0)
}

/// Makes a person ADMIN and writes `event` about the person. Administrators of the demo lose the role to a person of a
/// real provider, and the event lists them. Concurrent first promotions insert or change the same document, so one of
/// their transactions fails and is retried.
pub(super) async fn promote(
    conn: &mut Conn,
    person: &Person,
    event: &Event,
    now: Timestamp,
) -> Result<Option<Person>, Fault> {
    let is_demo = person.issuer == DEMO_ISSUER;
    match find_first(conn).await? {
        None => conn.insert(LEASES, &First { id: FIRST_ADMIN.to_owned(), holder: person.id, is_demo }).await?,
        Some(first) if first.is_demo && !is_demo => {
            let takes_over = doc! { "$set": { "holder": person.id.to_string(), "is_demo": false } };
            conn.update(LEASES, doc! { "_id": FIRST_ADMIN }, takes_over).await?;
        }
        Some(_) => {}
    }
    let mut event = event.clone().about(&person.id);
    if !is_demo {
        let demo_admins = doc! { "issuer": DEMO_ISSUER, "role": Role::Admin.as_ref() };
        // Few: the first one, and those whom an operator has added.
        let found: Vec<OnlyId<PersonId>> = conn.list_all(PEOPLE, demo_admins.clone()).await?;
        let mut demoted: Vec<String> = found.into_iter().map(|person| person.id.to_string()).collect();
        demoted.sort_unstable();
        if !demoted.is_empty() {
            event = event.with_detail(DEMOTED, json!(demoted));
        }
        conn.update_all(PEOPLE, demo_admins, doc! { "$set": role_now(Role::User, now) }).await?;
    }
    let change = doc! { "$set": role_now(Role::Admin, now) };
    let promoted = conn.change::<PersonDocument>(PEOPLE, by_id(person.id), Document::new(), change).await?;
    outbox::put_events(conn, &[event]).await?;
    Ok(promoted.map(PersonDocument::person))
}

pub(super) async fn add_admin(conn: &mut Conn, request: &AddAdmin, now: Timestamp) -> Result<AddAdminOutcome, Fault> {
    let mut namesakes = list_namesakes(conn, &request.email).await?;
    if namesakes.is_empty() {
        let key = pending_key(&request.issuer, &request.email);
        conn.upsert(PENDING_ADMINS, doc! { "_id": key }, doc! { "$setOnInsert": { "added_at": ms(now) } }).await?;
        return Ok(AddAdminOutcome::Remembered);
    }
    let mut fit = namesakes.iter().filter(|person| person.is_email_verified && person.issuer == request.issuer);
    match (fit.next(), fit.next()) {
        (Some(person), None) if person.role == Role::Admin => Ok(AddAdminOutcome::WasAdmin(person.clone())),
        (Some(person), None) => {
            let promoted = promote(conn, person, &request.event, now).await?;
            Ok(AddAdminOutcome::Added(promoted.unwrap_or_else(|| person.clone())))
        }
        (Some(_), Some(_)) | (None, _) => {
            namesakes.truncate(NAMESAKES_MAX);
            Ok(AddAdminOutcome::NotOne(namesakes))
        }
    }
}

pub(super) async fn list_role_changes(conn: &mut Conn, since: Timestamp, limit: u32) -> Result<Vec<PersonId>, Fault> {
    let (since, order) = (doc! { "role_changed_at": { "$gte": ms(since) } }, doc! { "role_changed_at": 1, "_id": 1 });
    let changed: Vec<OnlyId<PersonId>> = conn.list(PEOPLE, since, order, limit).await?;
    Ok(changed.into_iter().map(|changed| changed.id).collect())
}

/// People with this address. MongoDB cannot compare internationalised domains, so it selects by the part before the
/// `@`. It reads the whole collection; only an operator's command does it.
async fn list_namesakes(conn: &mut Conn, email: &EmailKey) -> Result<Vec<Person>, Fault> {
    let same_local_part = doc! { "$regex": format!("^\\s*{}@", escaped(email.local_part())), "$options": "i" };
    let order = doc! { "created_at": 1, "_id": 1 };
    let found: Vec<PersonDocument> =
        conn.list(PEOPLE, doc! { "email": same_local_part }, order, CANDIDATES_MAX + 1).await?;
    if found.len() > CANDIDATES_MAX as usize {
        return Err(Fault::Broken("too many people have the same part before the @ of their address"));
    }
    let people = found.into_iter().map(PersonDocument::person);
    Ok(people.filter(|person| EmailKey::parse(&person.email).as_ref() == Some(email)).collect())
}

/// Escapes a text so that it matches itself in a regular expression.
fn escaped(text: &str) -> String {
    let mut pattern = String::new();
    for c in text.chars() {
        if c.is_ascii_punctuation() {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}

fn pending_key(issuer: &str, address: &EmailKey) -> Document {
    doc! { "issuer": issuer, "address": address.as_str() }
}

fn role_now(role: Role, now: Timestamp) -> Document {
    doc! { "role": role.as_ref(), "role_changed_at": ms(now) }
}

async fn find_first(conn: &mut Conn) -> Result<Option<First>, Fault> {
    conn.find(LEASES, doc! { "_id": FIRST_ADMIN }).await
}
