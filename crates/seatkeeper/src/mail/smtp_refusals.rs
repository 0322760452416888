//! Which errors of a mail server are permanent: the table that decides between a retry and FAILED.
//!
//! | step | reply | outcome | because |
//! |---|---|---|---|
//! | any | none, or 4xx | retried | the server is down, slow or busy |
//! | connection, STARTTLS, sign-in, sender | 5xx | retried | the same for every mail: an operator corrects it |
//! | recipient, mail | 500, 502, 503, 504 | retried | the server does not understand a command, whoever the recipient is |
//! | recipient, mail | 530, 534, 535, 538 | retried | the server wants another sign-in (RFC 4954) |
//! | recipient | 5xx with 5.7.x | retried | a policy against this cinema, such as "relay access denied" (RFC 3463) |
//! | recipient, mail | every other 5xx | FAILED | this recipient or this mail is refused |
//!
//! A retry that was wrong costs an attempt every 15 minutes, for 48 hours at most. A mail that was FAILED wrongly is sent
//! only when an administrator notices it.

use std::error::Error as _;

use lettre::transport::smtp;

use super::message::SendError;

/// Replies that say that the server does not understand or expect the command (RFC 5321).
const COMMAND_REFUSALS: [u16; 4] = [500, 502, 503, 504];

/// Replies that say that the cinema's account at the mail server is missing or wrong (RFC 4954).
const ACCOUNT_REFUSALS: [u16; 4] = [530, 534, 535, 538];

/// The class of enhanced status codes about security and policy (RFC 3463).
const POLICY_REFUSAL: &str = "5.7.";

/// Limit of the text of a mail server's reply that is stored as the reason of a failure, in characters.
const REASON_CHARS_MAX: usize = 300;

/// A step of sending a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The connection, up to the reply to EHLO.
    Connect,
    /// STARTTLS.
    Encrypt,
    /// AUTH.
    SignIn,
    /// MAIL FROM.
    Sender,
    /// RCPT TO.
    Recipient,
    /// DATA and the text of the mail.
    Text,
}

impl Step {
    /// What a failure of this step means, as administrators see it in the list of mails.
    fn in_words(self) -> &'static str {
        match self {
            Self::Connect => "the mail server does not accept the connection",
            Self::Encrypt => "the encryption by STARTTLS failed",
            Self::SignIn => "the mail server refused the user or password of the mail URL",
            Self::Sender => "the mail server refused the cinema's address as the sender",
            Self::Recipient => "the mail server refused the recipient's address",
            Self::Text => "the mail server refused the mail",
        }
    }

    /// Whether this reply is about the recipient or the mail, so that no retry can succeed.
    fn is_refused_for_good(self, code: u16, text: &str) -> bool {
        let is_about_this_mail =
            (500..=599).contains(&code) && !COMMAND_REFUSALS.contains(&code) && !ACCOUNT_REFUSALS.contains(&code);
        match self {
            Self::Connect | Self::Encrypt | Self::SignIn | Self::Sender => false,
            Self::Recipient => is_about_this_mail && !text.starts_with(POLICY_REFUSAL),
            Self::Text => is_about_this_mail,
        }
    }

    /// Decides whether an error in this step is temporary or permanent, and gives the reason in words.
    pub(super) fn judge(self, error: &smtp::Error) -> SendError {
        let text = error.source().map_or_else(|| error.to_string(), ToString::to_string);
        match error.status().map(u16::from) {
            Some(code) => self.judge_reply(code, &text),
            None => SendError::Temporary(reason(&format!("no valid answer ({}): {text}", self.asked()))),
        }
    }

    fn judge_reply(self, code: u16, text: &str) -> SendError {
        let why = reason(&format!("{}: {code} {text}", self.in_words()));
        if self.is_refused_for_good(code, text) { SendError::Permanent(why) } else { SendError::Temporary(why) }
    }

    /// What was waited for when the connection failed.
    fn asked(self) -> &'static str {
        match self {
            Self::Connect => "connecting to the mail server",
            Self::Encrypt => "STARTTLS",
            Self::SignIn => "signing in at the mail server",
            Self::Sender => "naming the sender",
            Self::Recipient => "naming the recipient",
            Self::Text => "sending the text",
        }
    }
}

/// One line of limited length: the text comes from another server.
fn reason(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(REASON_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEPS: [Step; 6] = [Step::Connect, Step::Encrypt, Step::SignIn, Step::Sender, Step::Recipient, Step::Text];

    fn is_permanent(step: Step, reply: &str) -> bool {
        let (code, text) = reply.split_once(' ').unwrap();
        matches!(step.judge_reply(code.parse().unwrap(), text), SendError::Permanent(_))
    }

    #[test]
    fn only_refusals_of_the_recipient_or_the_mail_are_permanent() {
        for (reply, recipient, text) in [
            ("421 4.3.2 shutting down", false, false),
            ("450 4.2.1 greylisted", false, false),
            ("451 4.3.0 later", false, false),
            ("452 4.2.2 mailbox full", false, false),
            ("500 what", false, false),
            ("501 5.1.3 bad address syntax", true, true),
            ("502 not implemented", false, false),
            ("503 authenticate first", false, false),
            ("504 no such parameter", false, false),
            ("521 host accepts no mail", true, true),
            ("530 5.7.0 authentication required", false, false),
            ("534 5.7.9 mechanism too weak", false, false),
            ("535 5.7.8 wrong password", false, false),
            ("538 5.7.11 encryption required", false, false),
            ("550 nobody of that name lives here", true, true),
            ("550 5.1.1 no such user", true, true),
            ("551 5.1.6 moved", true, true),
            ("552 5.2.2 mailbox full", true, true),
            ("553 5.1.3 not an address", true, true),
            ("554 5.7.1 relay access denied", false, true),
            ("550 5.7.26 unauthenticated mail", false, true),
            ("554 no", true, true),
            ("555 parameters not known", true, true),
        ] {
            assert_eq!(is_permanent(Step::Recipient, reply), recipient, "recipient: {reply}");
            assert_eq!(is_permanent(Step::Text, reply), text, "text: {reply}");
            for step in STEPS.into_iter().filter(|step| !matches!(step, Step::Recipient | Step::Text)) {
                assert!(!is_permanent(step, reply), "{step:?}: {reply}");
            }
        }
    }

    #[test]
    fn reason_names_the_step_and_the_reply_in_one_line_of_limited_length() {
        let SendError::Permanent(why) = Step::Recipient.judge_reply(550, "no\r\nsuch \u{7}user") else { panic!() };
        assert_eq!(why, "the mail server refused the recipient's address: 550 nosuch user");
        let SendError::Temporary(why) = Step::SignIn.judge_reply(535, &"x".repeat(1_000)) else { panic!() };
        assert_eq!(why.chars().count(), REASON_CHARS_MAX);
    }
}
