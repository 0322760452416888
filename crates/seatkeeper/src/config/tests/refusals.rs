//! Invalid settings: every error names the problem and the source of the value.

use super::*;

#[test]
fn error_for_a_bad_value_names_the_variable() {
    for (variable, value, why) in [
        ("LOCK_TTL", "abc", "'abc' is not a duration such as 5m or 90s"),
        ("LOCK_TTL", "300", "'300' is not a duration such as 5m or 90s"),
        ("LOCK_TTL", "-5m", "'-5m' is not a duration such as 5m or 90s"),
        ("LOCK_TTL", "", "'' is not a duration such as 5m or 90s"),
        ("PAYMENT_TTL", "500ms", "'500ms' is not from 1s to 1h"),
        ("SALES_CLOSE", "25h", "'25h' is not from 0s to 24h"),
        ("LISTEN", "localhost:8080", "'localhost:8080' is not an address and port such as 127.0.0.1:8080"),
        ("PUBLIC_URL", "cinema.example", "'cinema.example' is not an address such as https://cinema.example"),
        ("PUBLIC_URL", "https://a.example/x", "'https://a.example/x' has a path; only scheme, host and port count"),
        ("ALLOWED_ORIGINS", "https://a.example,*", "'*' is not an address such as https://cinema.example"),
        ("TRUSTED_PROXIES", "10.0.0.0/99", "'10.0.0.0/99' is not a network such as 10.0.0.0/8"),
        ("DATA_DIR", "", "a folder is needed"),
        ("SITE_NAME", "", "'' is not a name of 1 to 100 characters on one line"),
        ("SITE_NAME", "a\nb", "'a\\nb' is not a name of 1 to 100 characters on one line"),
        ("TIME_ZONE", "Bangkok", "'Bangkok' is not a time zone such as Asia/Bangkok"),
        ("DEMO", "yes", "'yes' is neither on nor off"),
        ("ALLOW_DEMO_SIGN_IN", "please", "'please' is neither on nor off"),
        ("ALLOW_TEST_PAYMENTS", "yes", "'yes' is neither on nor off"),
        ("RATE_LIMIT", "20", "'20' is neither on nor off"),
        ("SEATS_PER_PERSON", "0", "'0' is not a whole number from 1 to 100"),
        ("SEATS_PER_PERSON", "ten", "'ten' is not a whole number from 1 to 100"),
        ("SEATS_PER_PERSON_EVERYWHERE", "0", "'0' is not a whole number from 1 to 1000000"),
        ("HOLDERS_PER_ADDRESS", "many", "'many' is not a whole number from 1 to 1000000"),
        ("LET_GO_MAX", "1000001", "'1000001' is not a whole number from 1 to 1000000"),
        ("CLEANING_MINUTES", "15m", "'15m' is not a whole number from 0 to 240"),
        ("KEEP_RELEASED", "30d", "'30d' is not a whole number from 1 to 3650"),
        ("KEEP_REFUSED", "0", "'0' is not a whole number from 1 to 3650"),
        ("OIDC_ISSUER", "http://accounts.example", "'http://accounts.example' must be https"),
        ("OIDC_ISSUER", "google", "'google' is not an address such as https://accounts.google.com"),
        ("ADMIN_EMAIL", "boss", "'boss' is not an address such as ann@tickets.example"),
        ("PROMPTPAY_ID", "12345", "'12345' is not a phone number of 10 digits, a tax number of 13 or a wallet of 15"),
        (
            "PROMPTPAY_ID",
            "1234567890123",
            "'1234567890123' is not a tax number: its last digit does not match the others",
        ),
        (
            "PROMPTPAY_ID",
            "0066-81-234-5678",
            "'0066-81-234-5678' is not a tax number; write a phone number with 10 digits, such as 0812345678",
        ),
        ("PAYMENT_CALLBACK_SECRET", "short", "the secret is shorter than 16 characters"),
        ("MOCK_PAYMENT", "callback=maybe", "callback 'maybe' is none of late:2s, twice and never"),
        (
            "STORE_URL",
            "postgres://x/y",
            "'postgres://x/y' is none of sqlite:, sqlite:PATH or mongodb://host/db?replicaSet=rs0",
        ),
        (
            "STORE_URL",
            "mongodb://host",
            "'mongodb://host' is none of sqlite:, sqlite:PATH or mongodb://host/db?replicaSet=rs0",
        ),
        ("LOCKS_URL", "redis://", "'redis://' is none of memory:, redis://host:port or redis+cluster://a,b,c"),
        ("LOCKS_URL", "redis+cluster://a,,b", "'redis+cluster://a,,b' has an empty address in its list"),
        ("EVENTS_URL", "nats://x", "'nats://x' is none of embedded: or kafka://host:port,host:port"),
        (
            "MAIL_URL",
            "smpt://u:pw@h",
            "'smpt://u:***@h' is none of file:, file:DIR, smtp://host:port or smtps://user:password@host",
        ),
        ("LOG_LEVEL", "loud", "'loud' is none of error, warn, info, debug and trace"),
        ("LOG_FORMAT", "xml", "'xml' is neither text nor json"),
    ] {
        let variable = format!("SEATKEEPER_{variable}");
        assert_eq!(from_env(&[(&variable, value)]).unwrap_err(), format!("{variable}: {why}"));
    }
}

#[test]
fn error_for_a_bad_value_names_the_flag_or_the_file() {
    let flags = [("lock_ttl", "abc")];
    let by_flag = load(&Given { flags: &flags, ..Given::default() });
    assert_eq!(by_flag.unwrap_err(), "--lock-ttl: 'abc' is not a duration such as 5m or 90s");
    let (by_file, path) = from_file("lock_ttl = \"abc\"", "bad-value");
    assert_eq!(by_file.unwrap_err(), format!("{path}: lock_ttl: 'abc' is not a duration such as 5m or 90s"));
}

#[test]
fn unknown_key_or_variable_is_refused() {
    for (variable, why) in [
        ("SEATKEEPER_LOCKTTL", "there is no such setting"),
        ("SEATKEEPER_LOCK_TTL_SECONDS", "there is no such setting, did you mean 'lock_ttl'?"),
        ("SEATKEEPER_LISTEN_FILE", "there is no such setting, did you mean 'listen'?"),
    ] {
        assert_eq!(from_env(&[(variable, "1")]).unwrap_err(), format!("{variable}: {why}"));
    }
    for (name, text, why) in [
        ("unknown", "colour = \"red\"", "there is no setting 'colour'"),
        ("dashes", "lock-ttl = \"5m\"", "there is no setting 'lock-ttl', did you mean 'lock_ttl'?"),
        ("section", "[listen]\nport = 1", "listen is a section, not a text, a number, true, false or a list of texts"),
        (
            "fraction",
            "seats_per_person = 1.5",
            "seats_per_person is a fraction, not a text, a number, true, false or a list of texts",
        ),
        (
            "mixed",
            "allowed_origins = [1]",
            "allowed_origins is a list of other things, not a text, a number, true, false or a list of texts",
        ),
    ] {
        let (refused, path) = from_file(text, name);
        assert_eq!(refused.unwrap_err(), format!("{path}: {why}"));
    }
}

#[test]
fn error_for_a_malformed_file_names_the_line_and_hides_its_text() {
    let (refused, path) = from_file("demo = true\ngoogle_client_secret = \"hunter2\nlog_level = 1", "broken");
    let why = refused.unwrap_err();
    assert!(why.starts_with(&format!("{path}: line 2: ")), "{why}");
    assert!(!why.contains("hunter2"), "{why}");
}

#[test]
fn error_for_an_unreadable_file_names_the_flag_or_variable() {
    let missing = Path::new("/nowhere/seatkeeper.toml");
    let by_flag = load(&Given { file: Some(missing), ..Given::default() }).unwrap_err();
    assert!(by_flag.starts_with("--config: cannot read /nowhere/seatkeeper.toml: No such file"), "{by_flag}");
    let by_env = from_env(&[("SEATKEEPER_GOOGLE_CLIENT_SECRET_FILE", "/nowhere/secret")]).unwrap_err();
    assert!(by_env.starts_with("SEATKEEPER_GOOGLE_CLIENT_SECRET_FILE: cannot read /nowhere/secret: "), "{by_env}");
    let large = TestFile::new("large", &"#".repeat(64 * 1024 + 1));
    let too_large = load(&Given { file: Some(&large.0), ..Given::default() }).unwrap_err();
    assert!(too_large.ends_with("it is larger than 65536 bytes"), "{too_large}");
}
