//! Test client that applies frames exactly as the API contract says.

use std::collections::BTreeMap;

use seatkeeper_core::locks::{SeatSnapshot, SeatStatus};
use serde_json::Value;

use crate::{
    live::frames::{Until, status_name},
    wire::wire_seq,
};

/// Statuses as clients see them: `LOCKED 2026-…` or `BOOKED`; seats not listed are available.
pub(super) type Seats = BTreeMap<String, String>;

/// State of a test client: its seat map and the frames that it has received.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Viewer {
    pub(super) seq: Option<i64>,
    pub(super) seats: Seats,
    pub(super) snapshots: usize,
    /// The person's hold from the frames since the last snapshot.
    pub(super) hold: Option<Value>,
    /// Number of hold frames so far.
    pub(super) holds: usize,
    /// Payment frames so far, as `STATUS id`.
    pub(super) payments: Vec<String>,
}

/// What the contract requires a client to do after a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    GoOn,
    Reload,
}

impl Viewer {
    /// A client that has just read the map with GET.
    pub(super) fn of_map(snapshot: &SeatSnapshot) -> Self {
        Self { seq: Some(wire_seq(snapshot.seq)), seats: seats_of(snapshot), ..Self::default() }
    }

    /// Applies a frame exactly as the API contract says; returns what the client must do next.
    pub(super) fn take(&mut self, frame: &str) -> Then {
        let frame: Value = serde_json::from_str(frame).unwrap();
        if frame["type"] == "payment" {
            self.payments.push(format!("{} {}", frame["status"].as_str().unwrap(), frame["id"].as_str().unwrap()));
            return Then::GoOn;
        }
        if frame["type"] == "screening" {
            return Then::GoOn;
        }
        let seq = frame["seq"].as_i64().unwrap();
        match (frame["type"].as_str().unwrap(), self.seq) {
            ("snapshot", _) => {
                self.seats.clear();
                self.put(&frame["seats"]);
                self.seq = Some(seq);
                self.snapshots += 1;
                self.hold = None;
                Then::GoOn
            }
            ("hold", own) => {
                assert!(own.is_some(), "a hold comes after the snapshot");
                assert_eq!(frame["hold"]["seq"], seq);
                let newest = self.hold.as_ref().map_or(i64::MIN, |hold| hold["seq"].as_i64().unwrap());
                assert!(newest <= seq, "holds go forward between two snapshots: {newest} and then {seq}");
                self.hold = Some(frame["hold"].clone());
                self.holds += 1;
                Then::GoOn
            }
            ("changes", Some(own)) if own == seq => Then::GoOn,
            ("changes", Some(own)) if frame["prev"].as_i64().unwrap() <= own && own < seq => {
                self.put(&frame["changes"]);
                self.seq = Some(seq);
                Then::GoOn
            }
            ("alive", own) if own == Some(seq) => Then::GoOn,
            ("changes" | "alive", _) => Then::Reload,
            (other, _) => panic!("a frame of type {other:?}"),
        }
    }

    fn put(&mut self, seats: &Value) {
        for seat in seats.as_array().unwrap() {
            let id = seat["id"].as_str().unwrap().to_owned();
            let status = seat["status"].as_str().unwrap();
            assert_eq!(status == "LOCKED", seat["until"].is_string(), "only locked seats have `until`: {seat}");
            match status {
                "AVAILABLE" => self.seats.remove(&id),
                "LOCKED" => self.seats.insert(id, format!("LOCKED {}", seat["until"].as_str().unwrap())),
                other => self.seats.insert(id, other.to_owned()),
            };
        }
    }
}

/// The seats of a snapshot as a viewer should see them.
pub(super) fn seats_of(snapshot: &SeatSnapshot) -> Seats {
    let shown = |status: SeatStatus| match status {
        SeatStatus::Locked { until } => {
            format!("LOCKED {}", serde_json::to_value(Until(until)).unwrap().as_str().unwrap())
        }
        other => status_name(other).to_owned(),
    };
    snapshot.seats.iter().map(|seat| (seat.id.to_string(), shown(seat.status))).collect()
}
