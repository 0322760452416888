//! The list of settings in the code, `config.default.toml` and the contract must agree.

use super::*;

/// Flag, environment variable and default of every setting in the contract. "" means that there is no default or no
/// flag.
const CONTRACT: &[(&str, &str, &str)] = &[
    ("--listen", "SEATKEEPER_LISTEN", "127.0.0.1:8080"),
    ("--public-url", "SEATKEEPER_PUBLIC_URL", ""),
    ("--allowed-origins", "SEATKEEPER_ALLOWED_ORIGINS", ""),
    ("--trusted-proxies", "SEATKEEPER_TRUSTED_PROXIES", ""),
    ("--data-dir", "SEATKEEPER_DATA_DIR", "./data"),
    ("--site-name", "SEATKEEPER_SITE_NAME", "Seatkeeper Cinema"),
    ("--time-zone", "SEATKEEPER_TIME_ZONE", "Asia/Bangkok"),
    ("--demo", "SEATKEEPER_DEMO", "off"),
    ("--allow-demo-sign-in", "SEATKEEPER_ALLOW_DEMO_SIGN_IN", "off"),
    ("--store-url", "SEATKEEPER_STORE_URL", "sqlite:"),
    ("--locks-url", "SEATKEEPER_LOCKS_URL", "memory:"),
    ("--events-url", "SEATKEEPER_EVENTS_URL", "embedded:"),
    ("--mail-url", "SEATKEEPER_MAIL_URL", "file:"),
    ("--lock-ttl", "SEATKEEPER_LOCK_TTL", "5m"),
    ("--payment-ttl", "SEATKEEPER_PAYMENT_TTL", "5m"),
    ("--seats-per-person", "SEATKEEPER_SEATS_PER_PERSON", "10"),
    ("--seats-per-person-everywhere", "SEATKEEPER_SEATS_PER_PERSON_EVERYWHERE", "20"),
    ("--holders-per-address", "SEATKEEPER_HOLDERS_PER_ADDRESS", "200"),
    ("--let-go-max", "SEATKEEPER_LET_GO_MAX", "2"),
    ("--sales-close", "SEATKEEPER_SALES_CLOSE", "0m"),
    ("--cleaning-minutes", "SEATKEEPER_CLEANING_MINUTES", "15"),
    ("--rate-limit", "SEATKEEPER_RATE_LIMIT", "on"),
    ("--oidc-issuer", "SEATKEEPER_OIDC_ISSUER", "https://accounts.google.com"),
    ("--google-client-id", "SEATKEEPER_GOOGLE_CLIENT_ID", ""),
    ("", "SEATKEEPER_GOOGLE_CLIENT_SECRET", ""),
    ("--admin-email", "SEATKEEPER_ADMIN_EMAIL", ""),
    ("--allow-test-payments", "SEATKEEPER_ALLOW_TEST_PAYMENTS", "off"),
    ("--promptpay-id", "SEATKEEPER_PROMPTPAY_ID", ""),
    ("--payment-callback-secret", "SEATKEEPER_PAYMENT_CALLBACK_SECRET", ""),
    ("--mock-payment", "SEATKEEPER_MOCK_PAYMENT", ""),
    ("--keep-released", "SEATKEEPER_KEEP_RELEASED", "30"),
    ("--keep-refused", "SEATKEEPER_KEEP_REFUSED", "90"),
    ("--log-level", "SEATKEEPER_LOG_LEVEL", "info"),
    ("--log-format", "SEATKEEPER_LOG_FORMAT", "text"),
];

#[test]
fn list_of_settings_manual_and_contract_have_the_same_settings() {
    let values = gather(&Given::default()).unwrap();
    let list: Vec<(String, String, String)> = values
        .iter()
        .map(|value| {
            let flag = match value.setting.flag {
                Flag::Missing => String::new(),
                Flag::Value | Flag::Switch => format!("--{}", value.setting.flag_name()),
            };
            (flag, value.setting.env_name(), value.text.clone())
        })
        .collect();
    let list: Vec<(&str, &str, &str)> = list.iter().map(|(a, b, c)| (a.as_str(), b.as_str(), c.as_str())).collect();
    assert_eq!(list, CONTRACT);
}

#[test]
fn manual_explains_every_setting_with_the_help_text_and_in_the_order_of_the_list() {
    let mut keys = Vec::new();
    let mut comment = String::new();
    for line in MANUAL.lines() {
        if let Some(more) = line.strip_prefix('#') {
            comment += more;
        } else if let Some((key, _)) = line.split_once(" = ") {
            let help = setting(key).help;
            assert!(comment.trim_start().starts_with(help), "the comment of {key} begins with: {help}");
            if let Some(variable) = setting(key).env_file_name() {
                let said_above = setting(key).secrecy == Secrecy::Address;
                assert!(said_above || comment.contains(&variable), "the comment of {key} names {variable}");
            }
            keys.push(key);
            comment.clear();
        } else {
            comment.clear();
        }
    }
    let list: Vec<&str> = ALL.iter().map(|setting| setting.key).collect();
    assert_eq!(keys, list);
}
