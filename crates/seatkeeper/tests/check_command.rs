//! Output and exit codes of `seatkeeper check`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where it stopped")]

use std::process::{Command, Output};

fn check(args: &[&str], env: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_seatkeeper"))
        .arg("check")
        .args(args)
        .env_clear()
        .envs(env.iter().copied())
        .output()
        .unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn check_exits_with_0_when_the_settings_are_valid() {
    let output = check(&["--lock-ttl", "2s"], &[("SEATKEEPER_SITE_NAME", "โรงหนังสยาม")]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stdout(&output).contains("flag --lock-ttl"));
    assert!(stdout(&output).contains("โรงหนังสยาม"));
    assert_eq!(stderr(&output), "");
}

#[test]
fn check_exits_with_2_and_prints_all_settings_when_a_value_is_invalid() {
    let output = check(&[], &[("SEATKEEPER_LOCK_TTL", "abc")]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stdout(&output).contains("environment SEATKEEPER_LOCK_TTL"));
    let sentence = "seatkeeper: SEATKEEPER_LOCK_TTL: 'abc' is not a duration such as 5m or 90s\n";
    assert_eq!(stderr(&output), sentence);
}

#[test]
fn check_exits_with_2_for_mock_payments_of_real_customers_unless_allowed() {
    let google = [("SEATKEEPER_GOOGLE_CLIENT_ID", "a"), ("SEATKEEPER_GOOGLE_CLIENT_SECRET", "b")];
    for (args, env) in [
        (&[][..], &google[..]),
        (&["--allow-demo-sign-in", "--public-url=http://a.example"], &[]),
        (&["--allow-demo-sign-in", "--listen=10.0.0.5:80"], &[]),
    ] {
        let refused = check(args, env);
        assert_eq!(refused.status.code(), Some(2), "{args:?}");
        assert!(stderr(&refused).contains("set --allow-test-payments"), "{}", stderr(&refused));
        let allowed = check(&[args, &["--allow-test-payments"]].concat(), env);
        assert_eq!(allowed.status.code(), Some(0), "{args:?}");
        // Standard error contains only the warning that other machines can reach demo sign-in.
        let warnings = stderr(&allowed).lines().filter(|line| line.contains("warning: --allow-demo-sign-in: ")).count();
        assert_eq!((warnings, stderr(&allowed).lines().count()), (args.len().min(1), args.len().min(1)), "{args:?}");
    }
}

#[test]
fn check_prints_warnings_and_exits_with_0_for_dangerous_settings() {
    let args = ["--allow-demo-sign-in", "--allow-test-payments", "--trusted-proxies=127.0.0.1"];
    let dangerous = ["--public-url=https://a.example", "--mail-url=smtp://ann:hunter2@mail.example"];
    let output = check(&[&args[..], &dangerous].concat(), &[]);
    assert_eq!(output.status.code(), Some(0));
    let warnings: Vec<String> = stderr(&output).lines().map(str::to_owned).collect();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    let begins = ["--allow-demo-sign-in: 'on' ", "--mail-url: 'smtp://ann:***@mail.example' "];
    for (warning, begin) in warnings.iter().zip(begins) {
        assert!(warning.starts_with(&format!("seatkeeper: warning: {begin}")), "{warning}");
    }
}

#[test]
fn check_exits_with_2_for_an_invalid_command_line() {
    for args in [&["--no-such-flag"][..], &["--lock-ttl"], &["extra"]] {
        assert_eq!(check(args, &[]).status.code(), Some(2), "{args:?}");
    }
}

#[test]
fn check_exits_with_2_and_prints_nothing_when_a_variable_is_unknown() {
    let output = check(&[], &[("SEATKEEPER_COLOUR", "red")]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(stderr(&output), "seatkeeper: SEATKEEPER_COLOUR: there is no such setting\n");
    assert_eq!(stdout(&output), "");
}
