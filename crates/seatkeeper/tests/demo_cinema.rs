//! Checks the data of the demo cinema against the program's rules.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a helper of a test fails the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;

const POSTER_BYTES_MAX: u64 = 12 * 1024;
const MINUTES_A_DAY: u32 = 24 * 60;
const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cinema {
    time_zone: String,
    currency: String,
    cleaning_min: u32,
    prices: BTreeMap<String, BTreeMap<String, i64>>,
    films: Vec<Film>,
    halls: Vec<Hall>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Film {
    slug: String,
    title: String,
    title_th: String,
    synopsis: String,
    synopsis_th: String,
    genres: Vec<String>,
    duration_min: u32,
    rating: String,
    poster_url: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Hall {
    name: String,
    name_th: String,
    rows: Vec<String>,
    week: BTreeMap<String, Vec<String>>,
}

struct Showing<'a> {
    start_min: u32,
    slug: &'a str,
    price_list: &'a str,
}

fn cinema() -> Cinema {
    toml::from_str(include_str!("../demo/cinema.toml")).expect("the demo cinema is valid TOML")
}

fn showing(text: &str) -> Showing<'_> {
    let mut words = text.split(' ');
    let (hour, minute) = words.next().and_then(|at| at.split_once(':')).expect("HH:MM");
    let (hour, minute): (u32, u32) = (hour.parse().unwrap(), minute.parse().unwrap());
    assert!(hour < 24 && minute < 60, "{text}");
    let slug = words.next().expect("a film");
    let price_list = words.next().unwrap_or("regular");
    assert!(words.next().is_none(), "{text}");
    Showing { start_min: hour * 60 + minute, slug, price_list }
}

/// The number of units (a pair is one unit) in a hall, by the letter of their kind.
fn units(hall: &Hall) -> BTreeMap<char, usize> {
    let mut units = BTreeMap::new();
    for row in &hall.rows {
        for cell in row.split(' ').nth(2).expect("cells").chars().filter(|cell| *cell != '_') {
            *units.entry(cell).or_default() += 1;
        }
    }
    units
}

#[test]
fn films_and_halls_are_complete_in_both_languages() {
    let cinema = cinema();
    assert_eq!((cinema.time_zone.as_str(), cinema.currency.as_str()), ("Asia/Bangkok", "THB"));
    assert_eq!(cinema.films.len(), 12);
    let thai = |text: &str| text.chars().any(|c| ('\u{0e01}'..='\u{0e5b}').contains(&c));
    let mut slugs = BTreeSet::new();
    for film in &cinema.films {
        assert!(slugs.insert(&film.slug), "{} twice", film.slug);
        assert!(film.slug.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{}", film.slug);
        assert!(thai(&film.title_th) && thai(&film.synopsis_th), "{}", film.slug);
        assert!(!thai(&film.title) && !thai(&film.synopsis), "{}", film.slug);
        assert!(film.synopsis.len() > 100, "{}", film.slug);
        assert!(!film.genres.is_empty() && (60..=200).contains(&film.duration_min), "{}", film.slug);
        assert!(["G", "13+", "15+", "18+"].contains(&film.rating.as_str()), "{}", film.rating);
    }
    let mut names = BTreeSet::new();
    for hall in &cinema.halls {
        assert!(thai(&hall.name_th) && !thai(&hall.name), "{}", hall.name);
        assert!(names.insert(&hall.name_th), "{} twice", hall.name_th);
    }
}

#[test]
fn every_film_has_a_small_poster_without_scripts_and_external_resources() {
    let public = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web/public");
    for film in cinema().films {
        assert_eq!(film.poster_url, format!("/posters/{}.svg", film.slug));
        let file = public.join(film.poster_url.trim_start_matches('/'));
        let svg = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        assert!(svg.len() as u64 <= POSTER_BYTES_MAX, "{} has {} bytes", film.slug, svg.len());
        assert!(svg.contains("viewBox=\"0 0 400 600\""), "{}", film.slug);
        for foreign in ["<script", "<foreignObject", "<image", "href=\"http", "url(http", "@import", " on"] {
            assert!(!svg.contains(foreign), "{foreign} in {}", film.slug);
        }
    }
}

#[test]
fn halls_have_the_documented_shapes() {
    let cinema = cinema();
    let shapes: Vec<(&str, usize, BTreeMap<char, usize>)> =
        cinema.halls.iter().map(|hall| (hall.name.as_str(), hall.rows.len(), units(hall))).collect();
    let of = |pairs: &[(char, usize)]| pairs.iter().copied().collect::<BTreeMap<_, _>>();
    assert_eq!(
        shapes,
        [
            ("Hall 1", 15, of(&[('c', 4), ('p', 10), ('s', 279), ('w', 4), ('x', 3)])),
            ("Hall 2", 5, of(&[('s', 40)])),
            ("Hall 3", 9, of(&[('c', 2), ('s', 104), ('w', 2)])),
            ("The Loft", 4, of(&[('p', 24)])),
        ]
    );
    for hall in &cinema.halls {
        let mut labels = BTreeSet::new();
        for row in &hall.rows {
            let [label, category, cells] = row.split(' ').collect::<Vec<_>>()[..] else { panic!("{row}") };
            assert!((1..=3).contains(&label.len()) && labels.insert(label), "{row}");
            assert!(cells.len() <= 100 && cells.chars().all(|cell| "spwcx_".contains(cell)), "{row}");
            for (name, list) in &cinema.prices {
                assert!(list.get(category).is_some_and(|price| *price > 0), "{category} in {name}");
            }
        }
    }
    let wide: BTreeSet<usize> = cinema.halls[0].rows.iter().map(|row| row.matches('s').count()).collect();
    assert!(wide.len() > 4, "the rows of Hall 1 are of unequal length");
}

#[test]
fn screenings_in_a_hall_never_overlap_not_even_over_midnight() {
    let cinema = cinema();
    let minutes: BTreeMap<&str, u32> =
        cinema.films.iter().map(|film| (film.slug.as_str(), film.duration_min + cinema.cleaning_min)).collect();
    let mut shown = BTreeSet::new();
    let mut count = 0;
    for hall in &cinema.halls {
        assert!(hall.week.keys().all(|day| WEEKDAYS.contains(&day.as_str())), "{}", hall.name);
        let mut week = Vec::new();
        for (day, name) in (0..).zip(WEEKDAYS) {
            for text in &hall.week[name] {
                let showing = showing(text);
                assert!(cinema.prices.contains_key(showing.price_list), "{text}");
                let start = day * MINUTES_A_DAY + showing.start_min;
                week.push((start, start + minutes[showing.slug], text));
                shown.insert(showing.slug);
                count += 1;
            }
        }
        // The first screening of the week is repeated a week later, to check that Sunday's last screening does not
        // overlap Monday's first one.
        let (start, end, text) = week[0];
        week.push((start + 7 * MINUTES_A_DAY, end + 7 * MINUTES_A_DAY, text));
        for pair in week.windows(2) {
            assert!(pair[0].1 <= pair[1].0, "{}: {} runs into {}", hall.name, pair[0].2, pair[1].2);
        }
    }
    assert!((60..=100).contains(&count), "{count} showings a week");
    assert_eq!(shown.len(), cinema.films.len(), "every film is shown");
}

#[test]
fn regular_prices_are_fixed_and_between_matinee_and_gala() {
    let prices = cinema().prices;
    let regular = &prices["regular"];
    assert_eq!((regular["standard"], regular["premium"], regular["sofa"]), (20_000, 28_000, 50_000));
    assert!(prices["matinee"]["standard"] < regular["standard"] && regular["standard"] < prices["gala"]["standard"]);
}
