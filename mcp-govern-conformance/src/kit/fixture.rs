//! One stand-in and one governor for many cases.

use std::fmt;

use crate::{
    Failure, Harness, Verdict,
    kit::{ProviderKit, replaceable::Replaceable},
    wire::SentRequest,
};

/// A stand-in of a [`ProviderKit`] and a governor with its tools approved, for many cases one after the other.
///
/// [`Fixture::renew`] gives the next case a stand-in in its first state and rate limits that count from nothing: both without opening
/// another governor, which reviews and digests every tool.
pub struct Fixture<'k, K: ProviderKit> {
    kit: &'k K,
    replaceable: Replaceable,
    stand_in: K::StandIn,
    harness: Harness,
}

impl<'k, K: ProviderKit> Fixture<'k, K> {
    /// The text of the credential that the governor holds and the stand-in accepts.
    pub const SECRET: &'static str = "the-key-of-the-fixture";

    /// With every tool that a server of [`ProviderKit::spec`] offers.
    ///
    /// # Errors
    ///
    /// When the governor cannot be opened; the sentence names the step.
    pub async fn open(kit: &'k K) -> Result<Self, Failure> {
        Self::open_only(kit, &[]).await
    }

    /// With these tools alone, and those that they use; none named means all.
    ///
    /// # Errors
    ///
    /// As [`Fixture::open`].
    pub async fn open_only(kit: &'k K, tools: &[&str]) -> Result<Self, Failure> {
        let stand_in = kit.start(Self::SECRET).await;
        let replaceable = Replaceable::new(ProviderKit::provider(kit));
        let spec = ProviderKit::spec(kit, K::seen(&stand_in).base_url);
        let mut builder = Harness::builder(replaceable.clone(), spec);
        builder = builder.with_credential(ProviderKit::credential(kit, Self::SECRET));
        if !tools.is_empty() {
            builder = builder.with_only(tools.iter().copied());
        }
        Ok(Self { kit, replaceable, stand_in, harness: builder.open().await? })
    }

    /// Puts the stand-in back into its first state, and lets rate limits count from nothing.
    ///
    /// # Errors
    ///
    /// When the provider does not open the server again.
    pub fn renew(&self) -> Verdict {
        K::reset(&self.stand_in);
        self.renew_limits()
    }

    /// Lets rate limits count from nothing, and leaves the stand-in as it is.
    ///
    /// # Errors
    ///
    /// When the provider does not open the server again.
    pub fn renew_limits(&self) -> Verdict {
        Ok(self.replaceable.replace(&*ProviderKit::provider(self.kit))?)
    }

    /// The governor.
    pub fn harness(&self) -> &Harness {
        &self.harness
    }

    /// The stand-in.
    pub fn stand_in(&self) -> &K::StandIn {
        &self.stand_in
    }

    /// Every request that the stand-in has seen since it was renewed.
    pub fn requests(&self) -> Vec<SentRequest> {
        K::seen(&self.stand_in).requests
    }

    /// Takes it apart: the stand-in and the governor.
    pub fn into_parts(self) -> (K::StandIn, Harness) {
        (self.stand_in, self.harness)
    }
}

impl<K: ProviderKit> fmt::Debug for Fixture<'_, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fixture").field("harness", &self.harness).finish_non_exhaustive()
    }
}
