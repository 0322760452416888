//! Keyset pagination, in the order of an index.

use mongodb::bson::{Bson, Document, doc};
use seatkeeper_core::ports::{Cursor, PageRequest};

/// Adds to `filter` the documents after the page's cursor, newest first by the time `at`, then by id. The first condition
/// bounds the index scan, the second skips documents of the cursor's time that were on an earlier page.
pub(super) fn newest_first(mut filter: Document, at: &str, page: PageRequest) -> Document {
    if let Some(Cursor { at: time, id }) = page.after {
        let same = doc! { at: time, "_id": { "$lt": id.to_string() } };
        let rest = doc! { "$or": [doc! { at: { "$lt": time } }, same] };
        add(&mut filter, doc! { at: { "$lte": time } });
        add(&mut filter, rest);
    }
    filter
}

/// Adds to `filter` the documents after the cursor, earliest first by the time `at`, then by id.
pub(super) fn earliest_first(mut filter: Document, at: &str, after: Option<Cursor>) -> Document {
    if let Some(Cursor { at: time, id }) = after {
        let same = doc! { at: time, "_id": { "$gt": id.to_string() } };
        let rest = doc! { "$or": [doc! { at: { "$gt": time } }, same] };
        add(&mut filter, doc! { at: { "$gte": time } });
        add(&mut filter, rest);
    }
    filter
}

/// Adds to `filter` the documents after the page's cursor in order of id.
pub(super) fn by_id_after(mut filter: Document, page: PageRequest) -> Document {
    if let Some(after) = page.after {
        add(&mut filter, doc! { "_id": { "$gt": after.id.to_string() } });
    }
    filter
}

/// Adds a condition with `$and`, so that several conditions may use the same field.
pub(super) fn add(filter: &mut Document, condition: Document) {
    match filter.get_array_mut("$and") {
        Ok(all) => all.push(Bson::Document(condition)),
        Err(_) => {
            filter.insert("$and", vec![condition]);
        }
    }
}

/// One document more than the page, to detect whether there is a next page.
pub(super) fn limit(page: PageRequest) -> u32 {
    page.limit.saturating_add(1)
}

/// The order of [`newest_first`].
pub(super) fn falling(at: &str) -> Document {
    doc! { at: -1, "_id": -1 }
}

/// The order of [`earliest_first`].
pub(super) fn rising(at: &str) -> Document {
    doc! { at: 1, "_id": 1 }
}
