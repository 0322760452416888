//! Settings. Flags, environment variables, settings file and compiled defaults become one [`Config`], whose types
//! cannot hold an invalid value. No other module reads environment variables.

mod mock_payment;
mod origin;
mod parse;
mod problem;
mod secret;
mod settings;
mod sources;
mod urls;
mod warnings;

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use jiff::tz::TimeZone;
use seatkeeper_core::email::EmailKey;

pub use mock_payment::{MockCallback, MockPaymentFaults};
pub use origin::{Origin, PublicUrl, local_address};
pub use parse::{Issuer, LogFormat, LogLevel, PromptPayId, RateLimit};
pub use problem::SettingsError;
pub use secret::{Secret, ServiceUrl};
pub use settings::{ALL, Flag, Secrecy, Setting};
pub use sources::{CONFIG_ENV, MANUAL, Outside, Source, Value, Values};
pub use urls::{Adapters, EventsUrl, LocksUrl, MailUrl, StoreUrl};
pub use warnings::list_warnings;

/// Allowed values of `lock_ttl` and `payment_ttl`. A shorter time would not suffice to pay; a longer one would keep
/// seats locked for people who have left.
const TTL: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(60 * 60);
/// Allowed values of `sales_close`: sales close at most a day before the start.
const SALES_CLOSE: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(24 * 60 * 60);
/// Allowed values of `seats_per_person`. A hundred seats is a large party, so a larger number is most likely a mistake.
const SEATS_PER_PERSON: RangeInclusive<u32> = 1..=100;
/// Allowed values of `seats_per_person_everywhere`. The highest lifts the limit, for load tests.
const SEATS_PER_PERSON_EVERYWHERE: RangeInclusive<u32> = 1..=1_000_000;
/// Allowed values of `holders_per_address`. The highest lifts the limit, for load tests and cinemas behind one address.
const HOLDERS_PER_ADDRESS: RangeInclusive<u32> = 1..=1_000_000;
/// Allowed values of `let_go_max`. The highest lifts the limit, for load tests.
const LET_GO_MAX: RangeInclusive<u32> = 1..=seatkeeper_core::locks::LET_GO_UNLIMITED;
/// Allowed values of `cleaning`, in minutes. The rules for halls (`hall_slots`) allow no longer cleaning time.
const CLEANING_MINUTES: RangeInclusive<u32> = 0..=seatkeeper_core::hall_slots::CLEANING_MIN_MAX;

/// Allowed values of `keep_released` and `keep_refused`, in days: ten years at most.
const KEEP_DAYS: RangeInclusive<u32> = 1..=3_650;

/// All settings.
#[derive(Debug, Clone)]
pub struct Config {
    /// Address and port to listen on.
    pub listen: SocketAddr,
    /// The origin of the site, as visitors type it.
    pub public_url: PublicUrl,
    /// Other origins whose pages may send requests that change data.
    pub allowed_origins: Vec<Origin>,
    /// Proxies whose `X-Forwarded-For` is trusted.
    pub trusted_proxies: Vec<IpNet>,
    /// Folder for the program's files.
    pub data_dir: PathBuf,
    /// The cinema's name.
    pub site_name: String,
    /// The cinema's time zone.
    pub time_zone: TimeZone,
    /// Whether an empty store is filled with the demo cinema.
    pub demo: bool,
    /// Whether demo sign-in is allowed where other machines can reach the server, also through a proxy.
    pub allow_demo_sign_in: bool,
    /// The store.
    pub store: StoreUrl,
    /// The lock store and the live changes.
    pub locks: LocksUrl,
    /// The event log.
    pub events: EventsUrl,
    /// How mail is sent.
    pub mail: MailUrl,
    /// How long a seat stays locked for a person.
    pub lock_ttl: Duration,
    /// How long a payment may take before it expires.
    pub payment_ttl: Duration,
    /// Limit of the seats that one person may hold at one screening.
    pub seats_per_person: u32,
    /// Limit of the seats that one person may hold at all screenings together.
    pub seats_per_person_everywhere: u32,
    /// Limit of the people of one network address who hold seats.
    pub holders_per_address: u32,
    /// A seat that a person has let go this often, without leaving it alone for one lock time, is refused to them for one lock time.
    pub let_go_max: u32,
    /// How long before the start of a screening its sales close.
    pub sales_close: Duration,
    /// Time for cleaning between the end of a film and the start of the next one in the same hall.
    pub cleaning: Duration,
    /// Whether requests are rate limited.
    pub rate_limit: RateLimit,
    /// How people sign in.
    pub sign_in: SignIn,
    /// The address of the only person who can become the first administrator. Without it the first person who ever
    /// signs in becomes the first administrator.
    pub admin_email: Option<EmailKey>,
    /// The PromptPay account that receives payments.
    pub promptpay_id: Option<PromptPayId>,
    /// The key of the signatures of the payment provider's callbacks. Without it a random key is generated at each
    /// start.
    pub payment_callback_secret: Option<Secret>,
    /// Faults of the mock payment provider.
    pub mock_payment: MockPaymentFaults,
    /// How long releases of seats stay in the audit log.
    pub keep_released: Duration,
    /// How long refused attempts, sign-ins and sign-outs stay in the audit log.
    pub keep_refused: Duration,
    /// The most detailed level that is logged.
    pub log_level: LogLevel,
    /// The log's format.
    pub log_format: LogFormat,
}

/// The settings of commands that work with the store beside a server.
#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// The store.
    pub store: StoreUrl,
    /// The issuer of the identity provider; `None` for demo sign-in.
    pub issuer: Option<Issuer>,
}

/// Where the store is: for commands that work on its files and need no other setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorePlace {
    /// Folder for the program's files.
    pub data_dir: PathBuf,
    /// The store.
    pub store: StoreUrl,
}

/// How people sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignIn {
    /// With Google, or another provider of OpenID Connect.
    Google {
        /// Issuer of the ID tokens.
        issuer: Issuer,
        /// The OAuth client id.
        client_id: String,
        /// The OAuth client secret.
        client_secret: Secret,
    },
    /// With the built-in demo provider, which lets a visitor sign in as any person.
    Demo,
}

impl Config {
    /// Parses every value and checks the combination of the values.
    ///
    /// # Errors
    /// The first value that is invalid, or the first pair of values that conflict.
    pub fn from_values(values: &Values, adapters: Adapters) -> Result<Self, SettingsError> {
        use settings as s;
        let read = Reader(values);
        let data_dir = read.parse(&s::DATA_DIR, parse::parse_data_dir)?;
        let listen = read.parse(&s::LISTEN, parse::parse_listen)?;
        let public_url = read.optional(&s::PUBLIC_URL, Origin::parse)?.map_or(PublicUrl::FromListen, PublicUrl::Given);
        let ttl = |text: &str| parse::parse_duration(text, TTL);
        let config = Self {
            listen,
            allowed_origins: read.parse(&s::ALLOWED_ORIGINS, parse::parse_origins)?,
            trusted_proxies: read.parse(&s::TRUSTED_PROXIES, parse::parse_networks)?,
            site_name: read.parse(&s::SITE_NAME, parse::parse_site_name)?,
            time_zone: read.parse(&s::TIME_ZONE, parse::parse_time_zone)?,
            demo: read.parse(&s::DEMO, parse::parse_switch)?,
            allow_demo_sign_in: read.parse(&s::ALLOW_DEMO_SIGN_IN, parse::parse_switch)?,
            store: read.parse(&s::STORE_URL, |text| StoreUrl::parse(text, &data_dir, adapters))?,
            locks: read.parse(&s::LOCKS_URL, |text| LocksUrl::parse(text, adapters))?,
            events: read.parse(&s::EVENTS_URL, |text| EventsUrl::parse(text, adapters))?,
            mail: read.parse(&s::MAIL_URL, |text| MailUrl::parse(text, &data_dir))?,
            lock_ttl: read.parse(&s::LOCK_TTL, ttl)?,
            payment_ttl: read.parse(&s::PAYMENT_TTL, ttl)?,
            seats_per_person: read.parse(&s::SEATS_PER_PERSON, |text| parse::parse_number(text, SEATS_PER_PERSON))?,
            seats_per_person_everywhere: read.parse(&s::SEATS_PER_PERSON_EVERYWHERE, |text| {
                parse::parse_number(text, SEATS_PER_PERSON_EVERYWHERE)
            })?,
            holders_per_address: read
                .parse(&s::HOLDERS_PER_ADDRESS, |text| parse::parse_number(text, HOLDERS_PER_ADDRESS))?,
            let_go_max: read.parse(&s::LET_GO_MAX, |text| parse::parse_number(text, LET_GO_MAX))?,
            sales_close: read.parse(&s::SALES_CLOSE, |text| parse::parse_duration(text, SALES_CLOSE))?,
            cleaning: read.parse(&s::CLEANING_MINUTES, |text| parse::parse_minutes(text, CLEANING_MINUTES))?,
            rate_limit: read.parse(&s::RATE_LIMIT, parse::parse_rate_limit)?,
            sign_in: read.sign_in()?,
            admin_email: read.optional(&s::ADMIN_EMAIL, parse::parse_email)?,
            promptpay_id: read.optional(&s::PROMPTPAY_ID, parse::parse_promptpay_id)?,
            payment_callback_secret: read.optional(&s::PAYMENT_CALLBACK_SECRET, parse::parse_secret)?,
            mock_payment: read.parse(&s::MOCK_PAYMENT, MockPaymentFaults::parse)?,
            keep_released: read.parse(&s::KEEP_RELEASED, |text| parse::parse_days(text, KEEP_DAYS))?,
            keep_refused: read.parse(&s::KEEP_REFUSED, |text| parse::parse_days(text, KEEP_DAYS))?,
            log_level: read.parse(&s::LOG_LEVEL, parse::parse_log_level)?,
            log_format: read.parse(&s::LOG_FORMAT, parse::parse_log_format)?,
            public_url,
            data_dir,
        };
        read.check_parts(&config)?;
        let reach = read.reach(&config)?;
        read.check_demo_sign_in(&config, reach)?;
        read.check_test_payments(&config, reach)?;
        Ok(config)
    }

    /// Parses only the store and the identity provider. For commands beside a running server, which must work without
    /// the server's secrets.
    ///
    /// # Errors
    /// One of these values is invalid.
    pub fn store_of(values: &Values, adapters: Adapters) -> Result<StoreConfig, SettingsError> {
        let read = Reader(values);
        let data_dir = read.parse(&settings::DATA_DIR, parse::parse_data_dir)?;
        let store = read.parse(&settings::STORE_URL, |text| StoreUrl::parse(text, &data_dir, adapters))?;
        let issuer = read.parse(&settings::OIDC_ISSUER, parse::parse_issuer)?;
        let is_demo = values.get(&settings::GOOGLE_CLIENT_ID)?.text.is_empty();
        Ok(StoreConfig { store, issuer: (!is_demo).then_some(issuer) })
    }

    /// Parses only the listen address. For commands that call a running server and must work when other settings are
    /// invalid.
    ///
    /// # Errors
    /// The value is not an address with a port.
    pub fn listen_of(values: &Values) -> Result<SocketAddr, SettingsError> {
        Reader(values).parse(&settings::LISTEN, parse::parse_listen)
    }

    /// Parses only the settings that locate the store. URLs of adapters that this program was built without are
    /// accepted, too.
    ///
    /// # Errors
    /// One of the two values is invalid.
    pub fn store_place_of(values: &Values) -> Result<StorePlace, SettingsError> {
        let read = Reader(values);
        let data_dir = read.parse(&settings::DATA_DIR, parse::parse_data_dir)?;
        let store = read.parse(&settings::STORE_URL, |text| StoreUrl::parse(text, &data_dir, Adapters::All))?;
        Ok(StorePlace { data_dir, store })
    }
}

/// Parses the values one by one. An error names the source of the value.
struct Reader<'a>(&'a Values);

impl Reader<'_> {
    fn parse<T>(&self, setting: &Setting, parse: impl Fn(&str) -> Result<T, String>) -> Result<T, SettingsError> {
        let value = self.0.get(setting)?;
        parse(&value.text).map_err(|why| value.refuse(why))
    }

    fn optional<T>(
        &self,
        setting: &Setting,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, SettingsError> {
        self.parse(setting, |text| if text.is_empty() { Ok(None) } else { parse(text).map(Some) })
    }

    fn sign_in(&self) -> Result<SignIn, SettingsError> {
        let issuer = self.parse(&settings::OIDC_ISSUER, parse::parse_issuer)?;
        let client_id = self.0.get(&settings::GOOGLE_CLIENT_ID)?;
        let client_secret = self.0.get(&settings::GOOGLE_CLIENT_SECRET)?;
        match (client_id.text.as_str(), client_secret.text.as_str()) {
            ("", "") => Ok(SignIn::Demo),
            (_, "") => Err(client_id.refuse("SEATKEEPER_GOOGLE_CLIENT_SECRET (or …_FILE) is needed with a client id")),
            ("", _) => {
                Err(client_secret.refuse("SEATKEEPER_GOOGLE_CLIENT_ID (or …_FILE) is needed with a client secret"))
            }
            (id, secret) => Ok(SignIn::Google { issuer, client_id: id.to_owned(), client_secret: Secret::new(secret) }),
        }
    }

    /// Checks that servers which share a store also share their lock store and event log; otherwise two servers could
    /// sell the same seat.
    fn check_parts(&self, config: &Config) -> Result<(), SettingsError> {
        let refuse = |setting: &Setting, why: &str| Err(self.0.get(setting)?.refuse(why));
        match (&config.store, &config.locks, &config.events) {
            (StoreUrl::Sqlite { .. }, LocksUrl::Memory, EventsUrl::Embedded) => Ok(()),
            (StoreUrl::Mongo { .. }, LocksUrl::Redis { .. }, _) => Ok(()),
            (StoreUrl::Mongo { .. }, LocksUrl::Memory, _) => refuse(
                &settings::LOCKS_URL,
                "locks in the memory of one server are not seen by the others of a MongoDB store; set redis://host:port",
            ),
            (StoreUrl::Sqlite { .. }, LocksUrl::Memory, EventsUrl::Kafka { .. }) => refuse(
                &settings::EVENTS_URL,
                "Kafka goes with a MongoDB store; set SEATKEEPER_STORE_URL to mongodb://host/db",
            ),
            (StoreUrl::Sqlite { .. }, _, _) => refuse(
                &settings::LOCKS_URL,
                "Redis goes with a MongoDB store; set SEATKEEPER_STORE_URL to mongodb://host/db",
            ),
        }
    }

    /// The setting that makes this server reachable from other machines, or `None`.
    fn reach(&self, config: &Config) -> Result<Option<&Setting>, SettingsError> {
        let is_local_address = match &config.public_url {
            PublicUrl::Given(origin) => origin.is_loopback(),
            PublicUrl::FromListen if config.listen.ip().to_canonical().is_unspecified() => {
                let why = format!(
                    "{} is every address of this machine; --public-url must say which one people type",
                    config.listen
                );
                return Err(self.0.get(&settings::LISTEN)?.refuse(why));
            }
            PublicUrl::FromListen => true,
        };
        Ok(match (is_local_address, origin::is_loopback(config.listen.ip())) {
            (true, true) => None,
            (true, false) => Some(&settings::LISTEN),
            (false, _) => Some(&settings::PUBLIC_URL),
        })
    }

    /// Refuses demo sign-in on a server that other machines can reach, because anybody could sign in there as anybody.
    fn check_demo_sign_in(&self, config: &Config, reach: Option<&Setting>) -> Result<(), SettingsError> {
        match (reach, &config.sign_in) {
            (Some(setting), SignIn::Demo) if !config.allow_demo_sign_in => {
                let value = self.0.get(setting)?;
                Err(value.refuse(format!(
                    "'{}' can be reached from other machines, where demo sign-in lets everybody in as anybody; \
                     set SEATKEEPER_GOOGLE_CLIENT_ID, or --allow-demo-sign-in if that is what you want",
                    value.shown()
                )))
            }
            _ => Ok(()),
        }
    }

    /// Checks the mock payment provider, which takes no money. It is refused where real customers could use it; and
    /// without the demo a PromptPay payee is refused, because customers could really pay to that account.
    fn check_test_payments(&self, config: &Config, reach: Option<&Setting>) -> Result<(), SettingsError> {
        let is_allowed = self.parse(&settings::ALLOW_TEST_PAYMENTS, parse::parse_switch)?;
        let real_customers = match (&config.sign_in, reach) {
            (SignIn::Google { .. }, _) => Some((&settings::GOOGLE_CLIENT_ID, "real people sign in")),
            (SignIn::Demo, Some(setting)) => Some((setting, "this server can be reached from other machines")),
            (SignIn::Demo, None) => None,
        };
        if let Some((setting, why)) = real_customers.filter(|_| !is_allowed) {
            return Err(self.0.get(setting)?.refuse(format!(
                "{why}, and the mock payment provider, the only one there is, gives them tickets for nothing; \
                 set --allow-test-payments if that is what you want"
            )));
        }
        if config.promptpay_id.is_some() && !config.demo {
            return Err(self.0.get(&settings::PROMPTPAY_ID)?.refuse(
                "the mock payment provider does not check who has paid, so a payee is taken only with --demo",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
