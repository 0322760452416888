//! Stored events that cannot be read, because they are damaged or were written by another version of the program. Each
//! is moved unchanged to a quarantine table and reported by one event, so that it blocks neither the relay nor a
//! consumer nor a list.

use rusqlite::Transaction;
use seatkeeper_core::{event::Event, ports::Backend};

use super::{
    SqliteStore, event_rows,
    rows::{Columns, Fault, find, run},
};

/// A table that stores events.
#[derive(Clone, Copy, Debug)]
pub(super) enum Origin {
    Outbox,
    Log,
}

#[derive(Debug)]
pub(super) struct Unreadable {
    position: i64,
    error: String,
}

impl Origin {
    const fn table(self) -> &'static str {
        match self {
            Self::Outbox => "outbox",
            Self::Log => "events",
        }
    }

    const fn put_aside(self) -> &'static str {
        match self {
            Self::Outbox => {
                "INSERT INTO unreadable_events (origin, position, event, error, put_aside_at) \
                 SELECT 'outbox', seq, event, ?2, CAST(1000 * unixepoch('subsec') AS INTEGER) \
                 FROM outbox WHERE seq = ?1 RETURNING put_aside_at"
            }
            Self::Log => {
                "INSERT INTO unreadable_events (origin, position, event, error, put_aside_at) \
                 SELECT 'events', position, event, ?2, CAST(1000 * unixepoch('subsec') AS INTEGER) \
                 FROM events WHERE position = ?1 RETURNING put_aside_at"
            }
        }
    }

    const fn delete(self) -> &'static str {
        match self {
            Self::Outbox => "DELETE FROM outbox WHERE seq = ?1",
            Self::Log => "DELETE FROM events WHERE position = ?1",
        }
    }
}

/// Turns the error of a row that cannot be parsed into a value that names the row at `position`. Other errors, such as
/// those of a failing disk, stay errors.
pub(super) fn read_or_find_unreadable<T>(
    position: i64,
    read: Result<T, Fault>,
) -> Result<Result<T, Unreadable>, Fault> {
    match read {
        Ok(value) => Ok(Ok(value)),
        Err(fault @ (Fault::Json(_) | Fault::Unreadable(_) | Fault::Broken(_))) => {
            Ok(Err(Unreadable { position, error: fault.to_string() }))
        }
        Err(fault @ (Fault::Sqlite(_) | Fault::Panicked | Fault::TooLong(_))) => Err(fault),
    }
}

impl SqliteStore {
    /// Reads events. Moves unreadable ones to the quarantine table and reads again.
    pub(super) async fn read_events<T: Send + 'static>(
        &self,
        origin: Origin,
        read: impl Fn(&Transaction<'_>) -> Result<Vec<Result<T, Unreadable>>, Fault> + Clone + Send + 'static,
    ) -> Backend<Vec<T>> {
        loop {
            let (mut events, mut unreadable) = (Vec::new(), Vec::new());
            for row in self.read(read.clone()).await? {
                match row {
                    Ok(event) => events.push(event),
                    Err(row) => unreadable.push(row),
                }
            }
            if unreadable.is_empty() {
                return Ok(events);
            }
            self.put_aside(origin, unreadable).await?;
        }
    }

    async fn put_aside(&self, origin: Origin, rows: Vec<Unreadable>) -> Backend<()> {
        let put_aside = self.write(move |tx| {
            let mut put_aside = Vec::new();
            for row in rows {
                let sql = origin.put_aside();
                // A concurrent read may have moved the row to the quarantine table already.
                let Some(at) = find(tx, sql, (row.position, &row.error), |row| row.time("put_aside_at"))? else {
                    continue;
                };
                run(tx, origin.delete(), [row.position])?;
                let place = format!("{} {}", origin.table(), row.position);
                event_rows::put_events(tx, &[Event::of_unreadable(&place, at)])?;
                put_aside.push((place, row.error));
            }
            Ok(put_aside)
        });
        for (place, error) in put_aside.await? {
            tracing::error!(place, error, "an event cannot be read and was moved to unreadable_events");
        }
        Ok(())
    }
}
