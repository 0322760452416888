//! Checks that the files in `deploy/` agree with the program: settings, ports, services and versions.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should say where it stopped")]

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use seatkeeper::config::{Adapters, Config, EventsUrl, LocksUrl, MailUrl, Outside, StoreUrl, Values};
use serde_yaml_ng::Value;

fn deploy(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy").join(file)
}

fn text(file: &str) -> String {
    fs::read_to_string(deploy(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn compose(file: &str) -> Value {
    let mut document: Value = serde_yaml_ng::from_str(&text(file)).unwrap();
    document.apply_merge().unwrap();
    document
}

/// The settings that a compose file gives to a service, as the program parses them. Secrets are read from their files
/// in the repository.
fn settings_of(compose: &Value, service: &str) -> Config {
    read_settings(compose, service, "").unwrap()
}

/// Reads the settings like `settings_of`, without the variable `left_out`. Returns an error when the program refuses
/// them.
fn read_settings(compose: &Value, service: &str, left_out: &str) -> Result<Config, String> {
    let variables = compose["services"][service]["environment"].as_mapping().unwrap();
    let in_image = ("SEATKEEPER_DATA_DIR".into(), "/data".into());
    let environment: Vec<(OsString, OsString)> = variables
        .iter()
        .filter(|(name, _)| name.as_str() != Some(left_out))
        .map(|(name, value)| {
            let (name, value) =
                (name.as_str().unwrap(), value.as_str().unwrap_or_else(|| panic!("{name:?} is no text")));
            let value = match value.strip_prefix("/run/secrets/") {
                Some(secret) => {
                    let file = compose["secrets"][secret]["file"].as_str().unwrap();
                    assert!(names(&compose["services"][service]["secrets"]).contains(&secret.to_owned()), "{secret}");
                    deploy(file).into_os_string()
                }
                None => value.into(),
            };
            (name.into(), value)
        })
        .chain([in_image])
        .collect();
    let values = Values::gather(Outside { environment, ..Outside::default() }).unwrap();
    Config::from_values(&values, Adapters::All).map_err(|error| error.to_string())
}

fn names(list: &Value) -> Vec<String> {
    list.as_sequence()
        .map(|items| items.iter().map(|item| item.as_str().unwrap().to_owned()).collect())
        .unwrap_or_default()
}

/// The ports of a service that its compose file publishes.
fn published(compose: &Value, service: &str) -> Vec<String> {
    names(&compose["services"][service]["ports"])
}

#[track_caller]
fn assert_is_service(compose: &Value, host: &str) {
    assert!(compose["services"].get(host).is_some(), "no service is called {host}");
}

#[test]
fn compose_file_of_the_embedded_mode_has_one_service() {
    let compose = compose("compose.yaml");
    let config = settings_of(&compose, "seatkeeper");
    assert!(matches!(config.store, StoreUrl::Sqlite { .. }));
    assert_eq!(config.listen.to_string(), "0.0.0.0:8080");
    assert_eq!(published(&compose, "seatkeeper"), ["127.0.0.1:8080:8080"]);
    assert_eq!(names(&compose["services"]["seatkeeper"]["volumes"]), ["data:/data"]);
    assert!(config.data_dir.starts_with("/data"));
}

#[test]
fn compose_file_of_the_cluster_has_two_servers_on_real_services() {
    let compose = compose("compose.cluster.yaml");
    for server in ["seatkeeper-1", "seatkeeper-2"] {
        let config = settings_of(&compose, server);
        let StoreUrl::Mongo { url } = &config.store else { panic!("{:?}", config.store) };
        assert_eq!(url.expose(), "mongodb://mongodb:27017/seatkeeper?replicaSet=rs0");
        assert_is_service(&compose, "mongodb");
        let LocksUrl::Redis { url } = &config.locks else { panic!("{:?}", config.locks) };
        assert_eq!(url.expose(), "redis://redis:6379");
        assert_is_service(&compose, "redis");
        let EventsUrl::Kafka { brokers, .. } = &config.events else { panic!("{:?}", config.events) };
        assert_eq!(*brokers, ["kafka:9092"]);
        let MailUrl::Smtp { url } = &config.mail else { panic!("{:?}", config.mail) };
        assert_eq!(url.expose(), "smtp://mail:1025");
        assert_is_service(&compose, "mail");
        assert!(text("Caddyfile").contains(&format!("{server}:{}", config.listen.port())), "Caddy knows {server}");
        assert!(published(&compose, server).is_empty(), "the server is reachable through Caddy only");
        let subnet = compose["networks"]["default"]["ipam"]["config"][0]["subnet"].as_str().unwrap();
        assert_eq!(config.trusted_proxies.iter().map(ToString::to_string).collect::<Vec<_>>(), [subnet]);
    }
}

#[test]
fn compose_files_set_the_switches_that_the_program_requires_on_a_reachable_server() {
    for (file, service) in [("compose.yaml", "seatkeeper"), ("compose.cluster.yaml", "seatkeeper-1")] {
        for (variable, flag) in [
            ("SEATKEEPER_ALLOW_TEST_PAYMENTS", "--allow-test-payments"),
            ("SEATKEEPER_ALLOW_DEMO_SIGN_IN", "--allow-demo-sign-in"),
        ] {
            let refusal = read_settings(&compose(file), service, variable).unwrap_err();
            assert!(refusal.contains(flag), "{file}: {refusal}");
        }
    }
}

/// Checks the first settings file in docs/operating.md; its secret comes from the environment.
#[test]
fn settings_file_in_the_operating_manual_is_accepted_by_the_program() {
    let manual = text("../docs/operating.md");
    let example = manual.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(&file, example.lines().map(str::trim).collect::<Vec<_>>().join("\n")).unwrap();
    let environment = vec![("SEATKEEPER_GOOGLE_CLIENT_SECRET".into(), "a secret".into())];
    let outside = Outside { config_file: Some(file.path().to_owned()), environment, ..Outside::default() };
    Config::from_values(&Values::gather(outside).unwrap(), Adapters::Embedded).unwrap();
}

#[test]
fn compose_file_of_the_cluster_publishes_the_documented_ports() {
    let compose = compose("compose.cluster.yaml");
    assert_eq!(published(&compose, "caddy"), ["127.0.0.1:5173:5173", "127.0.0.1:8080:8080"]);
    assert_eq!(published(&compose, "kafdrop"), ["127.0.0.1:9000:9000"]);
    assert_eq!(published(&compose, "mail"), ["127.0.0.1:1080:1080"]);
    let caddy = text("Caddyfile");
    for port in [":5173 {", ":8080 {"] {
        assert!(caddy.contains(port), "{port}");
    }
    let broker =
        |service: &str, name: &str| compose["services"][service]["environment"][name].as_str().unwrap().to_owned();
    assert_eq!(broker("kafdrop", "KAFKA_BROKERCONNECT"), "kafka:9092");
    assert_eq!(broker("kafka", "KAFKA_ADVERTISED_LISTENERS"), "PLAINTEXT://kafka:9092");
    assert_eq!(broker("kafka", "KAFKA_AUTO_CREATE_TOPICS_ENABLE"), "false", "the program creates its topics");
    assert!(names(&compose["services"]["redis"]["command"]).contains(&"noeviction".to_owned()));
    let config = settings_of(&compose, "seatkeeper-1");
    assert_eq!(config.public_url.resolve(config.listen).unwrap().as_str(), "http://localhost:5173");
    assert_eq!(
        config.allowed_origins.iter().map(|origin| origin.as_str().to_owned()).collect::<Vec<_>>(),
        ["http://localhost:8080"]
    );
}

/// A service starts only when the services that it depends on are healthy, so each of those must have a health check.
#[test]
fn services_start_after_their_dependencies_are_healthy() {
    let compose = compose("compose.cluster.yaml");
    let dockerfile = text("Dockerfile");
    for (name, service) in compose["services"].as_mapping().unwrap() {
        let Some(needs) = service.get("depends_on").and_then(Value::as_mapping) else { continue };
        for (needed, how) in needs {
            let needed = needed.as_str().unwrap();
            assert_eq!(how["condition"].as_str(), Some("service_healthy"), "{name:?} → {needed}");
            let has_check = compose["services"][needed].get("healthcheck").is_some()
                || compose["services"][needed].get("build").is_some() && dockerfile.contains("HEALTHCHECK");
            assert!(has_check, "{needed} has no health check");
        }
    }
}

#[test]
fn image_is_built_with_every_file_that_the_crates_include() {
    let dockerfile = text("Dockerfile");
    let (_, program) = dockerfile.split_once(" AS program\n").expect("the stage that builds the program");
    assert!(program.lines().any(|line| line.starts_with("COPY ") && line.contains(" openapi.json ")), "{program}");
}

#[test]
fn image_is_built_with_the_toolchain_of_this_repository() {
    let dockerfile = text("Dockerfile");
    let toolchain: toml::Table = text("../rust-toolchain.toml").parse().unwrap();
    let channel = toolchain["toolchain"]["channel"].as_str().unwrap();
    let short = channel.split('.').take(2).collect::<Vec<_>>().join(".");
    assert!(dockerfile.contains(&format!("FROM rust:{short}-")), "rust {channel}");
    assert!(dockerfile.contains("--features cluster"));
    for copied in ["crates", "web/", "openapi.json", ".cargo"] {
        assert!(dockerfile.contains(copied), "{copied}");
        let listed = format!("!{}", copied.trim_end_matches('/'));
        assert!(text("../.dockerignore").lines().any(|line| line == listed), "{listed}");
    }
    let config = settings_of(&compose("compose.yaml"), "seatkeeper");
    assert!(dockerfile.contains(&format!("EXPOSE {}", config.listen.port())));
}

#[test]
fn systemd_unit_sets_only_existing_settings() {
    let unit = text("seatkeeper.service");
    let environment = unit
        .lines()
        .filter_map(|line| line.strip_prefix("Environment=SEATKEEPER_"))
        .map(|line| line.split_once('=').unwrap())
        .filter(|(name, _)| !name.ends_with("_FILE"))
        .map(|(name, value)| (format!("SEATKEEPER_{name}").into(), value.into()))
        .collect();
    Values::gather(Outside { environment, ..Outside::default() }).unwrap();
    assert!(unit.contains("ExecStart=/usr/local/bin/seatkeeper serve --config %d/seatkeeper.toml\n"));
    assert!(unit.contains("\nLoadCredential=seatkeeper.toml:/etc/seatkeeper/seatkeeper.toml\n"));
    let (file, variable) = ("google_client_secret", "SEATKEEPER_GOOGLE_CLIENT_SECRET_FILE");
    assert!(unit.contains(&format!("LoadCredential={file}:")));
    assert!(unit.contains(&format!("Environment={variable}=%d/{file}")));
}
