//! Checks that every path and every error code of openapi.json occurs in a test.

use std::{fs, path::Path};

use serde_json::Value;

/// Error codes that no request can cause. The layers that return them have their own tests.
const NOT_FROM_OUTSIDE: [&str; 4] = ["internal", "not_ready", "too_slow", "try_again"];

fn texts_of_these_tests() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let mut folders = vec![folder];
    let mut texts = String::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if !path.ends_with("contract_coverage.rs") {
                texts += &fs::read_to_string(path).unwrap();
            }
        }
    }
    texts
}

#[test]
fn every_path_and_every_error_code_has_a_test() {
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../openapi.json");
    let document: Value = serde_json::from_str(&fs::read_to_string(document).unwrap()).unwrap();
    let texts = texts_of_these_tests();
    let codes = document["components"]["schemas"]["ErrorCode"]["enum"].as_array().unwrap();
    let codes: Vec<&str> = codes.iter().map(|code| code.as_str().unwrap()).collect();
    assert!(codes.len() > 40, "{codes:?}");
    let is_named = |code: &str| texts.contains(&format!("\"{code}\""));
    let unnamed: Vec<&&str> = codes.iter().filter(|code| !NOT_FROM_OUTSIDE.contains(code) && !is_named(code)).collect();
    assert_eq!(unnamed, Vec::<&&str>::new(), "codes without a test");

    let paths: Vec<&String> = document["paths"].as_object().unwrap().keys().collect();
    assert!(paths.len() > 30, "{paths:?}");
    // A path with a parameter, such as `/api/movies/{id}`, is searched for as `/api/movies/`.
    let parts = |path: &str| path.split('{').next().unwrap().trim_end_matches('/').to_owned();
    let last = |path: &str| path.rsplit('}').next().unwrap().to_owned();
    let unasked: Vec<&&String> =
        paths.iter().filter(|path| !texts.contains(&parts(path)) || !texts.contains(&last(path))).collect();
    assert_eq!(unasked, Vec::<&&String>::new(), "calls without a test");
}
