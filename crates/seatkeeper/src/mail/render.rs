//! Renders the confirmation mail as HTML and as plain text. Rendering is pure: the same booking results in the same
//! bytes.

use jiff::tz::TimeZone;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value, context};
use mrml::prelude::render::RenderOptions;
use seatkeeper_core::person::Language;
use serde::Serialize;

use super::words::{long_date_time, seat_kind, total, words};

const HTML_TEMPLATE: &str = "confirmation.mjml.j2";
const TEXT_TEMPLATE: &str = "confirmation.txt.j2";

/// Limit of a text from the booking, in characters. A longer text ends with an ellipsis. The title of a film may have
/// 200 characters.
const FIELD_CHARS_MAX: usize = 300;

/// The data of a confirmation mail. `movie_title` and `hall_name` are already in the language of the mail.
#[derive(Debug, Clone)]
pub struct ConfirmationMail {
    /// The booking code, which is shown at the door of the hall.
    pub code: String,
    /// Title of the film.
    pub movie_title: String,
    /// Name of the hall.
    pub hall_name: String,
    /// When the screening starts.
    pub start_time: jiff::Timestamp,
    /// The cinema's time zone, in which `start_time` is shown.
    pub time_zone: TimeZone,
    /// Each seat's label ("A12") and kind (`seat`, `pair`, `wheelchair`, `companion`).
    pub seats: Vec<(String, String)>,
    /// Total paid, in satang.
    pub total_minor: i64,
    /// The customer's name; may be empty.
    pub customer_name: String,
    /// Name of the cinema.
    pub cinema_name: String,
    /// Address of the booking on the page.
    pub booking_url: String,
}

/// A confirmation mail after rendering.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderedMail {
    /// One line without control characters.
    pub subject: String,
    /// The HTML part; it loads no external resources.
    pub html: String,
    /// The plain text part.
    pub text: String,
}

/// An error in the program's own templates. No booking can cause it.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// A template does not compile or uses an undefined value.
    #[error("mail template: {0}")]
    Template(#[from] minijinja::Error),
    /// The output of the template is not valid MJML.
    #[error("mail layout: {0}")]
    Layout(String),
}

/// The values that the templates use, sanitised and formatted in the mail's language.
#[derive(Debug, Serialize)]
struct View<'a> {
    code: String,
    movie_title: String,
    hall_name: String,
    when: String,
    seats: Vec<SeatView<'a>>,
    seats_line: String,
    total: String,
    greeting: String,
    cinema_name: String,
    booking_url: String,
}

#[derive(Debug, Serialize)]
struct SeatView<'a> {
    label: String,
    kind: std::borrow::Cow<'a, str>,
}

/// Renders the confirmation mail of a booking.
///
/// # Errors
/// [`RenderError`] when a template of this program is invalid.
pub fn render_confirmation(mail: &ConfirmationMail, language: Language) -> Result<RenderedMail, RenderError> {
    let view = View::of(mail, language);
    let subject = view.subject(language);
    let values = context! { mail => Serde(view), words => Serde(words(language)), subject => subject.as_str() };

    let templates = templates()?;
    let mjml = templates.get_template(HTML_TEMPLATE)?.render(&values)?;
    let text = templates.get_template(TEXT_TEMPLATE)?.render(&values)?;
    Ok(RenderedMail { subject, html: html_of(&mjml)?, text })
}

impl<'a> View<'a> {
    fn of(mail: &'a ConfirmationMail, language: Language) -> Self {
        let seats: Vec<SeatView<'a>> = mail
            .seats
            .iter()
            .map(|(label, kind)| SeatView {
                label: one_line(label),
                kind: match seat_kind(kind, language) {
                    word if word == kind => one_line(word).into(),
                    word => word.into(),
                },
            })
            .collect();
        let labels: Vec<&str> = seats.iter().map(|seat| seat.label.as_str()).collect();
        Self {
            code: one_line(&mail.code),
            movie_title: one_line(&mail.movie_title),
            hall_name: one_line(&mail.hall_name),
            when: long_date_time(mail.start_time, &mail.time_zone, language),
            seats_line: labels.join(", "),
            seats,
            total: total(mail.total_minor, language),
            greeting: greeting(&one_line(&mail.customer_name), language),
            cinema_name: one_line(&mail.cinema_name),
            booking_url: one_line(&mail.booking_url),
        }
    }

    fn subject(&self, language: Language) -> String {
        let Self { movie_title, when, code, .. } = self;
        match language {
            Language::En => format!("Your tickets: {movie_title}, {when} ({code})"),
            Language::Th => format!("ตั๋วของคุณ: {movie_title} {when} (รหัส {code})"),
        }
    }
}

/// Turns a text into one visible line of limited length. Names come from people and identity providers: a line break
/// could end a mail header or fake a line of the plain text, and a direction mark could disguise the text.
pub(super) fn one_line(text: &str) -> String {
    let visible = text.chars().map(|c| if c.is_control() || is_direction_mark(c) { ' ' } else { c });
    let mut line: String = visible.collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = line.char_indices().nth(FIELD_CHARS_MAX) {
        line.truncate(end);
        line.push('…');
    }
    line
}

fn is_direction_mark(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn greeting(name: &str, language: Language) -> String {
    match (language, name) {
        (Language::En, "") => "Hello,".into(),
        (Language::En, name) => format!("Hello {name},"),
        (Language::Th, "") => "สวัสดี".into(),
        (Language::Th, name) => format!("สวัสดีคุณ {name}"),
    }
}

fn templates() -> Result<Environment<'static>, minijinja::Error> {
    let mut templates = Environment::new();
    // An undefined value must make the rendering fail instead of leaving a gap in the mail.
    templates.set_undefined_behavior(UndefinedBehavior::Strict);
    templates.set_auto_escape_callback(|name| if name == TEXT_TEMPLATE { AutoEscape::None } else { AutoEscape::Html });
    templates.add_filter("in_attribute", in_attribute);
    templates.add_template(HTML_TEMPLATE, include_str!("../../templates/mail/confirmation.mjml.j2"))?;
    templates.add_template(TEXT_TEMPLATE, include_str!("../../templates/mail/confirmation.txt.j2"))?;
    Ok(templates)
}

/// The filter of every value that becomes an attribute in the HTML: printable ASCII, with a numeric reference for each other
/// character. The MJML renderer formats attributes as Rust's `Debug` does, which would write a Thai vowel as `\u{e31}`, a
/// backslash as two and a quote as `\"`.
fn in_attribute(value: &str) -> Value {
    let mut safe = String::with_capacity(value.len());
    for c in value.chars() {
        if c.is_ascii_graphic() && !matches!(c, '"' | '\'' | '&' | '<' | '>' | '\\') || c == ' ' {
            safe.push(c);
        } else {
            safe.push_str(&format!("&#{};", u32::from(c)));
        }
    }
    Value::from_safe_string(safe)
}

fn html_of(mjml: &str) -> Result<String, RenderError> {
    // With its default options the renderer would link web fonts from another site.
    let options = RenderOptions { disable_comments: true, fonts: Default::default(), ..Default::default() };
    let parsed = mrml::parse(mjml).map_err(|error| RenderError::Layout(error.to_string()))?;
    let html = parsed.element.render(&options).map_err(|error| RenderError::Layout(error.to_string()))?;
    with_landmark(&html)
}

/// Puts the mail into the landmark `main`, for which MJML has no element: a screen reader jumps there past the frame of a
/// mail program's page.
fn with_landmark(html: &str) -> Result<String, RenderError> {
    // No text of a mail contains these: `<` is escaped.
    let (article, end) = ("<div aria-label=", "</div></body>");
    let found = |part: &str| html.matches(part).count();
    if (found(article), found(end)) != (1, 1) {
        return Err(RenderError::Layout("the MJML renderer's article is not where it was".to_owned()));
    }
    let opened = html.replacen(article, &format!("<div role=\"main\">{article}"), 1);
    Ok(opened.replacen(end, &format!("</div>{end}"), 1))
}
