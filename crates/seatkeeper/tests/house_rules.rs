//! Rules of this repository that no compiler checks. A failed test lists every violation.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where it stopped")]

use std::fs;
use std::path::{Path, PathBuf};

/// Limit of the lines of a Rust file. A longer file does too much.
const RUST_LINES_MAX: usize = 500;
/// Limit of the lines of a Vue component. A longer component should be split, or move logic into a composable.
const VUE_LINES_MAX: usize = 250;
/// Limit of the lines of a decision record: one page.
const DECISION_LINES_MAX: usize = 60;

/// The allowed dependencies between the crates of the workspace.
const ARROWS: &[(&str, &[&str])] = &[
    ("core", &[]),
    ("embedded", &["core"]),
    ("cluster", &["core"]),
    ("testing", &["core"]),
    ("testbed", &[]),
    ("bench", &["testbed"]),
    ("api", &["core"]),
    ("seatkeeper", &["core", "embedded", "cluster", "api"]),
];

/// The kinds of files that the table in ARCHITECTURE.md divides among its rows.
const SOURCES: &[&str] = &[".rs", ".lua", ".sql", ".j2", ".ts", ".vue", ".css", ".js", ".mjs", ".sh", ".py"];

/// Dependencies that the core crate must not have, because it does no I/O and does not depend on a technology.
const NOT_IN_CORE: &[&str] =
    &["axum", "clap", "hyper", "lettre", "mongodb", "rdkafka", "redis", "reqwest", "rusqlite", "tower", "tower-http"];

/// The forbidden imports between the folders of the web page.
const PAGE_ARROWS: &[(&str, &[&str])] = &[
    ("ui", &["features", "api", "live"]),
    ("lib", &["features", "api", "live", "ui"]),
    ("api", &["features", "live", "ui"]),
    ("live", &["features", "ui"]),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// All files below a folder whose names end with one of `endings`, with their texts. Generated folders are skipped.
fn files(folder: &str, endings: &[&str]) -> Vec<(String, String)> {
    let (root, mut found) = (root(), Vec::new());
    let mut folders = vec![root.join(folder)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for path in entries.map(|entry| entry.unwrap().path()) {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let is_made = matches!(name.as_str(), "target" | "node_modules" | "dist" | "test-results" | "data");
            if path.is_dir() && !is_made && !name.starts_with('.') {
                folders.push(path);
            } else if path.is_file() && endings.iter().any(|ending| name.ends_with(ending)) {
                let shown = path.strip_prefix(&root).unwrap().display().to_string();
                found.push((shown, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

fn rust_files() -> Vec<(String, String)> {
    let found = files("crates", &[".rs"]);
    assert!(found.len() > 10, "the crates were not found");
    found
}

#[track_caller]
fn assert_none(broken: &[String], rule: &str) {
    assert!(broken.is_empty(), "{rule}:\n  {}", broken.join("\n  "));
}

/// The lines that violate a rule, as `file:line`.
fn lines_where(files: &[(String, String)], breaks: impl Fn(&str) -> bool) -> Vec<String> {
    let all = files.iter().flat_map(|(path, text)| text.lines().enumerate().map(move |line| (path, line)));
    all.filter(|(_, (_, line))| breaks(line)).map(|(path, (index, line))| at(path, index, line)).collect()
}

fn at(path: &str, index: usize, line: &str) -> String {
    format!("{path}:{}: {}", index + 1, line.trim())
}

fn longer_than(files: &[(String, String)], lines_max: usize) -> Vec<String> {
    let long = files.iter().map(|(path, text)| (path, text.lines().count())).filter(|(_, lines)| *lines > lines_max);
    long.map(|(path, lines)| format!("{path}: {lines}")).collect()
}

#[test]
fn files_stay_short() {
    assert_none(&longer_than(&rust_files(), RUST_LINES_MAX), "a Rust file has at most 500 lines");
    assert_none(&longer_than(&files("web/src", &[".vue"]), VUE_LINES_MAX), "a component has at most 250 lines");
    assert_none(&longer_than(&files("docs/decisions", &[".md"]), DECISION_LINES_MAX), "a decision fits on one page");
}

#[test]
fn crates_have_only_the_allowed_dependencies() {
    let mut broken = Vec::new();
    for (path, text) in files("crates", &["Cargo.toml"]) {
        let name = path.split('/').nth(1).unwrap();
        let Some((_, allowed)) = ARROWS.iter().find(|(known, _)| *known == name) else {
            broken.push(format!("{path}: this test does not list the allowed dependencies of this crate"));
            continue;
        };
        // Tests may use a real adapter instead of a mock; the shipped code may not.
        let shipped = dependencies(&text, &["dependencies", "build-dependencies"]);
        let strangers = shipped
            .iter()
            .filter(|dependency| dependency.strip_prefix("seatkeeper-").is_some_and(|ours| !allowed.contains(&ours)));
        broken.extend(strangers.map(|dependency| format!("{path}: {dependency}")));
        let all = dependencies(&text, &["dependencies", "dev-dependencies", "build-dependencies"]);
        let technologies = all.iter().filter(|dependency| name == "core" && NOT_IN_CORE.contains(&dependency.as_str()));
        broken.extend(technologies.map(|dependency| format!("{path}: {dependency}")));
    }
    assert_none(&broken, "seatkeeper → api, embedded → core, and no technology in core");
}

fn dependencies(manifest: &str, sections: &[&str]) -> Vec<String> {
    let manifest: toml::Table = manifest.parse().unwrap();
    let tables = sections.iter().filter_map(|section| manifest.get(*section)?.as_table());
    tables.flat_map(|table| table.keys().cloned()).collect()
}

/// The paths that one row of the table in ARCHITECTURE.md names: "`crates/api/src`: `page`, `asset`; `web/e2e`" names
/// `crates/api/src/page`, `crates/api/src/asset` and `web/e2e`.
fn paths_of_row(row: &str) -> Vec<String> {
    let mut paths = Vec::new();
    for part in row.split('|').nth(2).unwrap_or_default().split(';') {
        let (base, names) = part.split_once("`:").unwrap_or(("", part));
        let base = base.trim().trim_start_matches('`');
        let names = names.split('`').skip(1).step_by(2);
        paths.extend(names.map(|name| if base.is_empty() { name.to_owned() } else { format!("{base}/{name}") }));
    }
    paths
}

#[test]
fn every_source_file_belongs_to_exactly_one_row_of_the_table_in_architecture_md() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let (_, table) = text.split_once("## Every folder").expect("the table");
    let table = table.split("\n## ").next().unwrap_or_default();
    let rows: Vec<Vec<String>> = table.lines().filter(|line| line.starts_with("| ")).map(paths_of_row).collect();
    assert!(rows.len() > 10, "the table was not read: {rows:?}");
    let is_below = |path: &str, named: &String| {
        path.strip_prefix(named.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '.', '_']))
    };
    let mut sources = files("", SOURCES);
    assert!(sources.len() > 10, "the sources were not found");
    // The root file of a crate only lists its modules, so it belongs to no row.
    sources.retain(|(path, _)| !path.ends_with("src/lib.rs"));
    let mut broken = Vec::new();
    for (path, _) in &sources {
        let of: Vec<&Vec<String>> = rows.iter().filter(|row| row.iter().any(|named| is_below(path, named))).collect();
        if of.len() != 1 {
            broken.push(format!("{path}: {} rows", of.len()));
        }
    }
    assert_none(&broken, "each file belongs to exactly one row of the table in ARCHITECTURE.md");
}

/// Cargo ignores a `--skip` that matches no test, so a renamed test would move to another part unnoticed.
#[test]
fn tests_that_the_makefile_skips_by_name_exist() {
    let makefile = fs::read_to_string(root().join("Makefile")).unwrap().replace("\\\n", " ");
    let tests = files("crates/seatkeeper/tests/it", &[".rs"]);
    let exists = |name: &str| match name.strip_suffix("::") {
        Some(module) => tests.iter().any(|(path, _)| path.ends_with(&format!("/{module}.rs"))),
        None => tests.iter().any(|(_, text)| text.contains(&format!("fn {name}"))),
    };
    for variable in ["OLD_VERSION_TESTS := ", "LONG_ON_CLUSTER := "] {
        let names = makefile.lines().find_map(|line| line.strip_prefix(variable)).expect(variable);
        let missing: Vec<String> = names.split_whitespace().filter(|name| !exists(name)).map(str::to_owned).collect();
        assert_none(&missing, "each name is a file of crates/seatkeeper/tests/it or the beginning of a test's name");
    }
}

#[test]
fn core_crate_uses_no_files_network_environment_or_processes() {
    let outside = ["std::fs", "std::net", "std::env", "std::process", "tokio::net", "tokio::fs"];
    let broken = lines_where(&files("crates/core/src", &[".rs"]), |line| {
        let code = line.split("//").next().unwrap_or(line);
        outside.iter().any(|path| code.contains(path))
    });
    assert_none(&broken, "the core does no I/O and reads no environment");
}

#[test]
fn lints_are_disabled_by_expect_and_never_by_allow() {
    let allow = concat!("[", "allow(");
    let broken =
        lines_where(&rust_files(), |line| line.contains(&format!("#{allow}")) || line.contains(&format!("#!{allow}")));
    assert_none(&broken, "write #[expect(lint, reason = \"…\")]: it warns when it is no longer needed");
}

#[test]
fn tests_do_not_sleep_except_in_polling_loops() {
    let sleep = concat!("sleep", "(");
    let mut broken = Vec::new();
    for (path, text) in rust_files() {
        let is_test_file =
            path.contains("/tests/") || path.ends_with("/tests.rs") || path.starts_with("crates/testing");
        let mut in_tests = is_test_file;
        let mut above = "";
        for (index, line) in text.lines().enumerate() {
            in_tests |= above.trim_start() == "#[cfg(test)]" && line.starts_with("mod ") && line.ends_with('{');
            let is_pause = ["thread::", "time::"].iter().any(|module| line.contains(&format!("{module}{sleep}")));
            let is_poll = above.trim_start().starts_with("// Poll");
            if in_tests && is_pause && !is_poll {
                broken.push(at(&path, index, line));
            }
            above = line;
        }
    }
    broken.extend(lines_where(&files("web", &[".ts", ".mjs"]), |line| line.contains(concat!("waitFor", "Timeout("))));
    assert_none(&broken, "wait for a condition; a pause inside of a polling loop has a comment above it: // Poll …");
}

#[test]
fn serialized_times_use_the_format_of_the_contract() {
    let broken = rust_files().iter().flat_map(|(path, text)| bare_times(path, text)).collect::<Vec<_>>();
    assert_none(
        &broken,
        "a Timestamp in a type that derives Serialize is marked #[serde(with = \"seatkeeper_core::time_text\")]",
    );
}

/// The fields of type `Timestamp` in types that derive `Serialize`, if they have no `with` or `serialize_with` in the
/// lines above.
fn bare_times(path: &str, text: &str) -> Vec<String> {
    let (mut broken, mut is_serialized, mut is_marked, mut end) = (Vec::new(), false, false, String::new());
    for (index, line) in text.lines().enumerate() {
        let code = line.trim_start();
        if code.starts_with("#[derive(") {
            is_serialized = code.contains("Serialize");
            // The type ends at a brace in the column of its derive attribute.
            end = format!("{}}}", &line[..line.len() - code.len()]);
        } else if code.starts_with("#[serde(") {
            is_marked |= code.contains("with = \"");
        } else if !code.starts_with("#[") && !code.starts_with("//") {
            let is_field = !code.contains("fn ");
            let is_time = is_field && code.split_once(": ").is_some_and(|(_, kind)| kind.contains("Timestamp"));
            if is_serialized && is_time && !is_marked {
                broken.push(at(path, index, line));
            }
            is_marked = false;
            is_serialized &= line != end;
        }
    }
    broken
}

#[test]
fn serialized_time_without_the_contract_format_is_found() {
    let text = |mark: &str, derive: &str| {
        format!("#[derive({derive})]\npub struct A {{\n    /// When.\n    {mark}\n    pub at: Option<Timestamp>,\n}}\n")
    };
    assert_eq!(bare_times("a.rs", &text("", "Debug, Serialize")).len(), 1);
    assert_eq!(bare_times("a.rs", &text("#[schema(required = true)]", "Serialize")).len(), 1);
    assert_eq!(bare_times("a.rs", &text("#[serde(default)]", "Serialize")).len(), 1);
    assert!(bare_times("a.rs", &text("#[serde(with = \"seatkeeper_core::time_text\")]", "Serialize")).is_empty());
    assert!(bare_times("a.rs", &text("", "Debug, Deserialize")).is_empty());
    let variants =
        "#[derive(Serialize)]\nenum A {\n    B {\n        n: u8,\n    },\n    C {\n        at: Timestamp,\n    },\n}\n";
    assert_eq!(bare_times("a.rs", variants).len(), 1);
    assert!(bare_times("a.rs", "#[derive(Serialize)]\nenum A {\n}\nstruct B {\n    at: Timestamp,\n}\n").is_empty());
}

#[test]
fn folders_of_the_web_page_have_only_the_allowed_imports() {
    let mut broken = Vec::new();
    for (path, text) in files("web/src", &[".ts", ".vue"]) {
        let Some((_, not_allowed)) =
            PAGE_ARROWS.iter().find(|(folder, _)| path.starts_with(&format!("web/src/{folder}/")))
        else {
            continue;
        };
        for (index, line) in text.lines().enumerate() {
            let target = imported(line).and_then(|module| page_folder(&path, module));
            if target.is_some_and(|target| not_allowed.contains(&target.as_str())) {
                broken.push(at(&path, index, line));
            }
        }
    }
    assert_none(&broken, "features → ui, api, live, lib, and never back");
}

/// The module that a line imports: the text in quotes after `from` or `import`.
fn imported(line: &str) -> Option<&str> {
    let after =
        line.split_once(" from ").or_else(|| line.split_once("import(")).or_else(|| line.split_once("import "))?.1;
    let quote = after.trim_start().chars().next().filter(|first| matches!(first, '\'' | '"'))?;
    after.split(quote).nth(1)
}

/// The folder of `web/src` in which a module is: `ui` for `@/ui/Button.vue` and for `../ui/Button.vue`.
fn page_folder(importer: &str, module: &str) -> Option<String> {
    if let Some(path) = module.strip_prefix("@/") {
        return path.split('/').next().map(str::to_owned);
    }
    if !module.starts_with('.') {
        return None;
    }
    let mut parts: Vec<&str> = importer.split('/').collect();
    parts.pop();
    for part in module.split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    parts.get(2).map(|folder| (*folder).to_owned())
}

#[test]
fn folder_of_an_import_is_resolved_from_aliases_and_relative_paths() {
    let folder = |line: &str| imported(line).and_then(|module| page_folder("web/src/ui/seats/Seat.vue", module));
    assert_eq!(folder("import { useSeats } from '@/features/seats/useSeats'").as_deref(), Some("features"));
    assert_eq!(folder("const Page = () => import(\"../../api/client\")").as_deref(), Some("api"));
    assert_eq!(folder("import './seat.css'").as_deref(), Some("ui"));
    assert_eq!(folder("import { ref } from 'vue'"), None);
    assert_eq!(folder("// the colours come from the tokens"), None);
}

#[test]
fn components_use_colour_tokens_and_no_hex_colours() {
    let broken = lines_where(&files("web/src", &[".vue"]), has_hex_colour);
    assert_none(&broken, "a component uses a token such as --color-seat-locked, no hex colour");
}

fn has_hex_colour(line: &str) -> bool {
    line.match_indices('#').any(|(index, _)| {
        let digits = line[index + 1..].bytes().take_while(u8::is_ascii_hexdigit).count();
        let is_word = |letter: Option<char>| {
            letter.is_some_and(|letter| letter.is_alphanumeric() || matches!(letter, '&' | '_' | '-'))
        };
        let stands_alone =
            !is_word(line[..index].chars().next_back()) && !is_word(line[index + 1 + digits..].chars().next());
        matches!(digits, 3 | 4 | 6 | 8) && stands_alone
    })
}

#[test]
fn hex_colours_are_distinguished_from_other_uses_of_the_hash_sign() {
    for line in ["color: #fff;", "fill=\"#A1b2C3\"", "bg-[#12345678]"] {
        assert!(has_hex_colour(line), "{line}");
    }
    for line in ["<template #default>", "&#123;", "href=\"#top\"", "issue #12", "#1234567"] {
        assert!(!has_hex_colour(line), "{line}");
    }
}

fn documents() -> Vec<(String, String)> {
    let mut documents = files("docs", &[".md"]);
    for name in ["README.md", "ARCHITECTURE.md", "STYLE.md", "CHANGELOG.md"] {
        documents.extend(fs::read_to_string(root().join(name)).ok().map(|text| (name.to_owned(), text)));
    }
    documents
}

#[test]
fn make_commands_in_the_documents_exist() {
    let makefile = fs::read_to_string(root().join("Makefile")).unwrap();
    let targets: Vec<&str> = makefile
        .lines()
        .filter(|line| !line.starts_with(['\t', ' ', '#', '.']))
        .filter_map(|line| line.split_once(':'))
        .map(|(target, _)| target.trim())
        .collect();
    let (mut broken, mut seen) = (Vec::new(), 0);
    for (path, text) in &documents() {
        for (index, line) in text.lines().enumerate() {
            for command in make_commands(line) {
                seen += 1;
                if !targets.contains(&command) {
                    broken.push(at(path, index, line));
                }
            }
        }
    }
    assert!(seen > 0, "no document names a command, so this test looks in the wrong place");
    assert_none(&broken, "a documented make command is a target of the Makefile");
}

/// The targets in text such as `` `make test` ``, and in lines of code blocks that begin with `make`.
fn make_commands(line: &str) -> Vec<&str> {
    let quoted = line.split('`').filter(|part| part.starts_with("make "));
    let own_line = line.trim_start().trim_start_matches("$ ");
    let plain = Some(own_line)
        .filter(|line| line.starts_with("make ") && !line.contains('`') && line.split_whitespace().count() <= 2);
    let word = |part: &'_ str| part.len();
    quoted.chain(plain).filter(|part| word(part) > 5).filter_map(|part| part.split_whitespace().nth(1)).collect()
}

#[test]
fn paths_in_the_documents_exist() {
    let (mut broken, mut seen) = (Vec::new(), 0);
    for (path, text) in &documents() {
        for (index, line) in text.lines().enumerate() {
            for named in line.split('`').skip(1).step_by(2).filter(|quoted| is_path(quoted)) {
                seen += 1;
                if !root().join(named).exists() {
                    broken.push(at(path, index, named));
                }
            }
        }
    }
    assert!(seen > 0, "no document names a path, so this test looks in the wrong place");
    assert_none(&broken, "a documented path exists");
}

/// Whether a quoted text is a path from the root of the repository. Other folders, such as `web/dist`, may be generated
/// and missing in a fresh clone.
fn is_path(quoted: &str) -> bool {
    let folders = ["crates/", "web/src/", "web/e2e/", "docs/", "scripts/", "deploy/"];
    folders.iter().any(|folder| quoted.starts_with(folder)) && !quoted.contains([' ', '*', '<', ':', '{'])
}

#[test]
fn lock_file_of_the_web_page_contains_no_registry_url() {
    let broken = lines_where(&files("web", &["package-lock.json"]), |line| line.contains("\"resolved\": \"http"));
    assert_none(&broken, "the lock file must not pin a registry: each machine uses its configured one");
}
