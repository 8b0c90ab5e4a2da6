//! The identity that the embedding application has established.

use async_trait::async_trait;

use super::{AuthError, Authenticate, Identity, Presented};

/// Takes the [`Identity`] that the application's own middleware has put into the request's extensions.
///
/// The middleware is around the router, so that it runs before the server looks:
///
/// ```
/// use axum::{Router, extract::Request, middleware::{Next, from_fn}};
/// use mcp_govern_core::{ClientId, UserId};
/// use mcp_govern_server::Identity;
///
/// async fn sign_in(mut request: Request, next: Next) -> axum::response::Response {
///     // Here the application looks at its own session.
///     let user = UserId::new("https://id.example.com", "ada").expect("a fine name");
///     let client = ClientId::new("https://id.example.com", "desktop").expect("a fine name");
///     request.extensions_mut().insert(Identity::new(user, client));
///     next.run(request).await
/// }
///
/// fn app(mcp: Router) -> Router {
///     mcp.layer(from_fn(sign_in))
/// }
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct FromMiddleware;

#[async_trait]
impl Authenticate for FromMiddleware {
    async fn authenticate(&self, request: &Presented<'_>) -> Result<Identity, AuthError> {
        request.parts().extensions.get::<Identity>().cloned().ok_or_else(AuthError::missing)
    }
}
