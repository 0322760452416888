//! Settings whose values are valid alone and conflict with each other.

use super::*;

#[test]
fn value_and_file_for_the_same_setting_are_refused() {
    let both = [("SEATKEEPER_GOOGLE_CLIENT_ID", "a"), ("SEATKEEPER_GOOGLE_CLIENT_ID_FILE", "/nowhere")];
    let expected = "SEATKEEPER_GOOGLE_CLIENT_ID: SEATKEEPER_GOOGLE_CLIENT_ID_FILE is set too; one of them is enough";
    assert_eq!(from_env(&both).unwrap_err(), expected);
}

#[test]
fn client_id_without_secret_is_refused_and_vice_versa() {
    assert_eq!(
        from_env(&[("SEATKEEPER_GOOGLE_CLIENT_ID", "cinema-1")]).unwrap_err(),
        "SEATKEEPER_GOOGLE_CLIENT_ID: SEATKEEPER_GOOGLE_CLIENT_SECRET (or …_FILE) is needed with a client id"
    );
    assert_eq!(
        from_env(&[("SEATKEEPER_GOOGLE_CLIENT_SECRET", "s")]).unwrap_err(),
        "SEATKEEPER_GOOGLE_CLIENT_SECRET: SEATKEEPER_GOOGLE_CLIENT_ID (or …_FILE) is needed with a client secret"
    );
}

#[test]
fn unspecified_listen_address_without_public_url_is_refused() {
    for listen in ["0.0.0.0:8080", "[::]:8080"] {
        assert_eq!(
            from_env(&[("SEATKEEPER_LISTEN", listen), ("SEATKEEPER_ALLOW_DEMO_SIGN_IN", "on")]).unwrap_err(),
            format!(
                "SEATKEEPER_LISTEN: {listen} is every address of this machine; --public-url must say which one people type"
            )
        );
    }
}

const DEMO_REFUSAL: &str = "can be reached from other machines, where demo sign-in lets everybody in as anybody; \
    set SEATKEEPER_GOOGLE_CLIENT_ID, or --allow-demo-sign-in if that is what you want";

const GOOGLE: [(&str, &str); 2] = [("SEATKEEPER_GOOGLE_CLIENT_ID", "a"), ("SEATKEEPER_GOOGLE_CLIENT_SECRET", "b")];
const TEST_PAYMENTS: (&str, &str) = ("SEATKEEPER_ALLOW_TEST_PAYMENTS", "on");

#[test]
fn demo_sign_in_is_refused_on_a_reachable_server_unless_allowed() {
    for (env, refused) in [
        (&[("SEATKEEPER_LISTEN", "10.0.0.5:80")][..], "SEATKEEPER_LISTEN: '10.0.0.5:80'"),
        (&[("SEATKEEPER_PUBLIC_URL", "https://a.example")], "SEATKEEPER_PUBLIC_URL: 'https://a.example'"),
        (
            &[("SEATKEEPER_LISTEN", "0.0.0.0:80"), ("SEATKEEPER_PUBLIC_URL", "http://localhost")],
            "SEATKEEPER_LISTEN: '0.0.0.0:80'",
        ),
    ] {
        assert_eq!(from_env(env).unwrap_err(), format!("{refused} {DEMO_REFUSAL}"));
        let allowed = [env, &[("SEATKEEPER_ALLOW_DEMO_SIGN_IN", "on"), TEST_PAYMENTS]].concat();
        assert_eq!(from_env(&allowed).unwrap().sign_in, SignIn::Demo);
        from_env(&[env, &GOOGLE, &[TEST_PAYMENTS]].concat()).unwrap();
    }
    from_env(&[("SEATKEEPER_LISTEN", "[::1]:0"), ("SEATKEEPER_PUBLIC_URL", "http://localhost:5173")]).unwrap();
}

/// All combinations of settings in which real customers could use the mock payment provider, and the setting that the
/// error names.
#[test]
fn mock_payments_are_refused_unless_allowed_when_real_customers_could_use_them() {
    const DEMO_SIGN_IN: (&str, &str) = ("SEATKEEPER_ALLOW_DEMO_SIGN_IN", "on");
    const PUBLIC: (&str, &str) = ("SEATKEEPER_PUBLIC_URL", "https://a.example");
    const LISTEN: (&str, &str) = ("SEATKEEPER_LISTEN", "10.0.0.5:80");
    const DEMO: (&str, &str) = ("SEATKEEPER_DEMO", "on");
    let beyond = "this server can be reached from other machines";
    for (env, place, why) in [
        (&[GOOGLE[0], GOOGLE[1]][..], "SEATKEEPER_GOOGLE_CLIENT_ID", "real people sign in"),
        (&[GOOGLE[0], GOOGLE[1], DEMO], "SEATKEEPER_GOOGLE_CLIENT_ID", "real people sign in"),
        (&[GOOGLE[0], GOOGLE[1], PUBLIC], "SEATKEEPER_GOOGLE_CLIENT_ID", "real people sign in"),
        (&[DEMO_SIGN_IN, PUBLIC], "SEATKEEPER_PUBLIC_URL", beyond),
        (&[DEMO_SIGN_IN, LISTEN], "SEATKEEPER_LISTEN", beyond),
        (&[DEMO_SIGN_IN, LISTEN, PUBLIC, DEMO], "SEATKEEPER_PUBLIC_URL", beyond),
        (
            &[DEMO_SIGN_IN, ("SEATKEEPER_LISTEN", "0.0.0.0:80"), ("SEATKEEPER_PUBLIC_URL", "http://localhost")],
            "SEATKEEPER_LISTEN",
            beyond,
        ),
    ] {
        let expected = format!(
            "{place}: {why}, and the mock payment provider, the only one there is, gives them tickets for nothing; \
             set --allow-test-payments if that is what you want"
        );
        assert_eq!(from_env(env).unwrap_err(), expected);
        from_env(&[env, &[TEST_PAYMENTS]].concat()).unwrap();
        let off = [env, &[("SEATKEEPER_ALLOW_TEST_PAYMENTS", "off")]].concat();
        assert_eq!(from_env(&off).unwrap_err(), expected);
    }
    from_env(&[]).unwrap();
    from_env(&[("SEATKEEPER_LISTEN", "[::1]:0"), ("SEATKEEPER_PUBLIC_URL", "http://localhost:5173")]).unwrap();
}

#[test]
fn promptpay_payee_is_refused_when_the_demo_is_off() {
    const PAYEE: (&str, &str) = ("SEATKEEPER_PROMPTPAY_ID", "0812223333");
    const DEMO: (&str, &str) = ("SEATKEEPER_DEMO", "on");
    let refusal = "SEATKEEPER_PROMPTPAY_ID: the mock payment provider does not check who has paid, \
        so a payee is taken only with --demo";
    for env in [&[PAYEE][..], &[PAYEE, TEST_PAYMENTS], &[PAYEE, TEST_PAYMENTS, GOOGLE[0], GOOGLE[1]]] {
        assert_eq!(from_env(env).unwrap_err(), refusal);
        let with_demo = from_env(&[env, &[DEMO]].concat()).unwrap();
        assert_eq!(with_demo.promptpay_id, Some(PromptPayId::Phone("0812223333".into())));
    }
}

#[test]
fn promptpay_payee_may_be_a_phone_a_tax_number_with_its_check_digit_or_a_wallet() {
    let payee = |id| from_env(&[("SEATKEEPER_DEMO", "on"), ("SEATKEEPER_PROMPTPAY_ID", id)]).unwrap().promptpay_id;
    // A public company's number, the example with the right digit, and the payee of the demo.
    for id in ["0107544000108", "1-2345-67890-12-1", "0000000000000"] {
        assert_eq!(payee(id), Some(PromptPayId::Tax(id.replace('-', ""))), "{id}");
    }
    assert_eq!(payee("081-222-3333"), Some(PromptPayId::Phone("0812223333".into())));
    assert_eq!(payee("004999012345678"), Some(PromptPayId::Wallet("004999012345678".into())));
}

#[test]
fn cluster_url_is_refused_when_the_program_was_built_without_the_adapter() {
    for (variable, url, instead) in [
        ("SEATKEEPER_STORE_URL", "mongodb://host/cinema?replicaSet=rs0", "sqlite:"),
        ("SEATKEEPER_LOCKS_URL", "redis://host:6379", "memory:"),
        ("SEATKEEPER_LOCKS_URL", "redis+cluster://a,b", "memory:"),
        ("SEATKEEPER_EVENTS_URL", "kafka://host:9092", "embedded:"),
    ] {
        let why = format!("'{url}' needs a program built with the feature 'cluster'; this one has only {instead}");
        assert_eq!(from_env(&[(variable, url)]).unwrap_err(), format!("{variable}: {why}"));
    }
}

#[test]
fn mongodb_requires_redis_and_redis_and_kafka_require_mongodb() {
    const STORE: (&str, &str) = ("SEATKEEPER_STORE_URL", "mongodb://host/cinema?replicaSet=rs0");
    const LOCKS: (&str, &str) = ("SEATKEEPER_LOCKS_URL", "redis://host:6379");
    const NODES: (&str, &str) = ("SEATKEEPER_LOCKS_URL", "redis+cluster://a,b");
    const EVENTS: (&str, &str) = ("SEATKEEPER_EVENTS_URL", "kafka://host:9092");
    for together in [&[STORE, LOCKS, EVENTS][..], &[STORE, NODES, EVENTS], &[STORE, LOCKS]] {
        from_env_with_cluster(together).unwrap();
    }
    for (alone, why) in [
        (
            &[STORE, EVENTS][..],
            "default of locks_url: locks in the memory of one server are not seen by the others of a MongoDB store",
        ),
        (&[LOCKS], "SEATKEEPER_LOCKS_URL: Redis goes with a MongoDB store"),
        (&[NODES, EVENTS], "SEATKEEPER_LOCKS_URL: Redis goes with a MongoDB store"),
        (&[EVENTS], "SEATKEEPER_EVENTS_URL: Kafka goes with a MongoDB store"),
    ] {
        let refused = from_env_with_cluster(alone).unwrap_err();
        assert!(refused.starts_with(why), "{refused}");
    }
}

#[test]
fn kafka_url_accepts_a_prefix_for_topics_and_groups() {
    let events = |url| {
        let parts = [
            ("SEATKEEPER_STORE_URL", "mongodb://a/b?replicaSet=c"),
            ("SEATKEEPER_LOCKS_URL", "redis://a"),
            ("SEATKEEPER_EVENTS_URL", url),
        ];
        from_env_with_cluster(&parts).map(|config| format!("{:?}", config.events))
    };
    assert_eq!(
        events("kafka://a:1,b:2?prefix=north_").unwrap(),
        r#"Kafka { brokers: ["a:1", "b:2"], prefix: "north_" }"#
    );
    assert_eq!(events("kafka://a:1").unwrap(), r#"Kafka { brokers: ["a:1"], prefix: "" }"#);
    for bad in ["kafka://a:1?prefix=a b", "kafka://a:1?topic=x", "kafka://a:1?prefix=a/b"] {
        assert!(events(bad).unwrap_err().contains("prefix"), "{bad}");
    }
}
