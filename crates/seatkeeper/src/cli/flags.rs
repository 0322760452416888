//! The flags of settings, generated from the list of settings.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Arg, ArgMatches, Args, Command as ClapCommand, FromArgMatches};

use crate::config::{ALL, CONFIG_ENV, Flag, Outside, Setting, SettingsError, Values};

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
