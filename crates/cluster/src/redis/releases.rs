//! Commands and parsers for the stream of lock releases that the functions write.

use redis::{Cmd, Value};
use seatkeeper_core::{
    ids::{PersonId, ScreeningId, SeatId},
    locks::{Millis, Release, ReleaseReason},
    ports::Backend,
};

use super::{keys::Tag, reply::bad_reply};

/// How many milliseconds the time in a stream entry's id may lie before the time of its release: Redis determines the
/// id's time before the function reads the clock.
const ENTRY_OLDER_MS_MAX: Millis = 1_000;

/// Limit of the unpublished releases of one tag: the functions trim the stream to this length.
pub(super) const RELEASES_WAITING_MAX: usize = 10_000;

/// The field of the stream entries that this version understands. Entries with other fields are skipped: a server of
/// the version that wrote them publishes them.
const FIELD: &[u8] = b"v1";

/// The command that lists the oldest entries of a tag's stream.
pub(super) fn list_entries(tag: Tag, limit: usize) -> Cmd {
    let mut call = redis::cmd("XRANGE");
    call.arg(&tag.keys().releases).arg("-").arg("+").arg("COUNT").arg(limit);
    call
}

/// The command that counts the entries of a tag's stream.
pub(super) fn count_entries(tag: Tag) -> Cmd {
    let mut call = redis::cmd("XLEN");
    call.arg(&tag.keys().releases);
    call
}

/// Parses the reply to [`count_entries`].
pub(super) fn read_count(answer: Value) -> Backend<usize> {
    match answer {
        Value::Int(count) => usize::try_from(count).map_err(|_| bad_reply(count)),
        other => Err(bad_reply(other)),
    }
}

/// Parses the reply to [`list_entries`].
pub(super) fn read_entries(answer: Value) -> Backend<Vec<Release>> {
    let Value::Array(entries) = answer else { return Err(bad_reply(answer)) };
    let mut releases = Vec::with_capacity(entries.len());
    for entry in entries {
        let Value::Array(entry) = entry else { return Err(bad_reply(entry)) };
        let Some(Value::Array(fields)) = entry.get(1) else { return Err(bad_reply(entry)) };
        if let [Value::BulkString(field), Value::BulkString(text)] = fields.as_slice()
            && field == FIELD
        {
            let text = String::from_utf8_lossy(text);
            releases.push(read_entry(&text).ok_or_else(|| bad_reply(text))?);
        }
    }
    Ok(releases)
}

fn read_entry(text: &str) -> Option<Release> {
    let mut words = text.split(' ');
    let screening = ScreeningId::parse(words.next()?)?;
    let seq = words.next()?.parse().ok()?;
    let holder = PersonId::parse(words.next()?)?;
    let reason = match words.next()? {
        "user_unlocked" => ReleaseReason::UserUnlocked,
        "expired" => ReleaseReason::Expired,
        _ => return None,
    };
    let at = words.next()?.parse().ok()?;
    let seats = words.map(SeatId::parse).collect::<Option<_>>()?;
    Some(Release { screening, seq, holder, seats, reason, at })
}

/// Appends the arguments of [`super::function::Function::ForgetReleases`]: a stream position before all of these
/// releases, at which the search begins, and the name of each release.
pub(super) fn add_names(call: &mut Cmd, copied: &[&Release]) {
    let first = copied.iter().map(|release| release.at).min().unwrap_or(0);
    call.arg((first - ENTRY_OLDER_MS_MAX).max(0));
    for release in copied {
        if let Some(seat) = release.seats.first() {
            call.arg(format!("{} {} {seat}", release.screening, release.seq));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "00000000-0000-0000-0000-000000000001 7 00000000-0000-0000-0000-000000000002 expired 5 A1 A2";

    fn entry(field: &str, text: &str) -> Value {
        let word = |text: &str| Value::BulkString(text.as_bytes().to_vec());
        Value::Array(vec![word("5-0"), Value::Array(vec![word(field), word(text)])])
    }

    #[test]
    fn entry_is_parsed_as_a_release_and_an_entry_of_an_unknown_version_is_skipped() {
        let releases = read_entries(Value::Array(vec![entry("v1", TEXT), entry("v2", "?")])).unwrap();
        assert_eq!(releases.len(), 1);
        let release = &releases[0];
        assert_eq!((release.seq, release.at, release.reason), (7, 5, ReleaseReason::Expired));
        assert_eq!(release.seats.iter().map(ToString::to_string).collect::<Vec<_>>(), ["A1", "A2"]);
    }

    #[test]
    fn damaged_stream_entry_is_an_error() {
        for bad in ["", "x", &TEXT.replace("expired", "lost"), &TEXT.replace("A2", "A0")] {
            assert!(read_entries(Value::Array(vec![entry("v1", bad)])).is_err(), "{bad}");
        }
    }
}
