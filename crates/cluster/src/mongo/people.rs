//! Stores people and their sign-ins.

use async_trait::async_trait;
use futures_util::FutureExt;
use jiff::Timestamp;
use mongodb::bson::{Document, doc};
use seatkeeper_core::{
    ids::PersonId,
    person::{Language, Person, Role},
    ports::{AddAdmin, AddAdminOutcome, Backend, ConfirmedSignIn, People},
    text::search_key,
};
use serde::Serialize;

use super::{
    MongoStore, administrators,
    conn::Conn,
    documents::{by_id, ms},
    fault::Fault,
    person_documents::{PersonDocument, find_person, verified_email},
    schema::PEOPLE,
};

/// A person as first written, at the first sign-in.
#[derive(Serialize)]
struct New<'a> {
    #[serde(flatten)]
    person: PersonDocument,
    subject: &'a str,
    search: String,
    created_at: i64,
}

/// Writes to the person, before the claims of their payments are counted and a claim is added. With snapshot isolation
/// alone, concurrent transactions would each count the claims without the other's (write skew). The value is never read.
pub(super) async fn hold(conn: &mut Conn, person: PersonId) -> Result<(), Fault> {
    // Only tests have payments of people who never signed in; these write nothing here.
    conn.update(PEOPLE, by_id(person), doc! { "$inc": { "payments_begun": 1i64 } }).await.map(drop)
}

#[async_trait]
impl People for MongoStore {
    async fn sign_in(&self, confirmed: &ConfirmedSignIn, now: Timestamp) -> Backend<Person> {
        self.transact(confirmed, move |conn, confirmed| sign_in(conn, confirmed, now).boxed()).await
    }

    async fn add_admin(&self, request: &AddAdmin, now: Timestamp) -> Backend<AddAdminOutcome> {
        self.transact(request, move |conn, request| administrators::add_admin(conn, request, now).boxed()).await
    }

    async fn list_role_changes_since(&self, since: Timestamp, limit: u32) -> Backend<Vec<PersonId>> {
        self.call(administrators::list_role_changes(&mut self.conn(), since, limit)).await
    }

    async fn find_person(&self, id: PersonId) -> Backend<Option<Person>> {
        self.call(find_person(&mut self.conn(), id)).await
    }

    async fn set_language(&self, id: PersonId, language: Language) -> Backend<Option<Person>> {
        let change = doc! { "$set": { "language": language.as_ref() } };
        let mut conn = self.conn();
        let changed = conn.change::<PersonDocument>(PEOPLE, by_id(id), Document::new(), change);
        Ok(self.call(changed).await?.map(PersonDocument::person))
    }
}

/// Creates or updates the person who signs in. Concurrent first sign-ins, of one person or of two, insert the same
/// unique key, so one of their transactions fails and is retried.
async fn sign_in(conn: &mut Conn, sign_in: &ConfirmedSignIn, now: Timestamp) -> Result<Person, Fault> {
    let ConfirmedSignIn { identity, new_id, first_admin, on_promotion } = sign_in;
    let search = search_text(&identity.name, &identity.email);
    let (issuer, subject) = (identity.issuer.as_str(), identity.subject.as_str());
    let known = doc! { "issuer": issuer, "subject": subject };
    let said = doc! { "$set": {
        "name": &identity.name,
        "email": &identity.email,
        "verified_email": verified_email(identity),
        "picture_url": identity.picture_url.as_deref(),
        "search": &search,
    } };
    let known: Option<PersonDocument> = conn.change(PEOPLE, known, Document::new(), said).await?;
    let is_first = administrators::is_first(conn, identity, *first_admin, known.is_none()).await?;
    let was_remembered = administrators::take_pending(conn, identity).await?;
    let person = match known {
        Some(known) => known.person(),
        None => {
            let document = || PersonDocument::of_new(identity, *new_id, Role::User);
            conn.insert(PEOPLE, &New { person: document(), subject, search, created_at: ms(now) }).await?;
            document().person()
        }
    };
    if person.role == Role::Admin || !(is_first || was_remembered) {
        return Ok(person);
    }
    let event = on_promotion.clone().by(Some(person.id));
    let promoted = administrators::promote(conn, &person, &event, now).await?;
    promoted.ok_or(Fault::Broken("a person cannot be found after the sign-in"))
}

/// The text in which searches for customers look: name and e-mail address as [`search_key`]. Servers of earlier
/// versions write them in lower case.
fn search_text(name: &str, email: &str) -> String {
    format!("{}\n{}", search_key(name), search_key(email))
}
