use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::*;

mod combinations;
mod manual;
mod refusals;
mod sources;
mod warnings;

/// A temporary settings file of one test. It is removed on drop.
struct TestFile(PathBuf);

impl TestFile {
    fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("seatkeeper-{}-{name}", std::process::id()));
        fs::write(&path, text).unwrap();
        Self(path)
    }

    fn shown(&self) -> String {
        self.0.display().to_string()
    }
}

impl Drop for TestFile {
    fn drop(&mut self) {
        fs::remove_file(&self.0).unwrap();
    }
}

#[derive(Default)]
struct Given<'a> {
    flags: &'a [(&'a str, &'a str)],
    env: &'a [(&'a str, &'a str)],
    file: Option<&'a Path>,
    adapters: Option<Adapters>,
}

fn setting(key: &str) -> &'static Setting {
    ALL.iter().find(|setting| setting.key == key).unwrap()
}

fn gather(given: &Given<'_>) -> Result<Values, String> {
    let flags = given.flags.iter().map(|(key, text)| (setting(key), (*text).to_owned())).collect();
    let environment = given.env.iter().map(|(name, value)| (name.into(), value.into())).collect();
    let config_file = given.file.map(Path::to_owned);
    Values::gather(Outside { config_file, flags, environment }).map_err(|error| error.to_string())
}

fn load(given: &Given<'_>) -> Result<Config, String> {
    let adapters = given.adapters.unwrap_or(Adapters::Embedded);
    Config::from_values(&gather(given)?, adapters).map_err(|error| error.to_string())
}

fn from_env(env: &[(&str, &str)]) -> Result<Config, String> {
    load(&Given { env, ..Given::default() })
}

fn from_env_with_cluster(env: &[(&str, &str)]) -> Result<Config, String> {
    load(&Given { env, adapters: Some(Adapters::All), ..Given::default() })
}

fn from_file(text: &str, name: &str) -> (Result<Config, String>, String) {
    let file = TestFile::new(name, text);
    (load(&Given { file: Some(&file.0), ..Given::default() }), file.shown())
}
