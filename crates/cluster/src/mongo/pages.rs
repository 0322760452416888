//! Pages of lists, each read in the order of an index.

use mongodb::bson::{Bson, Document, doc};
use seatkeeper_core::ports::{Cursor, PageRequest};

/// Newest first by the time `at`, then by id: what follows the page's cursor, added to `filter`. The first condition
/// gives the index its edge, the second leaves out what shares the cursor's time and came before it.
pub(super) fn newest_first(mut filter: Document, at: &str, page: PageRequest) -> Document {
    if let Some(Cursor { at: time, id }) = page.after {
        let same = doc! { at: time, "_id": { "$lt": id.to_string() } };
        let rest = doc! { "$or": [doc! { at: { "$lt": time } }, same] };
        add(&mut filter, doc! { at: { "$lte": time } });
        add(&mut filter, rest);
    }
    filter
}

/// Earliest first by the time `at`, then by id.
pub(super) fn earliest_first(mut filter: Document, at: &str, after: Option<Cursor>) -> Document {
    if let Some(Cursor { at: time, id }) = after {
        let same = doc! { at: time, "_id": { "$gt": id.to_string() } };
        let rest = doc! { "$or": [doc! { at: { "$gt": time } }, same] };
        add(&mut filter, doc! { at: { "$gte": time } });
        add(&mut filter, rest);
    }
    filter
}

/// In order of id.
pub(super) fn by_id_after(mut filter: Document, page: PageRequest) -> Document {
    if let Some(after) = page.after {
        add(&mut filter, doc! { "_id": { "$gt": after.id.to_string() } });
    }
    filter
}

/// Both conditions must hold; several may be about the same field.
pub(super) fn add(filter: &mut Document, condition: Document) {
    match filter.get_array_mut("$and") {
        Ok(all) => all.push(Bson::Document(condition)),
        Err(_) => {
            filter.insert("$and", vec![condition]);
        }
    }
}

/// One document more than the page, to know whether there is another.
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
