//! Conversions of ids, times and hashes to and from their form in documents.

use mongodb::bson::{Binary, Document, doc, spec::BinarySubtype};
use serde::Deserialize;

pub(super) use seatkeeper_core::ports::{ms, whole_ms};

use super::fault::Fault;

pub(super) fn binary(bytes: &[u8]) -> Binary {
    Binary { subtype: BinarySubtype::Generic, bytes: bytes.to_vec() }
}

pub(super) fn hash_of(binary: &Binary) -> Result<[u8; 32], Fault> {
    binary.bytes.as_slice().try_into().map_err(|_| Fault::Broken("a hash does not have 32 bytes"))
}

pub(super) fn texts<T: ToString>(ids: impl IntoIterator<Item = T>) -> Vec<String> {
    ids.into_iter().map(|id| id.to_string()).collect()
}

pub(super) fn by_id(id: impl ToString) -> Document {
    doc! { "_id": id.to_string() }
}

/// The id of a document, when a query reads nothing else.
#[derive(Debug, Deserialize)]
pub(super) struct OnlyId<T> {
    #[serde(rename = "_id")]
    pub(super) id: T,
}
