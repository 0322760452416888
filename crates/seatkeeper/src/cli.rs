//! The command line. The flags of settings are generated from the list of settings.

pub mod admin;
mod flags;

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use url::Url;

pub use flags::SettingFlags;

use crate::config::{ALL, Value, Values};

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Flag;
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
