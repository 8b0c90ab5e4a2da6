//! An issuer's keys: fetched when they are first needed, kept, fetched anew when they age or a token names an unknown one.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use jsonwebtoken::DecodingKey;
use tokio::{sync::Mutex, time::Instant};
use url::Url;

use super::{FetchJwks, JwtAlgorithm, discovery::jwks_url, keys::KeySet};
use crate::identity::AuthError;

/// How long one fetch may take, discovery included.
const PATIENCE: Duration = Duration::from_secs(10);

/// When keys are fetched.
#[derive(Debug, Clone, Copy)]
pub(super) struct Freshness {
    /// Keys older than this are fetched anew, while the old ones serve on.
    pub(super) max_age: Duration,
    /// Keys older than this serve no more.
    pub(super) max_stale: Duration,
    /// So long after a fetch no other is begun, whatever tokens say.
    pub(super) cooldown: Duration,
}

/// Where the keys are.
#[derive(Debug)]
pub(super) enum Origin {
    KeySet(Url),
    /// The issuer's metadata names the key set.
    Issuer(Url),
}

/// The keys of one issuer.
#[derive(Debug)]
pub(super) struct JwksCache {
    fetch: Arc<dyn FetchJwks>,
    origin: Origin,
    freshness: Freshness,
    known: RwLock<Known>,
    /// One fetch at a time. Whoever finds its key among the known ones never waits for it.
    flight: Mutex<()>,
}

#[derive(Debug, Clone, Default)]
struct Known {
    keys: Option<(Arc<KeySet>, Instant)>,
    tried: Option<Instant>,
}

impl JwksCache {
    pub(super) fn new(fetch: Arc<dyn FetchJwks>, origin: Origin, freshness: Freshness) -> Self {
        Self { fetch, origin, freshness, known: RwLock::default(), flight: Mutex::default() }
    }

    /// Looks for the key of a token and hands the candidates to `check`.
    ///
    /// INVARIANT: of any number of callers with unknown keys, one fetches, and none within the cooldown of a fetch
    /// (`a_flood_of_unknown_keys_causes_one_fetch`).
    pub(super) async fn with_candidates<T>(
        self: &Arc<Self>,
        id: Option<&str>,
        algorithm: JwtAlgorithm,
        check: impl Fn(&[&DecodingKey]) -> Result<T, AuthError>,
    ) -> Result<T, AuthError> {
        if let Some(set) = self.serving() {
            let candidates = set.candidates(id, algorithm);
            if !candidates.is_empty() {
                self.renew_when_old();
                return check(&candidates);
            }
        }
        let flight = self.flight.lock().await;
        // Somebody else may have fetched them meanwhile.
        let found = |set: &KeySet| !set.candidates(id, algorithm).is_empty();
        if !self.serving().is_some_and(|set| found(&set)) && self.may_fetch() {
            self.fetch_now().await;
        }
        drop(flight);
        match self.serving() {
            None => Err(AuthError::unavailable("the issuer's keys cannot be read now; try again")),
            Some(set) => match set.candidates(id, algorithm) {
                candidates if candidates.is_empty() => {
                    Err(AuthError::invalid("the token is signed with a key that the issuer does not publish"))
                }
                candidates => check(&candidates),
            },
        }
    }

    fn known(&self) -> Known {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The keys that may be used.
    fn serving(&self) -> Option<Arc<KeySet>> {
        let (set, at) = self.known().keys?;
        (at.elapsed() < self.freshness.max_stale).then_some(set)
    }

    fn may_fetch(&self) -> bool {
        self.known().tried.is_none_or(|tried| tried.elapsed() >= self.freshness.cooldown)
    }

    /// Old keys serve on while new ones are fetched beside the request.
    fn renew_when_old(self: &Arc<Self>) {
        let old = self.known().keys.is_none_or(|(_, at)| at.elapsed() >= self.freshness.max_age);
        if !old || !self.may_fetch() {
            return;
        }
        let cache = Arc::clone(self);
        tokio::spawn(async move {
            let Ok(_flight) = cache.flight.try_lock() else { return };
            if cache.may_fetch() {
                cache.fetch_now().await;
            }
        });
    }

    async fn fetch_now(&self) {
        // Noted before the attempt: a caller who goes away in the middle must not let the next one begin at once.
        self.known.write().unwrap_or_else(PoisonError::into_inner).tried = Some(Instant::now());
        let fetched = match tokio::time::timeout(PATIENCE, self.read()).await {
            Ok(fetched) => fetched,
            Err(_) => Err("the issuer did not answer in time".to_owned()),
        };
        match fetched {
            Ok(set) => {
                self.known.write().unwrap_or_else(PoisonError::into_inner).keys = Some((Arc::new(set), Instant::now()));
            }
            Err(error) => tracing::warn!(origin = ?self.origin, error, "the issuer's keys could not be fetched"),
        }
    }

    async fn read(&self) -> Result<KeySet, String> {
        let url = match &self.origin {
            Origin::KeySet(url) => url.clone(),
            Origin::Issuer(issuer) => jwks_url(&*self.fetch, issuer).await?,
        };
        KeySet::read(&self.fetch.fetch(&url).await.map_err(|error| error.to_string())?)
    }
}
