//! The user of the operating system, who is the identity on stdio.

use mcp_govern_core::{ClientId, UserId};

use super::Identity;
use crate::{ServerError, error::ServerErrorKind};

/// The issuer of identities that the operating system vouches for.
const ISSUER: &str = "os";

/// The user who runs this process, through an AI client that started it: the identity on stdio, where there is no token.
///
/// Issuer of both is `os`; `client` is the name that the client shall have, for example `claude-desktop`.
///
/// # Errors
///
/// When the operating system does not tell the user's name, or a name is unfit for an id.
pub fn os_user(client: &str) -> Result<Identity, ServerError> {
    let name = whoami::username()
        .map_err(|error| ServerError::caused(ServerErrorKind::System, "the operating system names no user", error))?;
    let unfit = |error| ServerError::caused(ServerErrorKind::Config, "the name is unfit for an id", error);
    let user = UserId::new(ISSUER, name).map_err(unfit)?;
    Ok(Identity::new(user, ClientId::new(ISSUER, client).map_err(unfit)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_of_this_process_has_a_name() {
        let identity = os_user("tests").unwrap();
        assert_eq!(identity.user.issuer.as_str(), "os");
        assert!(!identity.user.subject.as_str().is_empty());
        assert!(os_user("").is_err());
    }
}
