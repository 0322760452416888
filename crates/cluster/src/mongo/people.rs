//! People. The first person who signs in becomes ADMIN; the unique key of one document ensures that only one sign-in is
//! the first.

use async_trait::async_trait;
use futures_util::FutureExt;
use jiff::Timestamp;
use mongodb::bson::{Document, doc};
use seatkeeper_core::{
    ids::PersonId,
    person::{Identity, Language, Person, Role},
    ports::{Backend, People},
};
use serde::{Deserialize, Serialize};

use super::{
    MongoStore,
    conn::Conn,
    documents::{by_id, ms},
    fault::Fault,
    schema::{LEASES, PEOPLE},
};

/// The unique key of the document of the first administrator, which only one sign-in can insert.
const FIRST_ADMIN: &str = "first_admin";

#[derive(Serialize, Deserialize)]
#[serde(remote = "Person")]
struct Fields {
    #[serde(rename = "_id")]
    id: PersonId,
    issuer: String,
    name: String,
    email: String,
    picture_url: Option<String>,
    role: Role,
    language: Language,
}

#[derive(Deserialize)]
#[serde(transparent)]
struct PersonDocument(#[serde(with = "Fields")] Person);

/// A person as first written, at the first sign-in.
#[derive(Serialize)]
struct New<'a> {
    #[serde(flatten, with = "Fields")]
    person: &'a Person,
    subject: &'a str,
    search: String,
    created_at: i64,
}

/// The first administrator.
#[derive(Serialize, Deserialize)]
struct First {
    #[serde(rename = "_id")]
    id: String,
    holder: PersonId,
    /// Whether the first administrator signed in with the demo provider. Such a person loses the role to the first
    /// person who signs in with a real identity provider.
    #[serde(default)]
    is_demo: bool,
}

#[async_trait]
impl People for MongoStore {
    async fn sign_in(&self, identity: &Identity, new_id: PersonId, now: Timestamp) -> Backend<Person> {
        self.transact(identity, move |conn, identity| sign_in(conn, identity, new_id, now).boxed()).await
    }

    async fn find_person(&self, id: PersonId) -> Backend<Option<Person>> {
        self.call(find_person(&mut self.conn(), id)).await
    }

    async fn set_language(&self, id: PersonId, language: Language) -> Backend<Option<Person>> {
        let change = doc! { "$set": { "language": language.as_ref() } };
        let mut conn = self.conn();
        let changed = conn.change::<PersonDocument>(PEOPLE, by_id(id), Document::new(), change);
        Ok(self.call(changed).await?.map(|document| document.0))
    }
}

/// Creates or updates the person who signs in. Concurrent first sign-ins, of one person or of two, insert the same
/// unique key, so one of their transactions fails and is retried.
async fn sign_in(conn: &mut Conn, identity: &Identity, new_id: PersonId, now: Timestamp) -> Result<Person, Fault> {
    let search = search_text(&identity.name, &identity.email);
    let (issuer, subject) = (identity.issuer.as_str(), identity.subject.as_str());
    let known = doc! { "issuer": issuer, "subject": subject };
    let said = doc! {
        "name": &identity.name,
        "email": &identity.email,
        "picture_url": identity.picture_url.as_deref(),
        "search": &search,
    };
    if let Some(PersonDocument(person)) = conn.change(PEOPLE, known, Document::new(), doc! { "$set": said }).await? {
        return Ok(person);
    }
    let role = first_role(conn, identity, new_id).await?;
    let person = Person {
        id: new_id,
        issuer: identity.issuer.clone(),
        name: identity.name.clone(),
        email: identity.email.clone(),
        picture_url: identity.picture_url.clone(),
        role,
        language: identity.language,
    };
    conn.insert(PEOPLE, &New { person: &person, subject, search, created_at: ms(now) }).await?;
    Ok(person)
}

/// The role of a new person: ADMIN for the first person. If the first person used a demo account, the first person of a
/// real identity provider takes the role over.
async fn first_role(conn: &mut Conn, identity: &Identity, new_id: PersonId) -> Result<Role, Fault> {
    let is_demo = identity.is_demo();
    let Some(first) = conn.find::<First>(LEASES, doc! { "_id": FIRST_ADMIN }).await? else {
        conn.insert(LEASES, &First { id: FIRST_ADMIN.to_owned(), holder: new_id, is_demo }).await?;
        return Ok(Role::Admin);
    };
    if is_demo || !first.is_demo {
        return Ok(Role::User);
    }
    let takes_over = doc! { "$set": { "holder": new_id.to_string(), "is_demo": false } };
    let _former: Option<First> = conn.change(LEASES, doc! { "_id": FIRST_ADMIN }, Document::new(), takes_over).await?;
    let steps_back = doc! { "$set": { "role": Role::User.as_ref() } };
    let _guest: Option<PersonDocument> = conn.change(PEOPLE, by_id(first.holder), Document::new(), steps_back).await?;
    Ok(Role::Admin)
}

/// The text in which searches for customers look: name and e-mail address in lower case, for all alphabets.
fn search_text(name: &str, email: &str) -> String {
    format!("{}\n{}", without_case(name), without_case(email))
}

pub(super) fn without_case(text: &str) -> String {
    text.to_lowercase()
}

pub(super) async fn find_person(conn: &mut Conn, id: PersonId) -> Result<Option<Person>, Fault> {
    Ok(conn.find::<PersonDocument>(PEOPLE, by_id(id)).await?.map(|document| document.0))
}
