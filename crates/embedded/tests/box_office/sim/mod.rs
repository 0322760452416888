//! Random histories of many people at once, drawn from a seed: several works are under way at any time and go on one port
//! call at a time in an order that is drawn too; any of them may die, the clock jumps, parts go away, answers get lost.
//!
//! `SEATKEEPER_SIM_SEEDS=1000` runs more seeds, `SEATKEEPER_SIM_SEED=17` one of them with its history printed.

mod deeds;
mod world;

use world::World;

/// Seeds of an ordinary run.
const SEEDS: u64 = 10;
/// Moves of one history, before everything comes to rest.
const MOVES: usize = 1_500;

/// Lives through the history of a seed; answers what happened, line by line.
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
async fn random_histories_of_many_people_leave_the_books_right() {
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
    assert!(sales as u64 > seeds, "the histories are worth looking at: {sales} sales");
}

#[tokio::test]
async fn the_same_seed_is_the_same_history() {
    let (one, two) = (live(3).await, live(3).await);
    for (number, (one, two)) in one.iter().zip(&two).enumerate() {
        assert_eq!(one, two, "line {number}");
    }
    assert_eq!(one.len(), two.len());
    assert_ne!(one, live(4).await, "another seed is another history");
}
