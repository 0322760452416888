//! The list of settings. Flags, environment variables, keys of the settings file and the help text are generated from
//! it. A test compares it with `config.default.toml`.

/// The prefix of the program's environment variables.
pub(super) const ENV_PREFIX: &str = "SEATKEEPER_";

/// The prefix of the environment variables of the test suites, such as the address of a real database. The program
/// ignores them.
pub(super) const ENV_PREFIX_OF_TESTS: &str = "SEATKEEPER_TEST_";

/// Whether this is a variable that Kubernetes sets in the containers of every pod when a service is named `seatkeeper`,
/// such as `SEATKEEPER_PORT=tcp://10.0.0.7:8080`. The program ignores them; no setting may have such a name.
pub(super) fn is_set_by_kubernetes(variable: &str) -> bool {
    variable
        .strip_prefix(ENV_PREFIX)
        .is_some_and(|name| name == "PORT" || name.starts_with("PORT_") || name.starts_with("SERVICE_"))
}

/// How much of a setting's value may be displayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrecy {
    /// The whole value.
    Public,
    /// The value is a URL and is displayed without its password.
    Address,
    /// Nothing.
    Secret,
}

/// The form of a setting's flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flag {
    /// `--key VALUE`.
    Value,
    /// `--key`, and `--key=off` to override the settings file.
    Switch,
    /// The setting has no flag, because its value is a secret and the command line is visible to every user in the list
    /// of processes.
    Missing,
}

/// One setting. All of its names are derived from `key`.
#[derive(Debug)]
pub struct Setting {
    /// Key in the settings file, `snake_case`.
    pub key: &'static str,
    /// Placeholder for the value in the help text.
    pub value_name: &'static str,
    /// Sentence for the help text; the comment in `config.default.toml` begins with it.
    pub help: &'static str,
    /// The form of the flag.
    pub flag: Flag,
    /// How much of the value may be displayed.
    pub secrecy: Secrecy,
    /// Whether the environment variable `SEATKEEPER_…_FILE` may name a file with the value.
    pub from_file: bool,
}

impl Setting {
    const fn new(key: &'static str, value_name: &'static str, help: &'static str) -> Self {
        Self { key, value_name, help, flag: Flag::Value, secrecy: Secrecy::Public, from_file: false }
    }

    const fn switch(mut self) -> Self {
        self.flag = Flag::Switch;
        self
    }

    const fn without_flag(mut self) -> Self {
        self.flag = Flag::Missing;
        self
    }

    const fn address(mut self) -> Self {
        self.secrecy = Secrecy::Address;
        self.readable_from_file()
    }

    const fn secret(mut self) -> Self {
        self.secrecy = Secrecy::Secret;
        self.readable_from_file()
    }

    const fn readable_from_file(mut self) -> Self {
        self.from_file = true;
        self
    }

    /// The flag without dashes: `lock-ttl`. `check` prints it as the name of the setting.
    #[must_use]
    pub fn flag_name(&self) -> String {
        self.key.replace('_', "-")
    }

    /// The environment variable: `SEATKEEPER_LOCK_TTL`.
    #[must_use]
    pub fn env_name(&self) -> String {
        format!("{ENV_PREFIX}{}", self.key.to_uppercase())
    }

    /// The environment variable with the path of a file with the value, if the setting allows such a file.
    #[must_use]
    pub fn env_file_name(&self) -> Option<String> {
        self.from_file.then(|| format!("{}_FILE", self.env_name()))
    }
}

macro_rules! settings {
    ($($name:ident = $setting:expr;)*) => {
        $(pub(super) static $name: Setting = $setting;)*
        /// Every setting, in the order of `config.default.toml`.
        pub static ALL: &[&Setting] = &[$(&$name),*];
    };
}

settings! {
    LISTEN = Setting::new("listen", "ADDRESS", "Address and port to listen on.");
    PUBLIC_URL = Setting::new("public_url", "URL", "The address that people type.");
    ALLOWED_ORIGINS = Setting::new("allowed_origins", "URL,…", "Other sites whose pages may change things here.");
    TRUSTED_PROXIES = Setting::new("trusted_proxies", "NETWORK,…", "Proxies whose X-Forwarded-For is believed.");
    DATA_DIR = Setting::new("data_dir", "DIR", "Folder for everything the program keeps.");
    SITE_NAME = Setting::new("site_name", "NAME", "The cinema's name, on the page and in mails.");
    TIME_ZONE = Setting::new("time_zone", "ZONE", "The cinema's time zone.");
    DEMO = Setting::new("demo", "on|off", "Fill an empty store with the demo cinema.").switch();
    ALLOW_DEMO_SIGN_IN = Setting::new("allow_demo_sign_in", "on|off", "Let everybody sign in as anybody, beyond this machine too.").switch();
    STORE_URL = Setting::new("store_url", "URL", "Where the programme, people and bookings are kept.").address();
    LOCKS_URL = Setting::new("locks_url", "URL", "Where seat locks are kept and live changes pass.").address();
    EVENTS_URL = Setting::new("events_url", "URL", "The event log.").address();
    MAIL_URL = Setting::new("mail_url", "URL", "How confirmations are sent.").address();
    LOCK_TTL = Setting::new("lock_ttl", "DURATION", "How long a seat stays locked.");
    PAYMENT_TTL = Setting::new("payment_ttl", "DURATION", "How long a payment may take.");
    SEATS_PER_PERSON = Setting::new("seats_per_person", "NUMBER", "Seats that one person may hold at one screening.");
    SEATS_PER_PERSON_EVERYWHERE = Setting::new("seats_per_person_everywhere", "NUMBER", "Seats that one person may hold at all screenings together.");
    HOLDERS_PER_ADDRESS = Setting::new("holders_per_address", "NUMBER", "People of one network address who may hold seats at once.");
    LET_GO_MAX = Setting::new("let_go_max", "NUMBER", "How often a person may let a seat go before it is refused to them for one lock time.");
    SALES_CLOSE = Setting::new("sales_close", "DURATION", "How long before the start sales close.");
    CLEANING_MINUTES = Setting::new("cleaning_minutes", "MINUTES", "Time between the end of a film and the next one in the same hall.");
    RATE_LIMIT = Setting::new("rate_limit", "on|off", "Limits on requests by person and by address.");
    OIDC_ISSUER = Setting::new("oidc_issuer", "URL", "The OpenID Connect provider to sign in with.");
    GOOGLE_CLIENT_ID = Setting::new("google_client_id", "ID", "The provider's id for this cinema; with it demo sign-in is off.").readable_from_file();
    GOOGLE_CLIENT_SECRET = Setting::new("google_client_secret", "SECRET", "The secret that belongs to the client id.").secret().without_flag();
    ADMIN_EMAIL = Setting::new("admin_email", "EMAIL", "Who alone can become the first administrator.");
    ALLOW_TEST_PAYMENTS = Setting::new("allow_test_payments", "on|off", "Let the mock payment provider give tickets for nothing, to real customers too.").switch();
    PROMPTPAY_ID = Setting::new("promptpay_id", "ID", "Who is paid by PromptPay.");
    PAYMENT_CALLBACK_SECRET = Setting::new("payment_callback_secret", "SECRET", "What the payment provider signs its messages with.").secret();
    MOCK_PAYMENT = Setting::new("mock_payment", "FAULTS", "Faults of the mock payment provider.");
    KEEP_RELEASED = Setting::new("keep_released", "DAYS", "How many days releases of seats stay in the audit log.");
    KEEP_REFUSED = Setting::new("keep_refused", "DAYS", "How many days refused attempts and sign-ins stay in the audit log.");
    LOG_LEVEL = Setting::new("log_level", "LEVEL", "How much is logged.");
    LOG_FORMAT = Setting::new("log_format", "FORMAT", "How the log is written.");
}
