//! Values of settings from each source, and the precedence of the sources.

use super::*;

#[test]
fn default_settings_are_an_embedded_cinema_on_loopback() {
    let config = from_env(&[]).unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.public_url, PublicUrl::FromListen);
    assert_eq!(config.store, StoreUrl::Sqlite { path: "./data/seatkeeper.db".into() });
    assert_eq!(config.mail, MailUrl::File { dir: "./data/mail".into() });
    assert_eq!((config.locks, config.events), (LocksUrl::Memory, EventsUrl::Embedded));
    assert_eq!(config.lock_ttl, Duration::from_secs(300));
    assert_eq!(config.payment_ttl, Duration::from_secs(300));
    assert_eq!(config.sales_close, Duration::ZERO);
    assert_eq!(config.cleaning, Duration::from_secs(900));
    assert_eq!(config.seats_per_person, 10);
    assert_eq!(config.time_zone.iana_name(), Some("Asia/Bangkok"));
    assert_eq!(config.sign_in, SignIn::Demo);
    assert_eq!(config.rate_limit, RateLimit::On);
    assert_eq!(config.mock_payment, MockPaymentFaults::default());
    assert!(!config.demo && config.promptpay_id.is_none() && config.payment_callback_secret.is_none());
}

#[test]
fn value_is_taken_from_flag_then_environment_then_file_then_default() {
    let file = TestFile::new("precedence", "seats_per_person = 2\nlock_ttl = \"2s\"\nsite_name = \"File\"\n");
    let given = Given {
        flags: &[("seats_per_person", "4")],
        env: &[("SEATKEEPER_SEATS_PER_PERSON", "3"), ("SEATKEEPER_LOCK_TTL", "3s")],
        file: Some(&file.0),
        ..Given::default()
    };
    let config = load(&given).unwrap();
    assert_eq!((config.seats_per_person, config.lock_ttl.as_secs(), config.site_name.as_str()), (4, 3, "File"));
    let sources: Vec<Source> = gather(&given)
        .unwrap()
        .iter()
        .filter(|value| ["site_name", "lock_ttl", "payment_ttl", "seats_per_person"].contains(&value.setting.key))
        .map(|value| value.source.clone())
        .collect();
    assert_eq!(
        sources,
        [
            Source::File(file.0.clone()),
            Source::Environment("SEATKEEPER_LOCK_TTL".into()),
            Source::Default,
            Source::Flag("--seats-per-person".into()),
        ]
    );
}

#[test]
fn config_flag_takes_precedence_over_config_variable() {
    let (by_flag, by_env) =
        (TestFile::new("by-flag", "site_name = \"A\""), TestFile::new("by-env", "site_name = \"B\""));
    let path = by_env.shown();
    let env = [("SEATKEEPER_CONFIG", path.as_str())];
    assert_eq!(from_env(&env).unwrap().site_name, "B");
    let both = Given { env: &env, file: Some(&by_flag.0), ..Given::default() };
    assert_eq!(load(&both).unwrap().site_name, "A");
}

#[test]
fn secret_is_read_from_a_file_without_its_trailing_newline() {
    let id = TestFile::new("id", "cinema-1\n");
    let secret = TestFile::new("secret", "a secret of sixteen or more\n");
    let (id_path, secret_path) = (id.shown(), secret.shown());
    let config = from_env(&[
        ("SEATKEEPER_GOOGLE_CLIENT_ID_FILE", &id_path),
        ("SEATKEEPER_GOOGLE_CLIENT_SECRET_FILE", &secret_path),
        ("SEATKEEPER_PAYMENT_CALLBACK_SECRET_FILE", &secret_path),
        ("SEATKEEPER_ALLOW_TEST_PAYMENTS", "on"),
    ])
    .unwrap();
    let SignIn::Google { client_id, client_secret, issuer } = &config.sign_in else { panic!("{:?}", config.sign_in) };
    assert_eq!((client_id.as_str(), client_secret.expose()), ("cinema-1", "a secret of sixteen or more"));
    assert_eq!(issuer.to_string(), "https://accounts.google.com", "to the letter: ID tokens name it so");
    assert!(!format!("{config:?}").contains("sixteen"), "printing the settings must not show a secret");
}

#[test]
fn every_setting_can_be_set_by_each_of_its_sources() {
    let file = TestFile::new("every", MANUAL);
    for setting in ALL {
        let default = gather(&Given::default()).unwrap().get(setting).unwrap().text.clone();
        let variable = setting.env_name();
        let env = [(variable.as_str(), default.as_str())];
        let flags = [(setting.key, default.as_str())];
        load(&Given { env: &env, ..Given::default() }).unwrap();
        load(&Given { flags: &flags, ..Given::default() }).unwrap();
    }
    load(&Given { file: Some(&file.0), ..Given::default() }).unwrap();
}

#[test]
fn list_setting_is_an_array_in_the_file_and_comma_separated_elsewhere() {
    let (config, _) =
        from_file("trusted_proxies = [\"10.0.0.0/8\", \"::1\", \"::ffff:10.9.0.0/112\"]\ndemo = true", "lists");
    let config = config.unwrap();
    assert!(config.demo);
    let shown: Vec<String> = config.trusted_proxies.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["10.0.0.0/8", "::1/128", "10.9.0.0/16"]);
    let origins = from_env(&[("SEATKEEPER_ALLOWED_ORIGINS", "https://a.example, http://b.example:81")]).unwrap();
    let shown: Vec<&str> = origins.allowed_origins.iter().map(Origin::as_str).collect();
    assert_eq!(shown, ["https://a.example", "http://b.example:81"]);
}

#[test]
fn empty_variable_means_no_value_and_variables_of_tests_are_ignored() {
    let config = from_env(&[
        ("SEATKEEPER_PROMPTPAY_ID", ""),
        ("SEATKEEPER_CONFIG", ""),
        ("SEATKEEPER_TEST_MONGODB_URL", "mongodb://127.0.0.1"),
        ("PATH", "/bin"),
    ]);
    assert_eq!(config.unwrap().promptpay_id, None);
}

/// The variables of a service `seatkeeper` with a named port, as Kubernetes sets them.
#[test]
fn variables_that_kubernetes_sets_for_a_service_are_ignored() {
    let config = from_env(&[
        ("SEATKEEPER_PORT", "tcp://10.96.0.7:8080"),
        ("SEATKEEPER_PORT_8080_TCP", "tcp://10.96.0.7:8080"),
        ("SEATKEEPER_PORT_8080_TCP_ADDR", "10.96.0.7"),
        ("SEATKEEPER_PORT_8080_TCP_PORT", "8080"),
        ("SEATKEEPER_PORT_8080_TCP_PROTO", "tcp"),
        ("SEATKEEPER_SERVICE_HOST", "10.96.0.7"),
        ("SEATKEEPER_SERVICE_PORT", "8080"),
        ("SEATKEEPER_SERVICE_PORT_HTTP", "8080"),
    ]);
    assert_eq!(config.unwrap().listen.to_string(), "127.0.0.1:8080");
    for other in ["SEATKEEPER_PORTS", "SEATKEEPER_SERVICE", "SEATKEEPER_LISTEN_PORT"] {
        let refused = from_env(&[(other, "8080")]).unwrap_err();
        assert!(refused.starts_with(&format!("{other}: there is no such setting")), "{refused}");
    }
    for setting in ALL {
        let names = [Some(setting.env_name()), setting.env_file_name()];
        assert!(names.iter().flatten().all(|name| !super::settings::is_set_by_kubernetes(name)), "{}", setting.key);
    }
}

#[test]
fn service_urls_choose_the_adapters_and_carry_their_data() {
    let config = from_env_with_cluster(&[
        ("SEATKEEPER_STORE_URL", "mongodb://ann:pw@a,b/cinema?replicaSet=rs0"),
        ("SEATKEEPER_LOCKS_URL", "redis+cluster://a:7001,b:7002"),
        ("SEATKEEPER_EVENTS_URL", "kafka://a:9092,b:9092"),
        ("SEATKEEPER_MAIL_URL", "smtps://ann:pw@mail.example:465"),
    ])
    .unwrap();
    assert_eq!(format!("{:?}", config.store), r#"Mongo { url: "mongodb://ann:***@a,b/cinema?replicaSet=rs0" }"#);
    assert_eq!(format!("{:?}", config.locks), r#"Redis { url: "redis+cluster://a:7001,b:7002" }"#);
    let one = from_env_with_cluster(&[
        ("SEATKEEPER_STORE_URL", "mongodb://a/cinema?replicaSet=rs0"),
        ("SEATKEEPER_LOCKS_URL", "redis://:p,,w@a:6379"),
    ]);
    assert_eq!(format!("{:?}", one.unwrap().locks), r#"Redis { url: "redis://:***@a:6379" }"#);
    assert_eq!(format!("{:?}", config.events), r#"Kafka { brokers: ["a:9092", "b:9092"], prefix: "" }"#);
    let MailUrl::Smtp { url } = config.mail else { panic!("a mail server was given") };
    assert_eq!(url.expose(), "smtps://ann:pw@mail.example:465");
    let paths = from_env(&[("SEATKEEPER_STORE_URL", "sqlite:/srv/c.db"), ("SEATKEEPER_MAIL_URL", "file:out")]).unwrap();
    assert_eq!(paths.store, StoreUrl::Sqlite { path: "/srv/c.db".into() });
    assert_eq!(paths.mail, MailUrl::File { dir: "out".into() });
}
