//! An issuer's keys: fetched when they are first needed, kept, fetched anew when they age or a token names an unknown one.

use std::{
    fmt,
    sync::{Arc, Once, PoisonError, RwLock, RwLockWriteGuard},
    time::Duration,
};

use jsonwebtoken::DecodingKey;
use tokio::{sync::Mutex, time::Instant};
use url::Url;

use super::{FetchJwks, JwtAlgorithm, discovery::published, keys::KeySet};
use crate::{
    cleaned,
    identity::{AuthError, RefusalReason},
};

/// How long one fetch may take, discovery included.
const LONGEST: Duration = Duration::from_secs(10);

/// How long a request whose key is known and old waits for the fetch. It goes on afterwards.
const RENEWAL: Duration = Duration::from_secs(2);

/// How many fetches within ten pauses may begin before their pause is over, for keys that were not looked for yet.
const EARLY: usize = 4;

/// The longest name of a key for which a fetch begins before the pause is over, in bytes.
const LONGEST_NAME: usize = 256;

/// When keys are fetched.
#[derive(Debug, Clone, Copy)]
pub(super) struct Freshness {
    /// Keys older than this are used only where they cannot be fetched anew.
    pub(super) max_age: Duration,
    /// Keys older than this are not used.
    pub(super) max_stale: Duration,
    /// How long no fetch begins after another one, but for a few that look for a new key.
    pub(super) pause: Duration,
}

/// Where the keys are.
#[derive(Debug)]
pub(super) enum Origin {
    KeySet(Url),
    /// The issuer's metadata names the key set.
    Issuer {
        /// The issuer as it is configured, to the letter.
        name: String,
        url: Url,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KeySet(url) => url.fmt(f),
            Self::Issuer { name, .. } => f.write_str(name),
        }
    }
}

/// The keys of one issuer.
#[derive(Debug)]
pub(super) struct JwksCache {
    fetch: Arc<dyn FetchJwks>,
    origin: Origin,
    freshness: Freshness,
    known: RwLock<Known>,
    /// One fetch at a time. Who finds its key among fresh ones never waits for it.
    flight: Mutex<()>,
    /// Logs once that the issuer calls itself otherwise.
    told: Once,
}

#[derive(Debug, Default)]
struct Known {
    keys: Option<(Arc<KeySet>, Instant)>,
    /// When a fetch began for the last time.
    tried: Option<Instant>,
    /// Whether that one brought no keys.
    failed: bool,
    /// Why it did not.
    error: Option<String>,
    /// When fetches began before their pause was over.
    early: Vec<Instant>,
    /// The keys that were looked for within this pause, and are none of the issuer's.
    looked_for: Vec<String>,
}

/// What is known of a token's key.
enum Found {
    /// Among keys that are fresh.
    Fresh(Arc<KeySet>),
    /// Among keys that should be fetched anew.
    Old(Arc<KeySet>),
    /// Not among these keys, which are as fresh as this.
    Unknown(Instant, Arc<KeySet>),
    /// There are no keys that could be used.
    Nothing,
}

impl JwksCache {
    pub(super) fn new(fetch: Arc<dyn FetchJwks>, origin: Origin, freshness: Freshness) -> Self {
        Self { fetch, origin, freshness, known: RwLock::default(), flight: Mutex::default(), told: Once::new() }
    }

    /// Looks for the key of a token and hands the candidates to `check`.
    ///
    /// INVARIANT: of any number of callers with unknown keys, one fetches, and few within the pause after a fetch
    /// (`a_flood_of_unknown_keys_causes_one_fetch`, `a_flood_of_different_unknown_keys_causes_few_fetches`).
    ///
    /// INVARIANT: a key that the issuer has withdrawn is not used once it is older than it may be, unless the issuer does not answer
    /// (`a_withdrawn_key_is_not_used_after_its_age_however_quiet_it_was`).
    pub(super) async fn with_candidates<T>(
        self: &Arc<Self>,
        id: Option<&str>,
        algorithm: JwtAlgorithm,
        check: impl Fn(&[&DecodingKey]) -> Result<T, AuthError>,
    ) -> Result<T, AuthError> {
        let began = Instant::now();
        let before = match self.find(id, algorithm) {
            Found::Fresh(set) => return check(&set.candidates(id, algorithm)),
            Found::Unknown(_, set) if set.settles(id, algorithm) => {
                return Err(AuthError::invalid(
                    "the issuer has no key of this name for the token's algorithm, or several and the token names none",
                )
                .with_reason(RefusalReason::Signature));
            }
            before => before,
        };
        let wait = if let Found::Old(_) = before { RENEWAL } else { LONGEST };
        // In a task of its own: a caller who goes away takes no fetch along that others wait for.
        let (cache, key) = (Arc::clone(self), id.map(str::to_owned));
        let fetching = tokio::spawn(async move { cache.renew(key.as_deref(), algorithm, began).await });
        let in_time = tokio::time::timeout(wait, fetching).await.is_ok();
        match self.find(id, algorithm) {
            // Old ones where the issuer does not answer: its keys are used for a while longer.
            Found::Fresh(set) | Found::Old(set) => check(&set.candidates(id, algorithm)),
            Found::Unknown(at, _) if in_time && at >= began => {
                Err(AuthError::invalid("the token is signed with a key that the issuer does not publish")
                    .with_reason(RefusalReason::Signature))
            }
            Found::Unknown(..) => Err(AuthError::unavailable(
                "the token is signed with a key that is not known yet, and the issuer was asked for its keys a moment ago; try again",
            )),
            Found::Nothing => Err(AuthError::unavailable("the issuer's keys cannot be read now; try again")),
        }
    }

    /// Whether there are keys that can be used; they are fetched where there are none. What is wrong otherwise.
    pub(super) async fn ready(self: &Arc<Self>) -> Result<(), String> {
        if self.has_keys() {
            return Ok(());
        }
        let cache = Arc::clone(self);
        let fetching = tokio::spawn(async move {
            let _flight = cache.flight.lock().await;
            if !cache.has_keys() && cache.write().may_renew(cache.freshness.pause) {
                cache.fetch_now().await;
            }
        });
        let _ = tokio::time::timeout(LONGEST, fetching).await;
        if self.has_keys() {
            return Ok(());
        }
        let why = self.write().error.clone().unwrap_or_else(|| "it does not answer".to_owned());
        Err(format!("no key of the issuer `{}` can be read: {why}", self.origin))
    }

    fn has_keys(&self) -> bool {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.keys.as_ref().is_some_and(|(_, at)| at.elapsed() < self.freshness.max_stale)
    }

    fn find(&self, id: Option<&str>, algorithm: JwtAlgorithm) -> Found {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let Some((set, at)) = &known.keys else { return Found::Nothing };
        let (age, there) = (at.elapsed(), !set.candidates(id, algorithm).is_empty());
        if age >= self.freshness.max_stale {
            Found::Nothing
        } else if age < self.freshness.max_age {
            if there { Found::Fresh(Arc::clone(set)) } else { Found::Unknown(*at, Arc::clone(set)) }
        } else if there {
            Found::Old(Arc::clone(set))
        } else {
            Found::Nothing
        }
    }

    /// Fetches the keys for a caller who has begun to look at some time: where no other fetch has ended since, and it may be.
    async fn renew(&self, id: Option<&str>, algorithm: JwtAlgorithm, began: Instant) {
        let _flight = self.flight.lock().await;
        let may = match self.find(id, algorithm) {
            Found::Fresh(_) => false,
            Found::Unknown(at, _) if at > began => false,
            Found::Unknown(..) => self.write().may_look_for(id, self.freshness.pause),
            Found::Old(_) | Found::Nothing => self.write().may_renew(self.freshness.pause),
        };
        if may {
            self.fetch_now().await;
        }
    }

    fn write(&self) -> RwLockWriteGuard<'_, Known> {
        self.known.write().unwrap_or_else(PoisonError::into_inner)
    }

    async fn fetch_now(&self) {
        let fetched = match tokio::time::timeout(LONGEST, self.read()).await {
            Ok(fetched) => fetched,
            Err(_) => Err("the issuer did not answer in time".to_owned()),
        };
        let mut known = self.write();
        known.failed = fetched.is_err();
        match fetched {
            Ok(set) => known.keys = Some((Arc::new(set), Instant::now())),
            Err(error) => {
                known.error = Some(error.clone());
                tracing::warn!(issuer = %self.origin, error, "the issuer's keys could not be fetched: tokens are not accepted without them");
            }
        }
    }

    async fn read(&self) -> Result<KeySet, String> {
        let url = match &self.origin {
            Origin::KeySet(url) => url.clone(),
            Origin::Issuer { name, url } => {
                let published = published(&*self.fetch, url).await?;
                if published.issuer != *name {
                    self.told.call_once(|| tell_of_another_spelling(name, &published.issuer));
                }
                published.jwks_uri
            }
        };
        KeySet::read(&self.fetch.fetch(&url).await.map_err(|error| error.to_string())?)
    }
}

/// An issuer that spells its name otherwise puts that spelling into its tokens, which are compared byte for byte.
fn tell_of_another_spelling(configured: &str, stated: &str) {
    tracing::warn!(
        configured,
        stated = %cleaned(stated, 256),
        "the issuer's metadata states another spelling of its name than the configured one: tokens that state it are refused as those of \
         another issuer, and clients may refuse to sign in; configure the issuer as the metadata states it"
    );
}

/// Both note the attempt before it is made.
impl Known {
    /// Whether keys may be fetched because they are old or not there: not right after an attempt that failed.
    fn may_renew(&mut self, pause: Duration) -> bool {
        let may = !self.failed || self.tried.is_none_or(|tried| tried.elapsed() >= pause);
        if may {
            self.begin();
        }
        may
    }

    /// Whether keys may be fetched because a token names one that is not among them.
    fn may_look_for(&mut self, id: Option<&str>, pause: Duration) -> bool {
        if self.tried.is_none_or(|tried| tried.elapsed() >= pause) {
            self.looked_for.clear();
        } else {
            self.early.retain(|began| began.elapsed() < pause * 10);
            let new = id.filter(|id| id.len() <= LONGEST_NAME && !self.looked_for.iter().any(|known| known == id));
            if new.is_none() || self.early.len() >= EARLY {
                return false;
            }
            self.early.push(Instant::now());
        }
        self.looked_for.extend(id.filter(|id| id.len() <= LONGEST_NAME).map(str::to_owned));
        self.begin();
        true
    }

    fn begin(&mut self) {
        self.tried = Some(Instant::now());
        // Until it has brought keys.
        self.failed = true;
    }
}
