//! Filters for keyset pagination: the next page begins after the last document of the previous page, in the order of an
//! index.

use mongodb::bson::{Bson, Document, doc};
use seatkeeper_core::ports::{Cursor, PageRequest};

/// Restricts `filter` to the documents after the page's cursor, newest first by the time field `at`, then by id. The
/// first condition bounds the index scan; the second skips the documents with the cursor's time that were on an earlier
/// page.
pub(super) fn newest_first(mut filter: Document, at: &str, page: PageRequest) -> Document {
    if let Some(Cursor { at: time, id }) = page.after {
        let same = doc! { at: time, "_id": { "$lt": id.to_string() } };
        let rest = doc! { "$or": [doc! { at: { "$lt": time } }, same] };
        add(&mut filter, doc! { at: { "$lte": time } });
        add(&mut filter, rest);
    }
    filter
}

/// Restricts `filter` to the documents after the cursor, earliest first by the time field `at`, then by id.
pub(super) fn earliest_first(mut filter: Document, at: &str, after: Option<Cursor>) -> Document {
    if let Some(Cursor { at: time, id }) = after {
        let same = doc! { at: time, "_id": { "$gt": id.to_string() } };
        let rest = doc! { "$or": [doc! { at: { "$gt": time } }, same] };
        add(&mut filter, doc! { at: { "$gte": time } });
        add(&mut filter, rest);
    }
    filter
}

/// Restricts `filter` to the documents after the page's cursor, in order of id.
pub(super) fn by_id_after(mut filter: Document, page: PageRequest) -> Document {
    if let Some(after) = page.after {
        add(&mut filter, doc! { "_id": { "$gt": after.id.to_string() } });
    }
    filter
}

/// Adds a condition to a filter with `$and`, so that several conditions may use the same field.
pub(super) fn add(filter: &mut Document, condition: Document) {
    match filter.get_array_mut("$and") {
        Ok(all) => all.push(Bson::Document(condition)),
        Err(_) => {
            filter.insert("$and", vec![condition]);
        }
    }
}

/// The limit of a query for a page: one document more than the page has, to detect whether there is a next page.
pub(super) fn limit(page: PageRequest) -> u32 {
    page.limit.saturating_add(1)
}

/// The sort order that [`newest_first`] requires.
pub(super) fn falling(at: &str) -> Document {
    doc! { at: -1, "_id": -1 }
}

/// The sort order that [`earliest_first`] requires.
pub(super) fn rising(at: &str) -> Document {
    doc! { at: 1, "_id": 1 }
}
