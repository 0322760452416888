//! The command line. The flags of settings are generated from the list of settings.

pub mod admin;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Arg, ArgMatches, Args, Command as ClapCommand, FromArgMatches, Parser, Subcommand};
use url::Url;

use crate::config::{ALL, CONFIG_ENV, Flag, Outside, Setting, SettingsError, Value, Values};

/// Real-time cinema booking that never sells a seat twice.
#[derive(Debug, Parser)]
#[command(name = "seatkeeper", version, about, max_term_width = 100)]
pub struct Cli {
    /// The command to run.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands of the program.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the cinema until SIGTERM or SIGINT.
    Serve(SettingFlags),
    /// Print every setting, its value and its source, and warnings; exit 2 when one of them is wrong.
    Check(SettingFlags),
    /// Appoint administrators; the server may run meanwhile.
    #[command(subcommand)]
    Admin(admin::AdminCommand),
    /// Copy the embedded store into a new file, also while the server runs, and verify the copy.
    Backup {
        /// The new file. An existing one is never overwritten.
        file: PathBuf,
        /// The settings: where the store is.
        #[command(flatten)]
        flags: SettingFlags,
    },
    /// Put a backup in the place of the embedded store while no server runs; what was there is moved aside.
    Restore {
        /// The backup, which is verified first and stays as it is.
        file: PathBuf,
        /// The settings: where the store is.
        #[command(flatten)]
        flags: SettingFlags,
    },
    /// Print the OpenAPI document of the HTTP calls.
    Openapi,
    /// Ask a running server whether it can sell; exit 1 when it cannot or does not answer.
    Health {
        /// The server's address, such as http://127.0.0.1:8080; by default the listen address of the settings.
        site: Option<Url>,
    },
}

/// The flags of settings, as given on the command line.
#[derive(Debug, Clone, Default)]
pub struct SettingFlags {
    config_file: Option<PathBuf>,
    given: Vec<(&'static Setting, String)>,
}

impl SettingFlags {
    /// Collects the values of all settings from all sources. Flags take precedence.
    ///
    /// # Errors
    /// A key or variable is unknown, or a file cannot be read.
    pub fn gather(self, environment: Vec<(OsString, OsString)>) -> Result<Values, SettingsError> {
        Values::gather(Outside { config_file: self.config_file, flags: self.given, environment })
    }
}

/// A table of all settings with their values and sources, one setting per line.
#[must_use]
pub fn describe_values(values: &Values) -> String {
    let name_width = ALL.iter().map(|setting| setting.key.len()).max().unwrap_or(0);
    let value_width = values.iter().map(|value| value.shown().chars().count()).max().unwrap_or(0);
    let line = |value: &Value| {
        let name = value.setting.flag_name();
        let source = describe_source(value);
        format!("{name:name_width$}  {:value_width$}  {source}\n", value.shown())
    };
    values.iter().map(line).collect()
}

fn describe_source(value: &Value) -> String {
    use crate::config::Source;
    match &value.source {
        Source::Flag(flag) => format!("flag {flag}"),
        Source::Environment(variable) => format!("environment {variable}"),
        Source::File(path) => format!("file {}", path.display()),
        Source::Default => "default".to_owned(),
    }
}

const CONFIG_ID: &str = "config";

impl Args for SettingFlags {
    fn augment_args(command: ClapCommand) -> ClapCommand {
        let config = Arg::new(CONFIG_ID)
            .long("config")
            .value_name("FILE")
            .value_parser(clap::value_parser!(PathBuf))
            .help(format!("A settings file (TOML) [env {CONFIG_ENV}]"));
        let flags = ALL.iter().filter_map(|setting| setting_flag(setting));
        command.arg(config).args(flags)
    }

    fn augment_args_for_update(command: ClapCommand) -> ClapCommand {
        Self::augment_args(command)
    }
}

fn setting_flag(setting: &'static Setting) -> Option<Arg> {
    let arg = Arg::new(setting.key).long(setting.flag_name()).value_name(setting.value_name).help(format!(
        "{} [env {}]",
        setting.help,
        setting.env_name()
    ));
    match setting.flag {
        Flag::Value => Some(arg.allow_hyphen_values(true)),
        Flag::Switch => Some(arg.num_args(0..=1).require_equals(true).default_missing_value("on")),
        Flag::Missing => None,
    }
}

impl FromArgMatches for SettingFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut flags = Self::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.config_file = matches.get_one(CONFIG_ID).cloned();
        let has_flag = |setting: &&&'static Setting| setting.flag != Flag::Missing;
        for setting in ALL.iter().filter(has_flag) {
            if let Some(text) = matches.get_one::<String>(setting.key) {
                self.given.push((setting, text.clone()));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn gather(args: &[&str], env: &[(&str, &str)]) -> Values {
        let cli = Cli::try_parse_from([&["seatkeeper", "check"], args].concat()).unwrap();
        let Command::Check(flags) = cli.command else { panic!("check was asked for") };
        flags.gather(env.iter().map(|(name, value)| (name.into(), value.into())).collect()).unwrap()
    }

    #[test]
    fn command_line_definition_passes_clap_checks() {
        Cli::command().debug_assert();
    }

    #[test]
    fn switch_flag_accepts_an_optional_value() {
        for (args, shown) in [(&["--demo"][..], "on"), (&["--demo=off"], "off"), (&[], "off")] {
            let values = gather(args, &[("SEATKEEPER_DEMO", "off")]);
            let demo = values.iter().find(|value| value.setting.key == "demo").unwrap();
            assert_eq!(demo.shown(), shown, "{args:?}");
        }
    }

    #[test]
    fn help_lists_every_setting_except_secrets_without_a_flag() {
        let help = Cli::command().find_subcommand_mut("check").unwrap().render_long_help().to_string();
        for setting in ALL {
            let has_flag = setting.flag != Flag::Missing;
            assert_eq!(help.contains(&format!("--{}", setting.flag_name())), has_flag, "{}", setting.key);
            assert_eq!(help.contains(setting.help), has_flag, "{}", setting.key);
        }
    }

    #[test]
    fn settings_table_hides_secrets_and_names_sources() {
        let env = [
            ("SEATKEEPER_GOOGLE_CLIENT_SECRET", "a very secret text"),
            ("SEATKEEPER_MAIL_URL", "smtp://ann:hunter2@mail.example"),
        ];
        let text =
            describe_values(&gather(&["--lock-ttl", "2s", "--payment-callback-secret", "another secret text"], &env));
        assert!(!text.contains("secret text") && !text.contains("hunter2"), "{text}");
        let rows: Vec<String> =
            text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        let has = |row: &str| assert!(rows.iter().any(|line| line == row), "{row} is not in\n{text}");
        has("listen 127.0.0.1:8080 default");
        has("promptpay-id (none) default");
        has("mail-url smtp://ann:***@mail.example environment SEATKEEPER_MAIL_URL");
        assert_eq!(text.lines().count(), ALL.len());
    }
}
