//! Warnings about settings that are valid but dangerous, most of them only in combination. The program starts
//! nevertheless; it warns at the start and in `seatkeeper check`.

use std::net::IpAddr;

use ipnet::IpNet;
use url::form_urlencoded;

use super::{
    Config, LocksUrl, MailUrl, MockPaymentFaults, Origin, PublicUrl, RateLimit, SignIn, StoreUrl, Values, origin,
    settings::{self, Setting},
};

/// Shortest prefix of a trusted network without a warning, in bits, for IPv4 and IPv6. A larger network most likely
/// contains clients, not only proxies.
const TRUSTED_PREFIX_MIN: (u8, u8) = (8, 16);

/// A dangerous combination.
struct Danger {
    /// The setting that the warning names, with its value and where it comes from.
    setting: &'static Setting,
    applies: fn(&Config) -> bool,
    /// The rest of the sentence that begins with the value.
    why: &'static str,
}

static DANGERS: &[Danger] = &[
    Danger {
        setting: &settings::ALLOW_DEMO_SIGN_IN,
        applies: |config| is_demo(config) && config.allow_demo_sign_in && is_reachable(config),
        why: "lets everybody who opens the site sign in as anybody, also as the administrator, and other machines can \
              reach it",
    },
    Danger {
        setting: &settings::PUBLIC_URL,
        applies: |config| !is_demo(config) && given(config).is_some_and(|site| !site.is_https() && !site.is_loopback()),
        why: "is without TLS: sign-ins and session cookies of real people cross the network unencrypted; use https",
    },
    Danger {
        setting: &settings::PUBLIC_URL,
        applies: |config| is_https(config) && config.trusted_proxies.is_empty() && config.rate_limit == RateLimit::On,
        why: "needs a proxy for TLS, and trusted_proxies names none: all customers share the limits of one address",
    },
    Danger {
        setting: &settings::ALLOWED_ORIGINS,
        applies: |config| {
            is_https(config) && config.allowed_origins.iter().any(|site| !site.is_https() && !site.is_loopback())
        },
        why: "has a site without TLS, whose pages anybody in its network can change, and they may change things here",
    },
    Danger {
        setting: &settings::TRUSTED_PROXIES,
        applies: |config| config.trusted_proxies.iter().any(is_nearly_everything),
        why: "trusts clients as if they were proxies: they choose the address under which they are counted, so that no \
              limit by address holds; name the proxies",
    },
    Danger {
        setting: &settings::RATE_LIMIT,
        applies: |config| config.rate_limit == RateLimit::Off && is_reachable(config),
        why: "lets every client of a server that other machines can reach send any number of requests",
    },
    Danger {
        setting: &settings::STORE_URL,
        applies: |config| match &config.store {
            StoreUrl::Sqlite { .. } => false,
            StoreUrl::Mongo { url } => {
                is_in_plain(url.expose(), "mongodb://", &[("tls", "true"), ("ssl", "true")], Sent::Anything)
            }
        },
        why: "is without TLS: names, addresses and sessions cross the network unencrypted; add tls=true",
    },
    Danger {
        setting: &settings::LOCKS_URL,
        applies: |config| match &config.locks {
            LocksUrl::Memory => false,
            LocksUrl::Redis { url } => ["redis://", "redis+cluster://"]
                .iter()
                .any(|scheme| is_in_plain(url.expose(), scheme, &[], Sent::Password)),
        },
        why: "sends the password over the network unencrypted; use rediss:// or rediss+cluster://",
    },
    Danger {
        setting: &settings::MAIL_URL,
        applies: |config| match &config.mail {
            MailUrl::File { .. } => false,
            MailUrl::Smtp { url } => is_in_plain(url.expose(), "smtp://", &[("tls", "required")], Sent::Password),
        },
        why: "sends the password over the network unencrypted; use smtps://, or add ?tls=required",
    },
    Danger {
        setting: &settings::DEMO,
        applies: |config| config.demo && !is_demo(config),
        why: "fills an empty store with invented films and showings, which real people can then book",
    },
    Danger {
        setting: &settings::MOCK_PAYMENT,
        applies: |config| config.mock_payment != MockPaymentFaults::default() && !is_demo(config),
        why: "makes payments of real people fail on purpose",
    },
];

/// The warnings about a combination of settings, each a sentence that names a setting, its value and its source.
#[must_use]
pub fn list_warnings(values: &Values, config: &Config) -> Vec<String> {
    let dangers = DANGERS.iter().filter(|danger| (danger.applies)(config));
    let values = dangers.filter_map(|danger| Some((danger, values.get(danger.setting).ok()?)));
    values.map(|(danger, value)| format!("{}: '{}' {}", value.place(), value.shown(), danger.why)).collect()
}

fn is_demo(config: &Config) -> bool {
    match config.sign_in {
        SignIn::Demo => true,
        SignIn::Google { .. } => false,
    }
}

fn given(config: &Config) -> Option<&Origin> {
    match &config.public_url {
        PublicUrl::Given(site) => Some(site),
        PublicUrl::FromListen => None,
    }
}

fn is_https(config: &Config) -> bool {
    given(config).is_some_and(Origin::is_https)
}

fn is_reachable(config: &Config) -> bool {
    !origin::is_loopback(config.listen.ip()) || given(config).is_some_and(|site| !site.is_loopback())
}

fn is_nearly_everything(network: &IpNet) -> bool {
    let (ipv4, ipv6) = TRUSTED_PREFIX_MIN;
    match network {
        IpNet::V4(network) => network.prefix_len() < ipv4,
        IpNet::V6(network) => network.prefix_len() < ipv6,
    }
}

/// What must not cross the network unencrypted.
#[derive(Clone, Copy)]
enum Sent {
    /// All data of the connection.
    Anything,
    /// The password of the URL, if it has one.
    Password,
}

/// Whether the URL has this scheme, names another machine, has none of the options that turn TLS on, and sends what must
/// not cross the network unencrypted.
fn is_in_plain(url: &str, scheme: &str, with_tls: &[(&str, &str)], sent: Sent) -> bool {
    let Some(rest) = url.strip_prefix(scheme) else { return false };
    let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
    // A password may contain `@`, so only the last `@` ends it.
    let (login, hosts) = address.rsplit_once('@').unwrap_or(("", address));
    let is_sent = match sent {
        Sent::Anything => true,
        Sent::Password => login.split_once(':').is_some_and(|(_, password)| !password.is_empty()),
    };
    let hosts = hosts.split('/').next().unwrap_or_default();
    let is_encrypted = form_urlencoded::parse(query.as_bytes())
        .any(|(name, value)| with_tls.iter().any(|(tls, on)| name == *tls && value == *on));
    is_sent && !is_encrypted && !hosts.split(',').all(is_this_machine)
}

/// Whether `host`, `host:port` or `[IPv6]:port` is a loopback address or name, or a Unix socket.
fn is_this_machine(host: &str) -> bool {
    if host.to_ascii_lowercase().starts_with("%2f") {
        return true;
    }
    let name = match host.strip_prefix('[').and_then(|host| host.split_once(']')) {
        Some((ipv6, _)) => ipv6,
        None => host.split_once(':').map_or(host, |(name, _)| name),
    };
    match name.parse::<IpAddr>() {
        Ok(address) => origin::is_loopback(address),
        Err(_) => name.eq_ignore_ascii_case("localhost") || name.to_ascii_lowercase().ends_with(".localhost"),
    }
}
