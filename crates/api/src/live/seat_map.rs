//! The body of `GET /api/screenings/{id}/seats`, serialized once and cached until the next change.

use std::{
    collections::HashMap,
    io::Write as _,
    sync::{Arc, OnceLock},
};

use axum::http::HeaderValue;
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use seatkeeper_core::{
    catalogue::{OpenScreening, SharedScreening},
    ids::SeatId,
    locks::{SeatSnapshot, SeatStatus},
    money::Money,
    seating::{PlannedSeat, SeatKind},
};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use super::frames::{Until, status_name};
use crate::wire::{MoneyShape, SeatKindShape, wire_seq};

/// Compression level. With it the map of 300 seats fits into 4 KB; speed matters less, because each map is compressed
/// once at most.
const GZIP_LEVEL: u32 = 6;
/// Length of the truncated SHA-256 in an `ETag`, in bytes.
const ETAG_HASH_BYTES: usize = 16;

/// All seats of a screening as they are now.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SeatMap<'a> {
    /// Which screening.
    #[schema(value_type = String)]
    screening_id: String,
    /// Sequence of the last change in the map, the same numbering as in the frames of `/api/ws`. It grows, but not by one.
    seq: i64,
    /// The screening's revision: grows when film, hall, start, end, prices or state change.
    revision: u64,
    /// Row by row, from the screen to the back.
    seats: Vec<SeatOnMap<'a>>,
}

/// One seat.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SeatOnMap<'a> {
    /// Its name: the row's label and its number.
    #[schema(value_type = String, example = "A1")]
    id: SeatId,
    /// The row's label.
    #[schema(example = "A")]
    row: &'a str,
    /// Its number within the row, from 1.
    #[schema(value_type = i32, minimum = 1)]
    number: u8,
    /// What it is.
    #[schema(value_type = SeatKindShape)]
    kind: SeatKind,
    /// Its price category.
    #[schema(example = "standard")]
    category: &'a str,
    /// What it costs.
    #[schema(value_type = MoneyShape)]
    price: Money,
    /// Whether it is available.
    #[schema(value_type = SeatStatusShape)]
    status: &'static str,
    /// When the lock of a locked seat expires, rounded up to a whole second.
    #[schema(value_type = Option<String>, format = DateTime)]
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Until>,
}

/// Whether a seat is available. Never says who holds it.
#[derive(Serialize, ToSchema)]
#[schema(as = SeatStatus)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(dead_code, reason = "names for the document; the values come from the rules")]
pub(super) enum SeatStatusShape {
    /// It can be locked.
    Available,
    /// Locked by somebody, until `until`.
    Locked,
    /// Sold.
    Booked,
    /// Not for sale.
    Unavailable,
}

/// A serialized seat map with its `ETag`.
pub(super) struct SeatMapBody {
    screening: SharedScreening,
    seq: u64,
    pub(super) etag: HeaderValue,
    pub(super) json: Bytes,
    gzip: OnceLock<Bytes>,
}

impl SeatMapBody {
    pub(super) fn new(screening: &SharedScreening, snapshot: &SeatSnapshot) -> Self {
        let json = serde_json::to_vec(&SeatMap::of(screening, snapshot)).unwrap_or_default();
        let etag = etag_of(&json);
        let screening = Arc::clone(screening);
        Self { screening, seq: snapshot.seq, etag, json: json.into(), gzip: OnceLock::new() }
    }

    /// Whether this cached body is current: it has the same sequence number and the same `Arc` of the screening, which
    /// is replaced by a new `Arc` when for example a price changes.
    pub(super) fn is_of(&self, screening: &SharedScreening, seq: u64) -> bool {
        self.seq == seq && Arc::ptr_eq(&self.screening, screening)
    }

    /// Returns the body compressed with gzip, which is cached after the first call.
    pub(super) fn gzip(&self) -> Bytes {
        let compress = || {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::new(GZIP_LEVEL));
            // Writing into a `Vec` does not fail.
            let _ = encoder.write_all(&self.json);
            encoder.finish().unwrap_or_default().into()
        };
        self.gzip.get_or_init(compress).clone()
    }
}

fn etag_of(body: &[u8]) -> HeaderValue {
    let hash = Sha256::digest(body);
    let hex = hex::encode(&hash[..ETAG_HASH_BYTES]);
    HeaderValue::try_from(format!("\"{hex}\"")).unwrap_or(HeaderValue::from_static("\"\""))
}

impl<'a> SeatMap<'a> {
    fn of(open: &'a OpenScreening, snapshot: &SeatSnapshot) -> Self {
        let taken: HashMap<SeatId, SeatStatus> = snapshot.seats.iter().map(|seat| (seat.id, seat.status)).collect();
        let seats = open.plan.seats().iter().map(|seat| {
            let status = taken.get(&seat.id).copied().unwrap_or(SeatStatus::Available);
            SeatOnMap::of(open, seat, status)
        });
        Self {
            screening_id: open.screening.id.to_string(),
            seq: wire_seq(snapshot.seq),
            revision: open.revision,
            seats: seats.collect(),
        }
    }
}

impl<'a> SeatOnMap<'a> {
    fn of(open: &'a OpenScreening, seat: &'a PlannedSeat, status: SeatStatus) -> Self {
        let for_sale = seat.kind.is_for_sale();
        let until = match status {
            SeatStatus::Locked { until } if for_sale => Some(Until(until)),
            _ => None,
        };
        Self {
            id: seat.id,
            row: seat.id.row(),
            number: seat.id.number(),
            kind: seat.kind,
            category: open.plan.category_of(seat),
            price: open.price_of(seat),
            status: if for_sale { status_name(status) } else { "UNAVAILABLE" },
            until,
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use jiff::SignedDuration;
    use seatkeeper_core::{
        ids::{HallId, MovieId, ScreeningId},
        locks::SeatChange,
    };
    use seatkeeper_testing::{SAMPLE_NOW_MS, hall_of, movie_of, sample_now, screening_of};
    use uuid::Uuid;

    use super::*;

    fn screening(picture: &str) -> SharedScreening {
        let movie = movie_of(MovieId::from_uuid(Uuid::nil()), "Film");
        let hall = hall_of(HallId::from_uuid(Uuid::nil()), "Hall", picture);
        let screening = screening_of(ScreeningId::from_uuid(Uuid::nil()), &movie, &hall, sample_now());
        Arc::new(OpenScreening::new(screening, 1, SignedDuration::ZERO))
    }

    fn change(seat: &str, status: SeatStatus) -> SeatChange {
        SeatChange { id: SeatId::parse(seat).unwrap(), status }
    }

    #[test]
    fn seat_map_has_the_json_of_the_contract() {
        let until = SAMPLE_NOW_MS + 1;
        let seats = vec![change("A1", SeatStatus::Locked { until }), change("B1", SeatStatus::Booked)];
        let body = SeatMapBody::new(&screening("s_x/sofa:p"), &SeatSnapshot { seq: SAMPLE_NOW_MS as u64, seats });
        expect![[r#"{"screening_id":"00000000-0000-0000-0000-000000000000","seq":59747400000,"revision":1,"seats":[{"id":"A1","row":"A","number":1,"kind":"seat","category":"standard","price":{"amount":20000,"currency":"THB"},"status":"LOCKED","until":"2026-11-23T12:30:01Z"},{"id":"A2","row":"A","number":2,"kind":"blocked","category":"standard","price":{"amount":20000,"currency":"THB"},"status":"UNAVAILABLE"},{"id":"B1","row":"B","number":1,"kind":"pair","category":"sofa","price":{"amount":20000,"currency":"THB"},"status":"BOOKED"}]}"#]]
            .assert_eq(std::str::from_utf8(&body.json).unwrap());
    }

    #[test]
    fn etag_depends_only_on_the_body_and_cached_body_is_current_only_for_its_screening_and_sequence() {
        let (one, other) = (screening("ss"), screening("ss"));
        let empty = SeatSnapshot { seq: 7, seats: vec![] };
        let body = SeatMapBody::new(&one, &empty);
        assert_eq!(body.etag, SeatMapBody::new(&other, &empty).etag, "the same body");
        assert_ne!(body.etag, SeatMapBody::new(&one, &SeatSnapshot { seq: 8, seats: vec![] }).etag);
        assert!(body.is_of(&one, 7) && !body.is_of(&one, 8) && !body.is_of(&other, 7));
    }

    #[test]
    fn compressed_map_of_three_hundred_seats_fits_into_four_kilobytes() {
        let row = "ssssssss_sssssss";
        let picture = vec![row; 20].join("/");
        let screening = screening(&picture);
        assert_eq!(screening.plan.seats().len(), 300);
        // A map that compresses badly: every seat differs from its neighbours, and every lock has its own expiry.
        let seats = screening.plan.seats().iter().enumerate().filter_map(|(index, seat)| {
            let status = match (index * 7919) % 5 {
                0 | 1 => SeatStatus::Booked,
                2 => SeatStatus::Locked { until: SAMPLE_NOW_MS + (index as i64 * 104_729) % 300_000 },
                _ => return None,
            };
            Some(SeatChange { id: seat.id, status })
        });
        let snapshot = SeatSnapshot { seq: SAMPLE_NOW_MS as u64, seats: seats.collect() };
        let bytes = SeatMapBody::new(&screening, &snapshot).gzip().len();
        assert!(bytes <= 4 * 1024, "{bytes} bytes");
    }
}
