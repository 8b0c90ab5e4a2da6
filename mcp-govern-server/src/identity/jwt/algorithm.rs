//! The signature algorithms that a token may use.

use jsonwebtoken::{
    Algorithm,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm},
};

/// A signature algorithm of RFC 7518 or RFC 8037 with a public key. Shared secrets and `none` do not exist here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum JwtAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PSS with SHA-384.
    Ps384,
    /// RSASSA-PSS with SHA-512.
    Ps512,
    /// ECDSA over P-256 with SHA-256.
    Es256,
    /// ECDSA over P-384 with SHA-384.
    Es384,
    /// Ed25519.
    EdDsa,
}

impl JwtAlgorithm {
    /// All nine.
    pub const ALL: [Self; 9] = [
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::EdDsa,
    ];

    pub(super) fn to_library(self) -> Algorithm {
        match self {
            Self::Rs256 => Algorithm::RS256,
            Self::Rs384 => Algorithm::RS384,
            Self::Rs512 => Algorithm::RS512,
            Self::Ps256 => Algorithm::PS256,
            Self::Ps384 => Algorithm::PS384,
            Self::Ps512 => Algorithm::PS512,
            Self::Es256 => Algorithm::ES256,
            Self::Es384 => Algorithm::ES384,
            Self::EdDsa => Algorithm::EdDSA,
        }
    }

    pub(super) fn of_library(algorithm: Algorithm) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.to_library() == algorithm)
    }

    /// What a key may be used with: by its type and curve, and by what it says itself. Nothing for a shared secret.
    pub(super) fn of_key(key: &Jwk) -> Vec<Self> {
        let by_type: &[Self] = match &key.algorithm {
            AlgorithmParameters::RSA(_) => {
                &[Self::Rs256, Self::Rs384, Self::Rs512, Self::Ps256, Self::Ps384, Self::Ps512]
            }
            AlgorithmParameters::EllipticCurve(key) => match key.curve {
                EllipticCurve::P256 => &[Self::Es256],
                EllipticCurve::P384 => &[Self::Es384],
                _ => &[],
            },
            AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => &[Self::EdDsa],
            _ => &[],
        };
        let says = key.common.key_algorithm.map(named);
        by_type.iter().copied().filter(|algorithm| says.is_none_or(|says| says == Some(*algorithm))).collect()
    }
}

fn named(algorithm: KeyAlgorithm) -> Option<JwtAlgorithm> {
    match algorithm {
        KeyAlgorithm::RS256 => Some(JwtAlgorithm::Rs256),
        KeyAlgorithm::RS384 => Some(JwtAlgorithm::Rs384),
        KeyAlgorithm::RS512 => Some(JwtAlgorithm::Rs512),
        KeyAlgorithm::PS256 => Some(JwtAlgorithm::Ps256),
        KeyAlgorithm::PS384 => Some(JwtAlgorithm::Ps384),
        KeyAlgorithm::PS512 => Some(JwtAlgorithm::Ps512),
        KeyAlgorithm::ES256 => Some(JwtAlgorithm::Es256),
        KeyAlgorithm::ES384 => Some(JwtAlgorithm::Es384),
        KeyAlgorithm::EdDSA => Some(JwtAlgorithm::EdDsa),
        _ => None,
    }
}
