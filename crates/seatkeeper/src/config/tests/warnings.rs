//! Warnings about settings that are valid and dangerous.

use super::*;

const GOOGLE: [(&str, &str); 3] = [
    ("SEATKEEPER_GOOGLE_CLIENT_ID", "a"),
    ("SEATKEEPER_GOOGLE_CLIENT_SECRET", "b"),
    ("SEATKEEPER_ALLOW_TEST_PAYMENTS", "on"),
];
const DEMO_ALLOWED: [(&str, &str); 2] =
    [("SEATKEEPER_ALLOW_DEMO_SIGN_IN", "on"), ("SEATKEEPER_ALLOW_TEST_PAYMENTS", "on")];
const PROXY: (&str, &str) = ("SEATKEEPER_TRUSTED_PROXIES", "127.0.0.1");
const SITE: (&str, &str) = ("SEATKEEPER_PUBLIC_URL", "https://tickets.example");

/// The warnings about these variables. The URLs of MongoDB and Redis come in pairs; with one of them the other is added.
fn warnings(env: &[(&str, &str)]) -> Vec<String> {
    let mut env = env.to_vec();
    let has = |env: &[(&str, &str)], name| env.iter().any(|(known, _)| *known == name);
    if has(&env, "SEATKEEPER_STORE_URL") && !has(&env, "SEATKEEPER_LOCKS_URL") {
        env.push(("SEATKEEPER_LOCKS_URL", "redis://r"));
    } else if has(&env, "SEATKEEPER_LOCKS_URL") && !has(&env, "SEATKEEPER_STORE_URL") {
        env.push(("SEATKEEPER_STORE_URL", "mongodb://localhost/cinema"));
    }
    let given = Given { env: &env, adapters: Some(Adapters::All), ..Given::default() };
    list_warnings(&gather(&given).unwrap(), &load(&given).unwrap())
}

#[track_caller]
fn assert_warned(env: &[(&str, &str)], setting: &str, why: &str) {
    let warnings = warnings(env);
    assert!(
        warnings.len() == 1 && warnings[0].starts_with(&format!("{setting}: '")) && warnings[0].contains(why),
        "{env:?}: {warnings:?}"
    );
}

#[track_caller]
fn assert_silent(env: &[(&str, &str)]) {
    assert_eq!(warnings(env), Vec::<String>::new(), "{env:?}");
}

#[test]
fn usual_settings_of_a_trial_and_of_a_cinema_cause_no_warning() {
    assert_silent(&[]);
    assert_silent(&[("SEATKEEPER_DEMO", "on")]);
    assert_silent(&[&GOOGLE[..], &[SITE, PROXY]].concat());
    assert_silent(&DEMO_ALLOWED);
}

#[test]
fn demo_sign_in_that_other_machines_can_reach_is_warned_about() {
    let on_this_machine = ("SEATKEEPER_PUBLIC_URL", "http://localhost:8080");
    let in_this_network = ("SEATKEEPER_PUBLIC_URL", "http://cinema.lan:8080");
    let everywhere = ("SEATKEEPER_LISTEN", "0.0.0.0:8080");
    for reachable in [vec![SITE, PROXY], vec![in_this_network], vec![on_this_machine, everywhere]] {
        let warned = [&DEMO_ALLOWED[..], &reachable].concat();
        assert_warned(&warned, "SEATKEEPER_ALLOW_DEMO_SIGN_IN", "lets everybody who opens the site sign in as anybody");
    }
    assert_silent(&[&DEMO_ALLOWED[..], &[on_this_machine]].concat());
    assert_silent(&[&GOOGLE[..], &DEMO_ALLOWED, &[SITE, PROXY]].concat());
}

#[test]
fn real_sign_in_without_tls_is_warned_about() {
    let at = |site| [&GOOGLE[..], &[("SEATKEEPER_PUBLIC_URL", site)]].concat();
    assert_warned(&at("http://tickets.example"), "SEATKEEPER_PUBLIC_URL", "is without TLS");
    assert_silent(&at("http://localhost:5173"));
}

#[test]
fn https_without_a_trusted_proxy_is_warned_about() {
    let warned = [&GOOGLE[..], &[SITE]].concat();
    assert_warned(&warned, "SEATKEEPER_PUBLIC_URL", "trusted_proxies names none");
}

#[test]
fn allowed_origin_without_tls_is_warned_about() {
    let with = |origins| [&GOOGLE[..], &[SITE, PROXY, ("SEATKEEPER_ALLOWED_ORIGINS", origins)]].concat();
    assert_warned(&with("https://a.example,http://b.example"), "SEATKEEPER_ALLOWED_ORIGINS", "a site without TLS");
    assert_silent(&with("https://a.example,http://localhost:5173"));
}

#[test]
fn trusted_network_that_is_nearly_everything_is_warned_about() {
    for (networks, is_dangerous) in [
        ("0.0.0.0/0", true),
        ("10.0.0.0/8,::/0", true),
        ("128.0.0.0/1", true),
        ("10.0.0.0/8,fd00::/16", false),
        ("127.0.0.1", false),
    ] {
        let env = [("SEATKEEPER_TRUSTED_PROXIES", networks)];
        if is_dangerous {
            assert_warned(&env, "SEATKEEPER_TRUSTED_PROXIES", "trusts clients");
        } else {
            assert_silent(&env);
        }
    }
}

#[test]
fn reachable_server_without_rate_limit_is_warned_about() {
    const OFF: (&str, &str) = ("SEATKEEPER_RATE_LIMIT", "off");
    assert_silent(&[OFF]);
    let warned = [&GOOGLE[..], &[SITE, OFF]].concat();
    assert_warned(&warned, "SEATKEEPER_RATE_LIMIT", "any number of requests");
}

#[test]
fn demo_programme_and_payment_faults_with_real_sign_in_are_warned_about() {
    for (setting, why) in [
        (("SEATKEEPER_DEMO", "on"), "invented films"),
        (("SEATKEEPER_MOCK_PAYMENT", "callback=never"), "fail on purpose"),
    ] {
        assert_silent(&[setting]);
        assert_warned(&[&GOOGLE[..], &[setting]].concat(), setting.0, why);
    }
}

/// URLs, and whether their password or, for MongoDB, the data of the service would cross the network unencrypted.
#[test]
fn password_or_customer_data_in_plain_text_to_another_machine_is_warned_about() {
    for (variable, url, is_dangerous) in [
        ("SEATKEEPER_MAIL_URL", "smtp://ann:pw@mail.example:587", true),
        ("SEATKEEPER_MAIL_URL", "smtp://ann:pw@mail.example:587?tls=opportunistic", true),
        ("SEATKEEPER_MAIL_URL", "smtp://ann:pw@10.0.0.5", true),
        ("SEATKEEPER_MAIL_URL", "smtp://ann:pw@mail.example:587?tls=required", false),
        ("SEATKEEPER_MAIL_URL", "smtps://ann:pw@mail.example", false),
        ("SEATKEEPER_MAIL_URL", "smtp://mail.example", false),
        ("SEATKEEPER_MAIL_URL", "smtp://ann:pw@localhost:1025", false),
        ("SEATKEEPER_MAIL_URL", "smtp://ann:pw@127.0.0.1", false),
        ("SEATKEEPER_MAIL_URL", "smtp://ann:pw@[::1]:25", false),
        ("SEATKEEPER_LOCKS_URL", "redis://:pw@redis:6379", true),
        ("SEATKEEPER_LOCKS_URL", "redis://ann:p@w@redis:6379/0", true),
        ("SEATKEEPER_LOCKS_URL", "redis+cluster://:pw@localhost:1,b:2", true),
        ("SEATKEEPER_LOCKS_URL", "redis+cluster://:pw@127.0.0.1:1,localhost:2", false),
        ("SEATKEEPER_LOCKS_URL", "rediss://:pw@redis:6379", false),
        ("SEATKEEPER_LOCKS_URL", "rediss+cluster://:pw@a,b", false),
        ("SEATKEEPER_LOCKS_URL", "redis://redis:6379", false),
        ("SEATKEEPER_STORE_URL", "mongodb://ann:pw@a,b,c/cinema?replicaSet=rs0", true),
        ("SEATKEEPER_STORE_URL", "mongodb://ann:pw@a,b,c/cinema?tls=false", true),
        ("SEATKEEPER_STORE_URL", "mongodb://ann:pw@a,b,c/cinema?replicaSet=rs0&tls=true", false),
        ("SEATKEEPER_STORE_URL", "mongodb://ann:pw@a/cinema?ssl=true", false),
        ("SEATKEEPER_STORE_URL", "mongodb+srv://ann:pw@a.example/cinema", false),
        ("SEATKEEPER_STORE_URL", "mongodb://ann:pw@localhost:27017/cinema", false),
        ("SEATKEEPER_STORE_URL", "mongodb://ann:pw@%2Ftmp%2Fmongodb.sock/cinema", false),
        ("SEATKEEPER_STORE_URL", "mongodb://a,b,c/cinema?replicaSet=rs0", true),
        ("SEATKEEPER_STORE_URL", "mongodb://localhost,b/cinema?replicaSet=rs0", true),
        ("SEATKEEPER_STORE_URL", "mongodb://a,b,c/cinema?tls=true", false),
        ("SEATKEEPER_STORE_URL", "mongodb://127.0.0.1:27017/cinema?replicaSet=rs0", false),
    ] {
        if is_dangerous {
            assert_warned(&[(variable, url)], variable, "unencrypted");
            assert!(!warnings(&[(variable, url)])[0].contains("pw"), "{url}: the password is hidden");
        } else {
            assert_silent(&[(variable, url)]);
        }
    }
}
