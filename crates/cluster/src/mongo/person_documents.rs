//! The document that stores a person.

use seatkeeper_core::{
    ids::PersonId,
    person::{Identity, Language, Person, Role},
};
use serde::{Deserialize, Serialize};

use super::{conn::Conn, documents::by_id, fault::Fault, schema::PEOPLE};

#[derive(Serialize, Deserialize)]
pub(super) struct PersonDocument {
    #[serde(rename = "_id")]
    id: PersonId,
    issuer: String,
    name: String,
    email: String,
    /// The address that the provider had verified at the last sign-in. Only if it equals `email` is that address
    /// verified: servers of the previous version update `email` alone.
    #[serde(default)]
    verified_email: Option<String>,
    picture_url: Option<String>,
    role: Role,
    language: Language,
}

impl PersonDocument {
    pub(super) fn of_new(identity: &Identity, id: PersonId, role: Role) -> Self {
        Self {
            id,
            issuer: identity.issuer.clone(),
            name: identity.name.clone(),
            email: identity.email.clone(),
            verified_email: verified_email(identity).map(str::to_owned),
            picture_url: identity.picture_url.clone(),
            role,
            language: identity.language,
        }
    }

    pub(super) fn person(self) -> Person {
        Person {
            is_email_verified: self.verified_email.as_ref() == Some(&self.email),
            id: self.id,
            issuer: self.issuer,
            name: self.name,
            email: self.email,
            picture_url: self.picture_url,
            role: self.role,
            language: self.language,
        }
    }
}

/// The address as it is stored when the provider has verified it.
pub(super) fn verified_email(identity: &Identity) -> Option<&str> {
    identity.is_email_verified.then_some(identity.email.as_str())
}

pub(super) async fn find_person(conn: &mut Conn, id: PersonId) -> Result<Option<Person>, Fault> {
    Ok(conn.find::<PersonDocument>(PEOPLE, by_id(id)).await?.map(PersonDocument::person))
}
