//! Details of audit events about the programme: the names of the changed object (the new ones, or the last ones of a deleted
//! object), and each changed field with its old and new value.

use serde_json::{Map, Value, json};

use crate::{
    catalogue::{Hall, MovieDetails, Screening},
    time_text::TimeText,
};

/// The longest text of a value, in characters. Longer texts, such as a synopsis, are truncated, because these entries of the
/// audit log are never deleted.
const VALUE_CHARS_MAX: usize = 200;

/// Details of a new, changed (`old` and `new`) or deleted film.
pub(super) fn of_movie(old: Option<&MovieDetails>, new: Option<&MovieDetails>) -> Value {
    let fields = |movie: Option<&MovieDetails>| fields_of(movie.map(|movie| json!(movie)));
    let names = new.or(old).map(|movie| json!({"title": movie.title, "title_th": movie.title_th}));
    with_changes(json!({ "movie": names }), fields(old), fields(new))
}

/// Details of a new, changed or deleted hall. Its layout is summed up as rows and seats.
pub(super) fn of_hall(old: Option<&Hall>, new: Option<&Hall>) -> Value {
    let fields = |hall: Option<&Hall>| {
        fields_of(hall.map(|hall| {
            let rows = hall.layout.rows();
            let seats = rows.iter().flat_map(|row| &row.cells).flatten().count();
            json!({"name": hall.name, "rows": rows.len(), "seats": seats, "categories": hall.layout.categories()})
        }))
    };
    let names = new.or(old).map(|hall| json!({"name": hall.name}));
    let is_redrawn = old.zip(new).is_some_and(|(old, new)| old.layout != new.layout);
    with_changes(json!({ "hall": names, "layout_changed": is_redrawn }), fields(old), fields(new))
}

/// Details of a new, changed or deleted screening.
pub(super) fn of_screening(old: Option<&Screening>, new: Option<&Screening>) -> Value {
    let fields = |screening: Option<&Screening>| {
        let mut fields = fields_of(screening.map(|screening| {
            json!({
                "movie": screening.movie_title,
                "hall": screening.hall_name,
                "start_time": TimeText::of(screening.start_time).as_str(),
            })
        }));
        for (category, price) in screening.map(|screening| &screening.prices).into_iter().flatten() {
            fields.insert(format!("prices.{category}"), json!(price));
        }
        fields
    };
    let names = new.or(old).map(|screening| {
        json!({
            "movie": {"title": screening.movie_title, "title_th": screening.movie_title_th},
            "hall": {"name": screening.hall_name},
            "start_time": TimeText::of(screening.start_time).as_str(),
        })
    });
    with_changes(names.unwrap_or_default(), fields(old), fields(new))
}

fn fields_of(value: Option<Value>) -> Map<String, Value> {
    match value {
        Some(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

/// Adds `changes` to the names: the fields that differ, each with its old and new value. A created or deleted object has
/// only new or only old values.
fn with_changes(mut names: Value, old: Map<String, Value>, new: Map<String, Value>) -> Value {
    let mut keys: Vec<&String> = new.keys().chain(old.keys().filter(|key| !new.contains_key(*key))).collect();
    keys.retain(|key| value_of(&old, key) != value_of(&new, key));
    let changes: Vec<Value> = keys
        .into_iter()
        .map(|key| json!({"field": key, "old": shortened(value_of(&old, key)), "new": shortened(value_of(&new, key))}))
        .collect();
    names["changes"] = Value::Array(changes);
    names
}

fn value_of<'a>(fields: &'a Map<String, Value>, key: &str) -> &'a Value {
    fields.get(key).unwrap_or(&Value::Null)
}

fn shortened(value: &Value) -> Value {
    match value {
        Value::String(text) if text.chars().count() > VALUE_CHARS_MAX => {
            let start: String = text.chars().take(VALUE_CHARS_MAX).collect();
            format!("{start}…").into()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            value.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::{
        catalogue::Prices,
        ids::{HallId, MovieId, ScreeningId},
        money::Money,
        seating::{Layout, LayoutDraft},
    };

    fn movie(title: &str, synopsis: Option<String>) -> MovieDetails {
        MovieDetails {
            title: title.into(),
            title_th: None,
            synopsis,
            synopsis_th: None,
            genres: vec![],
            duration_min: 90,
            rating: None,
            poster_url: None,
        }
    }

    fn layout(cells: &str) -> Layout {
        let draft: LayoutDraft =
            serde_json::from_str(&format!(r#"{{"rows":[{{"label":"A","category":"VIP","cells":[{cells}]}}]}}"#))
                .unwrap();
        Layout::parse(draft).unwrap()
    }

    #[test]
    fn changed_film_is_logged_with_old_and_new_values_of_the_changed_fields_only() {
        let details = of_movie(Some(&movie("Old", None)), Some(&movie("New", Some("x".repeat(300)))));
        expect![[r#"{"changes":[{"field":"synopsis","new":"…","old":null},{"field":"title","new":"New","old":"Old"}],"movie":{"title":"New","title_th":null}}"#]]
            .assert_eq(&details.to_string().replace(&"x".repeat(200), ""));
        let created = of_movie(None, Some(&movie("New", None)))["changes"].to_string();
        assert!(created.contains(r#"{"field":"duration_min","new":90,"old":null}"#), "{created}");
        assert_eq!(of_movie(Some(&movie("Old", None)), None)["movie"]["title"], "Old");
    }

    #[test]
    fn changed_hall_is_logged_with_its_numbers_of_rows_and_seats() {
        let hall =
            |name: &str, cells: &str| Hall { id: HallId::parse(ID).unwrap(), name: name.into(), layout: layout(cells) };
        let (old, new) = (hall("One", r#""seat""#), hall("One", r#""seat","pair""#));
        expect![[r#"{"changes":[{"field":"seats","new":2,"old":1}],"hall":{"name":"One"},"layout_changed":true}"#]]
            .assert_eq(&of_hall(Some(&old), Some(&new)).to_string());
    }

    const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

    #[test]
    fn changed_screening_is_logged_with_film_hall_time_and_prices() {
        let at = |start: &str, satang: i64| Screening {
            id: ScreeningId::parse(ID).unwrap(),
            movie_id: MovieId::parse(ID).unwrap(),
            hall_id: HallId::parse(ID).unwrap(),
            start_time: start.parse().unwrap(),
            end_time: start.parse().unwrap(),
            hall_free_at: start.parse().unwrap(),
            is_cancelled: false,
            movie_title: "Tides".into(),
            movie_title_th: Some("น้ำขึ้นน้ำลง".into()),
            hall_name: "One".into(),
            layout: layout(r#""seat""#),
            prices: Prices::from([("VIP".to_owned(), Money::satang(satang))]),
        };
        let (old, new) = (at("2026-11-30T12:00:00Z", 20_000), at("2026-11-30T13:00:00Z", 25_000));
        expect![[r#"{"changes":[{"field":"prices.VIP","new":{"amount":25000,"currency":"THB"},"old":{"amount":20000,"currency":"THB"}},{"field":"start_time","new":"2026-11-30T13:00:00Z","old":"2026-11-30T12:00:00Z"}],"hall":{"name":"One"},"movie":{"title":"Tides","title_th":"น้ำขึ้นน้ำลง"},"start_time":"2026-11-30T13:00:00Z"}"#]]
            .assert_eq(&of_screening(Some(&old), Some(&new)).to_string());
    }
}
