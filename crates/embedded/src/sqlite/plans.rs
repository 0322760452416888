//! A cache of parsed seat plans. Parsing the layout of a large hall would otherwise be a third of a sale's cost.
//!
//! An entry is used only when the screening's row in the current transaction equals the row from which the entry was
//! parsed. So an entry is never stale, even after a rollback.

use std::sync::Arc;

use hashlink::LruCache;
use jiff::SignedDuration;
use parking_lot::Mutex;
use rusqlite::Transaction;
use seatkeeper_core::{catalogue::OpenScreening, ids::ScreeningId};

use super::{
    rows::{Columns, Fault, StoredId},
    screenings,
};

/// The most cached plans. A plan of the largest hall has some 100 KiB. The least recently used one is evicted.
const PLANS_MAX: usize = 128;

#[derive(Debug)]
pub(super) struct Plans(Mutex<LruCache<ScreeningId, CachedPlan>>);

impl Default for Plans {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(PLANS_MAX)))
    }
}

#[derive(Debug)]
struct CachedPlan {
    layout: String,
    prices: String,
    start_ms: i64,
    is_cancelled: bool,
    sales_close: SignedDuration,
    open: Arc<OpenScreening>,
}

impl Plans {
    /// The screening with its parsed seat plan. The names of film and hall may be outdated, because they are not
    /// compared.
    pub(super) fn find_open(
        &self,
        tx: &Transaction<'_>,
        id: ScreeningId,
        sales_close: SignedDuration,
    ) -> Result<Option<Arc<OpenScreening>>, Fault> {
        let mut statement = tx.prepare_cached(
            "SELECT layout, prices, start_time, is_cancelled, revision FROM screenings WHERE id = ?1",
        )?;
        let mut rows = statement.query([id.bytes()])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let text = |index| row.get_ref(index)?.as_str().map_err(|_| Fault::Unreadable("layout".to_owned()));
        let (layout, prices, start_ms) = (text(0)?, text(1)?, row.get(2)?);
        let (is_cancelled, revision): (bool, u64) = (row.get(3)?, row.number("revision")?);

        let mut plans = self.0.lock();
        if let Some(cached) = plans.get(&id) {
            let same_time = cached.start_ms == start_ms && cached.sales_close == sales_close;
            let same = same_time && cached.is_cancelled == is_cancelled && cached.open.revision == revision;
            if same && cached.prices == prices && cached.layout == layout {
                return Ok(Some(Arc::clone(&cached.open)));
            }
        }
        let Some((screening, revision)) = screenings::find_screening(tx, id)? else { return Ok(None) };
        let open = Arc::new(OpenScreening::new(screening, revision, sales_close));
        let (layout, prices) = (layout.to_owned(), prices.to_owned());
        let plan = CachedPlan { layout, prices, start_ms, is_cancelled, sales_close, open: Arc::clone(&open) };
        plans.insert(id, plan);
        Ok(Some(open))
    }
}
