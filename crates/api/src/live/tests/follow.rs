//! Tests of `screening` frames, which tell viewers about changes of the screening itself.

use std::sync::Arc;

use jiff::SignedDuration;
use seatkeeper_core::{
    catalogue::{OpenScreening, SharedScreening},
    money::Money,
};
use seatkeeper_testing::{layout_of, sample_now};
use tokio::time::Instant;

use super::stage::Stage;
use crate::live::{
    LiveLimits,
    room::{Frame, Room, Subscription},
};

/// The stage's screening at this revision, with a price that differs at each revision.
fn at_revision(stage: &Stage, revision: u64) -> SharedScreening {
    let mut screening = stage.screening.screening.clone();
    screening.start_time += SignedDuration::from_hours(1);
    let price = Money::satang(i64::try_from(revision).unwrap() * 100);
    screening.prices.values_mut().for_each(|of_category| *of_category = price);
    Arc::new(OpenScreening::new(screening, revision, SignedDuration::ZERO))
}

fn join(room: &Arc<Room>) -> Subscription {
    room.subscribe(Instant::now(), None).unwrap()
}

fn frames(viewer: &mut Subscription) -> Vec<String> {
    std::iter::from_fn(|| viewer.frames.try_recv().ok())
        .filter_map(|frame| match frame {
            Frame::Text(text) => Some(text.to_string()),
            Frame::Ping => None,
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn screening_with_a_newer_revision_is_sent_once_and_with_an_older_one_ignored() {
    let stage = Stage::new(&["A1"], LiveLimits::default());
    let room = stage.rooms.open(stage.id()).await.unwrap();
    room.set_screening(&at_revision(&stage, 7), sample_now());
    let mut viewer = join(&room);
    assert!(viewer.snapshot.contains(r#""revision":7,"#), "{}", viewer.snapshot);
    for revision in [7, 8, 8, 7, 6] {
        room.set_screening(&at_revision(&stage, revision), sample_now());
    }
    let told = frames(&mut viewer);
    assert_eq!(told.len(), 1, "{told:?}");
    let prefix = r#"{"type":"screening","revision":8,"start_time":"2026-11-23T13:30:00Z""#;
    assert!(told[0].starts_with(prefix) && told[0].contains(r#""amount":800"#), "{told:?}");
    assert!(join(&room).snapshot.contains(r#""revision":8,"#), "a later viewer gets it with the snapshot");
}

#[tokio::test(start_paused = true)]
async fn screening_frame_is_sent_once_when_sales_close() {
    let stage = Stage::new(&[], LiveLimits::default());
    let room = stage.rooms.open(stage.id()).await.unwrap();
    let open = at_revision(&stage, 7);
    let closes = sample_now() + SignedDuration::from_hours(1);
    room.set_screening(&open, sample_now());
    let mut viewer = join(&room);
    for now in [closes - SignedDuration::from_millis(1), closes, closes] {
        room.set_screening(&open, now);
    }
    let told = frames(&mut viewer);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains(r#""revision":7,"#) && told[0].contains(r#""state":"CLOSED""#), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn new_layout_sends_a_snapshot_even_without_taken_seats() {
    let stage = Stage::new(&[], LiveLimits::default());
    let room = stage.rooms.open(stage.id()).await.unwrap();
    room.set_screening(&at_revision(&stage, 7), sample_now());
    let mut viewer = join(&room);
    let mut moved = at_revision(&stage, 8).screening.clone();
    moved.layout = layout_of("ss");
    room.set_screening(&Arc::new(OpenScreening::new(moved, 8, SignedDuration::ZERO)), sample_now());
    let mut told = Vec::new();
    while told.len() < 2 {
        if let Frame::Text(text) = viewer.frames.recv().await.unwrap() {
            told.push(text.to_string());
        }
    }
    assert!(told[0].starts_with(r#"{"type":"screening","revision":8,"#), "{told:?}");
    assert!(told[1].starts_with(r#"{"type":"snapshot""#) && told[1].contains(r#""revision":8,"#), "{told:?}");
}
