//! Where the values of settings come from, from the highest precedence to the lowest: flag, environment variable,
//! settings file, compiled default.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::problem::SettingsError;
use super::secret::{HIDDEN, hide_password};
use super::settings::{ALL, ENV_PREFIX, ENV_PREFIX_OF_TESTS, Secrecy, Setting, is_set_by_kubernetes};

/// The compiled defaults. The comments in this file are the manual of the settings.
pub const MANUAL: &str = include_str!("../../config.default.toml");

/// The environment variable with the path of the settings file.
pub const CONFIG_ENV: &str = "SEATKEEPER_CONFIG";

/// Limit of the size of a settings file or secret file, in bytes (64 KiB).
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// Where the value of a setting comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The command line, by this flag.
    Flag(String),
    /// This environment variable.
    Environment(String),
    /// This settings file.
    File(PathBuf),
    /// The compiled default.
    Default,
}

/// The value of a setting as text, before it is parsed.
#[derive(Clone)]
pub struct Value {
    /// The setting.
    pub setting: &'static Setting,
    /// The source.
    pub source: Source,
    pub(super) text: String,
}

impl Value {
    /// The value as it may be displayed, without secrets.
    #[must_use]
    pub fn shown(&self) -> String {
        match self.setting.secrecy {
            _ if self.text.is_empty() => "(none)".to_owned(),
            Secrecy::Public => self.text.clone(),
            Secrecy::Address => hide_password(&self.text),
            Secrecy::Secret => HIDDEN.to_owned(),
        }
    }

    /// The name of the setting at the source of its value, for an error: the flag, the variable, or the file and the
    /// key.
    #[must_use]
    pub fn place(&self) -> String {
        match &self.source {
            Source::Flag(flag) => flag.clone(),
            Source::Environment(variable) => variable.clone(),
            Source::File(path) => format!("{}: {}", path.display(), self.setting.key),
            Source::Default => format!("default of {}", self.setting.key),
        }
    }

    /// An error about this value.
    pub(super) fn refuse(&self, why: impl Into<String>) -> SettingsError {
        SettingsError::new(self.place(), why)
    }
}

/// The values of all settings.
pub struct Values(BTreeMap<&'static str, Value>);

/// What `main` passes in from outside: the command line and the environment.
#[derive(Debug, Default)]
pub struct Outside {
    /// The file of `--config`.
    pub config_file: Option<PathBuf>,
    /// The flags that were given: each setting and its text.
    pub flags: Vec<(&'static Setting, String)>,
    /// All environment variables. Those without the prefix `SEATKEEPER_` are ignored.
    pub environment: Vec<(OsString, OsString)>,
}

impl Values {
    /// Reads the sources from the lowest precedence to the highest, so that later values overwrite earlier ones.
    ///
    /// # Errors
    /// A key or an environment variable is unknown, or a file cannot be read.
    pub fn gather(outside: Outside) -> Result<Self, SettingsError> {
        let mut environment = own_variables(outside.environment)?;
        let mut values = Self(BTreeMap::new());
        values.read_toml(MANUAL, &Source::Default)?;
        let path = match (outside.config_file, environment.remove(CONFIG_ENV)) {
            (Some(path), _) => Some((path, "--config")),
            (None, Some(path)) if !path.is_empty() => Some((path.into(), CONFIG_ENV)),
            (None, _) => None,
        };
        if let Some((path, place)) = path {
            let text = read_small_file(&path, place)?;
            values.read_toml(&text, &Source::File(path))?;
        }
        values.read_environment(environment)?;
        for (setting, text) in outside.flags {
            let source = Source::Flag(format!("--{}", setting.flag_name()));
            values.put(setting, source, text);
        }
        Ok(values)
    }

    /// All values, in the order of `config.default.toml`.
    pub fn iter(&self) -> impl Iterator<Item = &Value> {
        ALL.iter().filter_map(|setting| self.0.get(setting.key))
    }

    pub(super) fn get(&self, setting: &Setting) -> Result<&Value, SettingsError> {
        let missing = || SettingsError::new("config.default.toml", format!("no key {}", setting.key));
        self.0.get(setting.key).ok_or_else(missing)
    }

    fn put(&mut self, setting: &'static Setting, source: Source, text: String) {
        let text = text.trim().to_owned();
        self.0.insert(setting.key, Value { setting, source, text });
    }

    fn read_toml(&mut self, text: &str, source: &Source) -> Result<(), SettingsError> {
        let place = match source {
            Source::File(path) => path.display().to_string(),
            _ => "config.default.toml".to_owned(),
        };
        // The parser's full error quotes the text, which may contain a secret, so only its message and line number are
        // used.
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
            let line = error.span().map_or(1, |span| 1 + text[..span.start.min(text.len())].matches('\n').count());
            SettingsError::new(&place, format!("line {line}: {}", error.message()))
        })?;
        for (key, value) in table {
            let Some(setting) = ALL.iter().find(|setting| setting.key == key) else {
                return Err(SettingsError::new(place, format!("there is no setting '{key}'{}", nearest(&key))));
            };
            let Some(text) = toml_text(&value) else {
                let why = format!("{key} is {}, not a text, a number, true, false or a list of texts", kind(&value));
                return Err(SettingsError::new(place, why));
            };
            self.put(setting, source.clone(), text);
        }
        Ok(())
    }

    fn read_environment(&mut self, mut variables: BTreeMap<String, String>) -> Result<(), SettingsError> {
        for setting in ALL {
            let direct = setting.env_name();
            let text = variables.remove(&direct);
            let named = setting.env_file_name().and_then(|name| variables.remove_entry(&name));
            match (text, named) {
                (None, None) => {}
                (Some(_), Some((file_name, _))) => {
                    return Err(SettingsError::new(direct, format!("{file_name} is set too; one of them is enough")));
                }
                (Some(text), None) => self.put(setting, Source::Environment(direct), text),
                (None, Some((file_name, path))) => {
                    let text = read_small_file(Path::new(&path), &file_name)?;
                    self.put(setting, Source::Environment(file_name), text);
                }
            }
        }
        match variables.into_keys().next() {
            None => Ok(()),
            Some(name) => {
                let key = name[ENV_PREFIX.len()..].to_lowercase();
                Err(SettingsError::new(&name, format!("there is no such setting{}", nearest(&key))))
            }
        }
    }
}

/// The environment variables with the program's prefix, decoded as UTF-8.
fn own_variables(all: Vec<(OsString, OsString)>) -> Result<BTreeMap<String, String>, SettingsError> {
    let mut own = BTreeMap::new();
    for (name, value) in all {
        let Ok(name) = name.into_string() else {
            continue;
        };
        if !name.starts_with(ENV_PREFIX) || name.starts_with(ENV_PREFIX_OF_TESTS) || is_set_by_kubernetes(&name) {
            continue;
        }
        let Ok(value) = value.into_string() else {
            return Err(SettingsError::new(name, "the value is not UTF-8"));
        };
        own.insert(name, value);
    }
    Ok(own)
}

fn read_small_file(path: &Path, place: &str) -> Result<String, SettingsError> {
    let refuse = |why: String| SettingsError::new(place, format!("cannot read {}: {why}", path.display()));
    let size = fs::metadata(path).map_err(|error| refuse(error.to_string()))?.len();
    if size > FILE_BYTES_MAX {
        return Err(refuse(format!("it is larger than {FILE_BYTES_MAX} bytes")));
    }
    fs::read_to_string(path).map_err(|error| refuse(error.to_string()))
}

fn toml_text(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Boolean(on) => Some(if *on { "on" } else { "off" }.to_owned()),
        toml::Value::Array(items) => {
            let texts: Option<Vec<&str>> = items.iter().map(toml::Value::as_str).collect();
            texts.map(|texts| texts.join(","))
        }
        toml::Value::Float(_) | toml::Value::Datetime(_) | toml::Value::Table(_) => None,
    }
}

fn kind(value: &toml::Value) -> &'static str {
    match value {
        toml::Value::Table(_) => "a section",
        toml::Value::Datetime(_) => "a time",
        toml::Value::Float(_) => "a fraction",
        toml::Value::Array(_) => "a list of other things",
        toml::Value::String(_) | toml::Value::Integer(_) | toml::Value::Boolean(_) => "a plain value",
    }
}

/// A hint for an unknown key that resembles a known one, such as ", did you mean 'lock_ttl'?"; otherwise an empty text.
fn nearest(key: &str) -> String {
    let plain = key.replace('-', "_").to_lowercase();
    let likely =
        ALL.iter().find(|setting| setting.key == plain || setting.key.contains(&plain) || plain.contains(setting.key));
    likely.map_or_else(String::new, |setting| format!(", did you mean '{}'?", setting.key))
}
