//! Simulation of many people: random histories that a seed determines. Several calls run concurrently, one port call at
//! a time in random order. Each call may crash, the clock jumps, adapters fail, answers are lost.
//!
//! `SEATKEEPER_SIM_SEEDS=1000` runs more seeds. `SEATKEEPER_SIM_SEED=17` runs one seed and prints its history.

mod deeds;
mod world;

use world::World;

/// Number of seeds that are run by default.
const SEEDS: u64 = 10;
/// Number of random actions in one history, before all work is finished.
const MOVES: usize = 1_500;

/// Runs the history of a seed, and returns its log lines.
async fn live(seed: u64) -> Vec<String> {
    let mut world = World::of(seed).await;
    for _ in 0..MOVES {
        world.make_a_move().await;
        world.check().await;
    }
    world.end().await
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|error| panic!("{name}={text:?}: {error}")))
}

#[tokio::test]
async fn payments_bookings_and_seat_maps_agree_after_random_histories() {
    if let Some(seed) = number("SEATKEEPER_SIM_SEED") {
        println!("{}", live(seed).await.join("\n"));
        return;
    }
    let seeds = number("SEATKEEPER_SIM_SEEDS").unwrap_or(SEEDS);
    let mut sales = 0;
    for seed in 1..=seeds {
        let history = live(seed).await;
        sales += history.iter().filter(|line| line.contains("succeeded")).count();
    }
    assert!(sales as u64 > seeds, "the histories have too few sales: {sales}");
}

#[tokio::test]
async fn simulation_of_the_same_seed_gives_the_same_history() {
    let (one, two) = (live(3).await, live(3).await);
    for (number, (one, two)) in one.iter().zip(&two).enumerate() {
        assert_eq!(one, two, "line {number}");
    }
    assert_eq!(one.len(), two.len());
    assert_ne!(one, live(4).await, "another seed gives another history");
}
