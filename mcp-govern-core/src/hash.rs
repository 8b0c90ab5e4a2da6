//! SHA-256 and HMAC-SHA-256: in pure Rust, or with the feature `aws-lc` by the assembly of AWS-LC, which takes half the time on
//! processors that have no instructions for it. Both give the same bytes.

#[cfg(feature = "aws-lc")]
pub(crate) use self::assembly::{Keyed, sha256};
#[cfg(not(feature = "aws-lc"))]
pub(crate) use self::portable::{Keyed, sha256};

#[cfg(feature = "aws-lc")]
mod assembly {
    use aws_lc_rs::{digest, hmac};

    pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
        exactly(digest::digest(&digest::SHA256, bytes).as_ref())
    }

    /// HMAC-SHA-256 with the key taken in: the key itself is not kept.
    #[derive(Clone)]
    pub(crate) struct Keyed(hmac::Key);

    impl Keyed {
        pub(crate) fn new(key: [u8; 32]) -> Self {
            Self(hmac::Key::new(hmac::HMAC_SHA256, &key))
        }

        pub(crate) fn mac(&self, message: &[u8]) -> [u8; 32] {
            exactly(hmac::sign(&self.0, message).as_ref())
        }
    }

    /// Both functions give 32 bytes, in a type that does not say so.
    fn exactly(bytes: &[u8]) -> [u8; 32] {
        let mut whole = [0; 32];
        for (to, from) in whole.iter_mut().zip(bytes) {
            *to = *from;
        }
        whole
    }
}

#[cfg(any(test, not(feature = "aws-lc")))]
mod portable {
    use hmac::{Hmac, KeyInit, Mac};
    use sha2::{Digest as _, Sha256};

    pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
        Sha256::digest(bytes).into()
    }

    /// HMAC-SHA-256 with the key taken in: the key itself is not kept.
    #[derive(Clone)]
    pub(crate) struct Keyed(Hmac<Sha256>);

    impl Keyed {
        pub(crate) fn new(key: [u8; 32]) -> Self {
            // HMAC pads a key that is shorter than a block with zeros (RFC 2104, section 2).
            let mut block = [0_u8; 64];
            for (to, from) in block.iter_mut().zip(key) {
                *to = from;
            }
            Self(Hmac::new(&block.into()))
        }

        pub(crate) fn mac(&self, message: &[u8]) -> [u8; 32] {
            self.0.clone().chain_update(message).finalize().into_bytes().into()
        }
    }
}

#[cfg(all(test, feature = "aws-lc"))]
mod tests {
    use super::*;

    #[test]
    fn both_implementations_give_the_same_bytes() {
        let data: Vec<u8> = (0..300).map(|n| u8::try_from(n % 251).unwrap()).collect();
        for length in [0, 1, 55, 56, 63, 64, 65, 127, 128, 300] {
            let part = &data[..length];
            assert_eq!(sha256(part), portable::sha256(part), "{length}");
            let (one, other) = (Keyed::new([7; 32]), portable::Keyed::new([7; 32]));
            assert_eq!(one.mac(part), other.mac(part), "{length}");
        }
    }
}
