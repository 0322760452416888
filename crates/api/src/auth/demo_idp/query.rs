//! The parameters of an authorization request.

use serde::Deserialize;

/// The parameters of an authorization request.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct AuthorizeQuery {
    pub(super) response_type: Option<String>,
    pub(super) client_id: Option<String>,
    pub(super) redirect_uri: Option<String>,
    pub(super) scope: Option<String>,
    pub(super) state: Option<String>,
    pub(super) nonce: Option<String>,
    pub(super) code_challenge: Option<String>,
    pub(super) code_challenge_method: Option<String>,
    pub(super) ui_locales: Option<String>,
    /// The e-mail address of the account: from the relying party, or chosen on the page.
    pub(super) login_hint: Option<String>,
    /// A name, typed on the page.
    pub(super) name: Option<String>,
    /// `none` forbids showing a page.
    pub(super) prompt: Option<String>,
}
