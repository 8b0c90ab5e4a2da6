//! Who opens a link.

use std::fmt;

use async_trait::async_trait;
use mcp_govern_core::UserId;
use url::Url;

use crate::identity::{AuthError, Presented};

/// Says who sits in front of the browser: the embedding application's own sign-in.
///
/// Without one, the person is asked for the access token that the AI client uses.
///
/// # Contract
///
/// The person is known by something that others cannot send along with a link: a session cookie, a client certificate. Never by
/// something in the URL.
#[async_trait]
pub trait IdentifyVisitor: fmt::Debug + Send + Sync + 'static {
    /// Who it is.
    ///
    /// # Errors
    ///
    /// When that cannot be found out now.
    async fn identify(&self, visit: &Presented<'_>) -> Result<Visitor, AuthError>;
}

/// Who opens a link.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Visitor {
    /// A person who is signed in.
    Known(UserId),
    /// Not known yet: the browser is sent to this page to sign in, which sends it back.
    SignIn(Url),
    /// Nobody, and there is no way to find out: the page says so.
    Unknown,
}
