//! The demo provider's page on which to choose an account. Plain HTML without scripts; styled by `style.css`.

use std::fmt::Write as _;

use seatkeeper_core::{email::EMAIL_BYTES_MAX, person::Language};

use super::query::AuthorizeQuery;

/// The style sheet: the dark theme of the cinema.
pub(super) const STYLE: &str = include_str!("style.css");

/// Accounts offered on the page: a name and an undeliverable e-mail address (RFC 2606).
const ACCOUNTS: [(&str, &str); 5] = [
    ("Ann Wongsuwan", "ann@example.test"),
    ("สมชาย ใจดี", "somchai@example.test"),
    ("Ben Carter", "ben@example.test"),
    ("พิมพ์ชนก ศรีสุข", "pim@example.test"),
    ("Mali Rattana", "mali@example.test"),
];

/// Contents of the page.
#[derive(Debug)]
pub(super) struct Choice<'q> {
    /// The authorization request, passed on as hidden fields of the forms.
    pub(super) query: &'q AuthorizeQuery,
    /// The link target of "Cancel".
    pub(super) cancel: &'q str,
    pub(super) language: Language,
}

struct Words {
    title: &'static str,
    note: &'static str,
    first: &'static str,
    other: &'static str,
    email: &'static str,
    wrong_email: &'static str,
    name: &'static str,
    go_on: &'static str,
    cancel: &'static str,
}

const ENGLISH: Words = Words {
    title: "Choose an account",
    note: "This is a demonstration: no password, and nothing leaves this cinema.",
    first: "The first person ever to sign in here becomes the administrator.",
    other: "Or be somebody else",
    email: "E-mail",
    wrong_email: "Please enter an address such as ann@example.test.",
    name: "Name (optional)",
    go_on: "Continue",
    cancel: "Cancel",
};

const THAI: Words = Words {
    title: "เลือกบัญชี",
    note: "นี่คือการสาธิต ไม่ต้องใช้รหัสผ่าน และไม่มีข้อมูลใดออกไปจากโรงภาพยนตร์นี้",
    first: "คนแรกที่เข้าสู่ระบบที่นี่จะเป็นผู้ดูแลระบบ",
    other: "หรือเป็นคนอื่น",
    email: "อีเมล",
    wrong_email: "กรุณากรอกที่อยู่อีเมล เช่น ann@example.test",
    name: "ชื่อ (ไม่บังคับ)",
    go_on: "ดำเนินการต่อ",
    cancel: "ยกเลิก",
};

/// Returns the name of an account: the name typed on the page, or that of the offered account with this e-mail address.
pub(super) fn find_name(query: &AuthorizeQuery, email: &str) -> Option<String> {
    let typed = query.name.clone().filter(|name| !name.trim().is_empty());
    let offered = || {
        ACCOUNTS.iter().find(|(_, known)| known.eq_ignore_ascii_case(email.trim())).map(|(name, _)| (*name).to_owned())
    };
    typed.or_else(offered)
}

/// The page as HTML.
pub(super) fn render(choice: &Choice<'_>) -> String {
    let words = match choice.language {
        Language::En => ENGLISH,
        Language::Th => THAI,
    };
    let Words { title, note, first, other, email, wrong_email, name, go_on, cancel } = words;
    let (lang, carried) = (choice.language.as_ref(), carried_fields(choice.query));
    let accounts: String = ACCOUNTS.iter().map(|(name, email)| account_button(name, email)).collect();
    let typed = choice.query.login_hint.as_deref();
    let (value, name_value) =
        (escaped(typed.unwrap_or_default()), escaped(choice.query.name.as_deref().unwrap_or_default()));
    let (mistake, described) = match typed {
        Some(_) => (
            format!("<p class=\"mistake\" id=\"mistake\" role=\"alert\">{wrong_email}</p>"),
            " aria-invalid=\"true\" aria-describedby=\"mistake\"",
        ),
        None => (String::new(), ""),
    };
    let cancel_link = escaped(choice.cancel);
    format!(
        r#"<!doctype html>
<html lang="{lang}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{title}</title>
<link rel="stylesheet" href="/demo-idp/style.css">
</head>
<body>
<main>
<h1>{title}</h1>
<p class="note">{note}</p>
<form action="/demo-idp/authorize" method="get">
{carried}<ul>
{accounts}</ul>
</form>
<h2>{other}</h2>
<form action="/demo-idp/authorize" method="get" novalidate>
{carried}<label for="email">{email}</label>
<input id="email" name="login_hint" type="email" autocomplete="email" maxlength="{EMAIL_BYTES_MAX}" value="{value}" required{described}>
{mistake}<label for="name">{name}</label>
<input id="name" name="name" autocomplete="name" maxlength="100" value="{name_value}">
<button class="go-on" type="submit">{go_on}</button>
</form>
<p class="note">{first}</p>
<p><a href="{cancel_link}">{cancel}</a></p>
</main>
</body>
</html>
"#
    )
}

fn account_button(name: &str, email: &str) -> String {
    let initial = name.chars().next().unwrap_or('?');
    format!(
        "<li><button type=\"submit\" name=\"login_hint\" value=\"{email}\"><span class=\"initial\" aria-hidden=\"true\">{initial}</span>\
         <span><strong>{name}</strong><small>{email}</small></span></button></li>\n"
    )
}

/// The authorization request as hidden fields, so that submitting a form repeats it with an account.
fn carried_fields(query: &AuthorizeQuery) -> String {
    let fields = [
        ("response_type", &query.response_type),
        ("client_id", &query.client_id),
        ("redirect_uri", &query.redirect_uri),
        ("scope", &query.scope),
        ("state", &query.state),
        ("nonce", &query.nonce),
        ("code_challenge", &query.code_challenge),
        ("code_challenge_method", &query.code_challenge_method),
        ("ui_locales", &query.ui_locales),
    ];
    let mut html = String::new();
    for (name, value) in fields {
        if let Some(value) = value {
            // Writing to a string does not fail.
            let _ = writeln!(html, "<input type=\"hidden\" name=\"{name}\" value=\"{}\">", escaped(value));
        }
    }
    html
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}
