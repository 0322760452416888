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
            let categories = hall.layout.categories();
            json!({
                "name": hall.name, "name_th": hall.name_th, "rows": rows.len(), "seats": seats, "categories": categories,
            })
        }))
    };
    let names = new.or(old).map(|hall| json!({"name": hall.name, "name_th": hall.name_th}));
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
            "hall": {"name": screening.hall_name, "name_th": screening.hall_name_th},
            "start_time": TimeText::of(screening.start_time).as_str(),
        })
    });
    let mut details = with_changes(names.unwrap_or_default(), fields(old), fields(new));
    add_thai(&mut details, "movie", old, new, |screening| screening.movie_title_th.as_deref());
    add_thai(&mut details, "hall", old, new, |screening| screening.hall_name_th.as_deref());
    details
}

/// Adds the Thai names to the change of `field`, beside `old` and `new`, which older versions of the page read as texts.
fn add_thai(
    details: &mut Value,
    field: &str,
    old: Option<&Screening>,
    new: Option<&Screening>,
    thai: fn(&Screening) -> Option<&str>,
) {
    let changes = details["changes"].as_array_mut().into_iter().flatten();
    for change in changes.filter(|change| change["field"] == field) {
        change["old_th"] = json!(old.and_then(thai));
        change["new_th"] = json!(new.and_then(thai));
    }
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

    const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

    fn hall(name: &str, name_th: Option<&str>, cells: &str) -> Hall {
        let name_th = name_th.map(str::to_owned);
        Hall { id: HallId::parse(ID).unwrap(), name: name.into(), name_th, layout: layout(cells) }
    }

    fn screening(start: &str, satang: i64) -> Screening {
        Screening {
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
            hall_name_th: Some("โรง 1".into()),
            layout: layout(r#""seat""#),
            prices: Prices::from([("VIP".to_owned(), Money::satang(satang))]),
        }
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
        let (old, new) = (hall("One", None, r#""seat""#), hall("One", None, r#""seat","pair""#));
        expect![[r#"{"changes":[{"field":"seats","new":2,"old":1}],"hall":{"name":"One","name_th":null},"layout_changed":true}"#]]
            .assert_eq(&of_hall(Some(&old), Some(&new)).to_string());
    }

    #[test]
    fn new_thai_name_of_a_hall_is_logged_beside_the_old_one() {
        let (old, new) = (hall("One", Some("โรง 1"), r#""seat""#), hall("One", Some("โรงหนึ่ง"), r#""seat""#));
        expect![[r#"{"changes":[{"field":"name_th","new":"โรงหนึ่ง","old":"โรง 1"}],"hall":{"name":"One","name_th":"โรงหนึ่ง"},"layout_changed":false}"#]]
            .assert_eq(&of_hall(Some(&old), Some(&new)).to_string());
        let cleared = of_hall(Some(&old), Some(&hall("One", None, r#""seat""#)));
        expect![[r#"[{"field":"name_th","new":null,"old":"โรง 1"}]"#]].assert_eq(&cleared["changes"].to_string());
    }

    #[test]
    fn changed_screening_is_logged_with_film_hall_time_and_prices() {
        let (old, new) = (screening("2026-11-30T12:00:00Z", 20_000), screening("2026-11-30T13:00:00Z", 25_000));
        expect![[r#"{"changes":[{"field":"prices.VIP","new":{"amount":25000,"currency":"THB"},"old":{"amount":20000,"currency":"THB"}},{"field":"start_time","new":"2026-11-30T13:00:00Z","old":"2026-11-30T12:00:00Z"}],"hall":{"name":"One","name_th":"โรง 1"},"movie":{"title":"Tides","title_th":"น้ำขึ้นน้ำลง"},"start_time":"2026-11-30T13:00:00Z"}"#]]
            .assert_eq(&of_screening(Some(&old), Some(&new)).to_string());

        let other = Screening { movie_title: "Ebb".into(), movie_title_th: None, ..old.clone() };
        let changes = of_screening(Some(&old), Some(&other))["changes"].to_string();
        assert_eq!(changes, r#"[{"field":"movie","new":"Ebb","new_th":null,"old":"Tides","old_th":"น้ำขึ้นน้ำลง"}]"#);
    }

    #[test]
    fn screening_of_another_film_in_another_hall_is_logged_with_the_names_in_both_languages() {
        let old = screening("2026-11-30T12:00:00Z", 20_000);
        let (movie_title, hall_name) = ("Dunes".to_owned(), "Two".to_owned());
        let new = Screening { movie_title, movie_title_th: None, hall_name, hall_name_th: None, ..old.clone() };
        expect![[r#"[{"field":"hall","new":"Two","new_th":null,"old":"One","old_th":"โรง 1"},{"field":"movie","new":"Dunes","new_th":null,"old":"Tides","old_th":"น้ำขึ้นน้ำลง"}]"#]]
            .assert_eq(&of_screening(Some(&old), Some(&new))["changes"].to_string());
        let created = of_screening(None, Some(&old))["changes"][0].to_string();
        expect![[r#"{"field":"hall","new":"One","new_th":"โรง 1","old":null,"old_th":null}"#]].assert_eq(&created);
    }
}
