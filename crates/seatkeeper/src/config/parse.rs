//! Parsers of the settings' texts. Each error is the second half of a sentence that begins with the source:
//! "SEATKEEPER_LOCK_TTL: …".

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

use ipnet::{IpNet, Ipv4Net};
use jiff::SignedDuration;
use jiff::tz::TimeZone;
use seatkeeper_core::email::EmailKey;
use url::Url;

use super::origin::Origin;
use super::secret::Secret;

/// Limit of the entries in one list.
const LIST_ITEMS_MAX: usize = 100;
/// Limit of the cinema's name in characters. The name is in the header of every page and mail.
const SITE_NAME_CHARS_MAX: usize = 100;
/// Least number of characters in a secret. A shorter secret could be guessed by brute force.
const SECRET_CHARS_MIN: usize = 16;
/// A PromptPay payee that belongs to nobody, for the demo. It is accepted although its check digit is wrong.
const PROMPTPAY_NOBODY: &str = "0000000000000";

/// The PromptPay account that receives payments; digits only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PromptPayId {
    /// A phone number, 10 digits starting with 0.
    Phone(String),
    /// A person's or company's tax number, 13 digits.
    Tax(String),
    /// An electronic wallet, 15 digits.
    Wallet(String),
}

/// The issuer of the ID tokens. It is compared with the `iss` claim byte for byte, so a trailing slash makes it another
/// issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer(String);

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether requests are rate limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateLimit {
    /// Requests are limited.
    On,
    /// Requests are unlimited, for load tests.
    Off,
}

/// The most detailed level that is logged; each level includes the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Failures of the program.
    Error,
    /// Possible failures.
    Warn,
    /// Normal events.
    Info,
    /// Details of normal events.
    Debug,
    /// Everything.
    Trace,
}

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

pub(super) fn parse_listen(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| format!("'{text}' is not an address and port such as 127.0.0.1:8080"))
}

pub(super) fn parse_switch(text: &str) -> Result<bool, String> {
    match text {
        "on" | "true" | "1" => Ok(true),
        "off" | "false" | "0" => Ok(false),
        _ => Err(format!("'{text}' is neither on nor off")),
    }
}

pub(super) fn parse_rate_limit(text: &str) -> Result<RateLimit, String> {
    parse_switch(text).map(|on| if on { RateLimit::On } else { RateLimit::Off })
}

pub(super) fn parse_duration(text: &str, allowed: RangeInclusive<Duration>) -> Result<Duration, String> {
    let parsed: Option<SignedDuration> = text.parse().ok();
    let duration = parsed
        .and_then(|duration| Duration::try_from(duration).ok())
        .ok_or_else(|| format!("'{text}' is not a duration such as 5m or 90s"))?;
    if allowed.contains(&duration) {
        return Ok(duration);
    }
    let [low, high] = [allowed.start(), allowed.end()].map(|end| show_duration(*end));
    Err(format!("'{text}' is not from {low} to {high}"))
}

fn show_duration(duration: Duration) -> String {
    SignedDuration::try_from(duration).map_or_else(|_| format!("{duration:?}"), |duration| format!("{duration:#}"))
}

pub(super) fn parse_number(text: &str, allowed: RangeInclusive<u32>) -> Result<u32, String> {
    let refuse = || format!("'{text}' is not a whole number from {} to {}", allowed.start(), allowed.end());
    let number: u32 = text.parse().map_err(|_| refuse())?;
    if allowed.contains(&number) { Ok(number) } else { Err(refuse()) }
}

pub(super) fn parse_minutes(text: &str, allowed: RangeInclusive<u32>) -> Result<Duration, String> {
    parse_number(text, allowed).map(|minutes| Duration::from_secs(u64::from(minutes) * 60))
}

pub(super) fn parse_days(text: &str, allowed: RangeInclusive<u32>) -> Result<Duration, String> {
    parse_number(text, allowed).map(|days| Duration::from_secs(u64::from(days) * 24 * 60 * 60))
}

pub(super) fn parse_time_zone(text: &str) -> Result<TimeZone, String> {
    let refuse = |_| format!("'{text}' is not a time zone such as Asia/Bangkok");
    TimeZone::get(text).map_err(refuse)
}

pub(super) fn parse_site_name(text: &str) -> Result<String, String> {
    if text.is_empty() || text.chars().count() > SITE_NAME_CHARS_MAX || text.chars().any(char::is_control) {
        return Err(format!(
            "'{}' is not a name of 1 to {SITE_NAME_CHARS_MAX} characters on one line",
            text.escape_debug()
        ));
    }
    Ok(text.to_owned())
}

pub(super) fn parse_data_dir(text: &str) -> Result<std::path::PathBuf, String> {
    if text.is_empty() { Err("a folder is needed".to_owned()) } else { Ok(text.into()) }
}

fn parse_list<T>(text: &str, parse: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    let items: Vec<&str> = text.split(',').map(str::trim).filter(|item| !item.is_empty()).collect();
    if items.len() > LIST_ITEMS_MAX {
        return Err(format!("lists more than {LIST_ITEMS_MAX} items"));
    }
    items.into_iter().map(parse).collect()
}

pub(super) fn parse_origins(text: &str) -> Result<Vec<Origin>, String> {
    parse_list(text, Origin::parse)
}

pub(super) fn parse_networks(text: &str) -> Result<Vec<IpNet>, String> {
    parse_list(text, |item| {
        let alone = || item.parse::<IpAddr>().map(IpNet::from);
        let network = item.parse().or_else(|_| alone());
        network.map(with_ipv4_unmapped).map_err(|_| format!("'{item}' is not a network such as 10.0.0.0/8"))
    })
}

/// Turns a network of IPv4 addresses mapped to IPv6, such as `::ffff:10.0.0.0/104`, into the IPv4 network. The addresses of
/// clients are compared with it in their IPv4 form.
fn with_ipv4_unmapped(network: IpNet) -> IpNet {
    let IpNet::V6(mapped) = network else { return network };
    let ipv4 = mapped.addr().to_ipv4_mapped().zip(mapped.prefix_len().checked_sub(96));
    let ipv4 = ipv4.and_then(|(address, prefix)| Ipv4Net::new(address, prefix).ok());
    ipv4.map_or(network, IpNet::V4)
}

/// Parses the URL of an issuer. Plain http is accepted only for loopback addresses: elsewhere an attacker on the
/// network could forge ID tokens.
pub(super) fn parse_issuer(text: &str) -> Result<Issuer, String> {
    let refuse = || format!("'{text}' is not an address such as https://accounts.google.com");
    let url = Url::parse(text).map_err(|_| refuse())?;
    let site = Origin::parse(&url.origin().ascii_serialization()).map_err(|_| refuse())?;
    if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() {
        return Err(refuse());
    }
    if site.is_https() || site.is_loopback() {
        Ok(Issuer(text.to_owned()))
    } else {
        Err(format!("'{text}' must be https"))
    }
}

pub(super) fn parse_email(text: &str) -> Result<EmailKey, String> {
    EmailKey::parse(text).ok_or_else(|| format!("'{text}' is not an address such as ann@tickets.example"))
}

pub(super) fn parse_promptpay_id(text: &str) -> Result<PromptPayId, String> {
    let id: String = text.chars().filter(|letter| !matches!(letter, '-' | ' ')).collect();
    let is_digits = id.bytes().all(|byte| byte.is_ascii_digit());
    match id.len() {
        10 if is_digits && id.starts_with('0') => Ok(PromptPayId::Phone(id)),
        13 if is_digits && id.starts_with("0066") => {
            Err(format!("'{text}' is not a tax number; write a phone number with 10 digits, such as 0812345678"))
        }
        13 if is_digits && id != PROMPTPAY_NOBODY && !has_check_digit(&id) => {
            Err(format!("'{text}' is not a tax number: its last digit does not match the others"))
        }
        13 if is_digits => Ok(PromptPayId::Tax(id)),
        15 if is_digits => Ok(PromptPayId::Wallet(id)),
        _ => Err(format!("'{text}' is not a phone number of 10 digits, a tax number of 13 or a wallet of 15")),
    }
}

/// Whether the last digit of a Thai tax or citizen number is its check digit: the last digit of 11 - (s mod 11), where
/// s is the sum of the first twelve digits, weighted with 13 down to 2.
fn has_check_digit(number: &str) -> bool {
    let digits: Vec<u32> = number.bytes().map(|byte| u32::from(byte - b'0')).collect();
    let Some((check, first)) = digits.split_last() else { return false };
    let sum: u32 = (2..=13).rev().zip(first).map(|(weight, digit)| weight * digit).sum();
    (11 - sum % 11) % 10 == *check
}

pub(super) fn parse_secret(text: &str) -> Result<Secret, String> {
    if text.chars().count() < SECRET_CHARS_MIN {
        return Err(format!("the secret is shorter than {SECRET_CHARS_MIN} characters"));
    }
    Ok(Secret::new(text))
}

pub(super) fn parse_log_level(text: &str) -> Result<LogLevel, String> {
    match text {
        "error" => Ok(LogLevel::Error),
        "warn" => Ok(LogLevel::Warn),
        "info" => Ok(LogLevel::Info),
        "debug" => Ok(LogLevel::Debug),
        "trace" => Ok(LogLevel::Trace),
        _ => Err(format!("'{text}' is none of error, warn, info, debug and trace")),
    }
}

pub(super) fn parse_log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err(format!("'{text}' is neither text nor json")),
    }
}
