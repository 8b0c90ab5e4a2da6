//! An issuer's key set.

use jsonwebtoken::{
    DecodingKey,
    jwk::{Jwk, KeyOperations, PublicKeyUse},
};
use serde::Deserialize;
use serde_json::Value;

use super::JwtAlgorithm;

/// The most keys of a set that are looked at.
const MOST_KEYS: usize = 100;

/// The keys of an issuer that can check signatures.
#[derive(Debug)]
pub(super) struct KeySet {
    keys: Vec<Key>,
}

#[derive(Debug)]
struct Key {
    id: Option<String>,
    algorithms: Vec<JwtAlgorithm>,
    verifies: DecodingKey,
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

impl KeySet {
    /// Reads a key set. Keys of kinds that cannot check a signature here are left out: they do not spoil the others.
    pub(super) fn read(document: &[u8]) -> Result<Self, String> {
        let document: Document =
            serde_json::from_slice(document).map_err(|error| format!("the answer is not a key set: {error}"))?;
        let keys: Vec<Key> = document.keys.into_iter().take(MOST_KEYS).filter_map(Key::read).collect();
        if keys.is_empty() {
            Err("the key set holds no key that checks signatures".to_owned())
        } else {
            Ok(Self { keys })
        }
    }

    /// Whether a token cannot be checked whatever else the issuer publishes: its key is there and for other algorithms, or it names none
    /// where there are several.
    pub(super) fn settles(&self, id: Option<&str>, algorithm: JwtAlgorithm) -> bool {
        match id {
            Some(id) => self.keys.iter().any(|key| key.id.as_deref() == Some(id)),
            None => self.keys.iter().filter(|key| key.algorithms.contains(&algorithm)).nth(1).is_some(),
        }
    }

    /// The keys that a token may have been signed with: those of its key id; without one, the set's only key.
    pub(super) fn candidates(&self, id: Option<&str>, algorithm: JwtAlgorithm) -> Vec<&DecodingKey> {
        let fits = |key: &&Key| key.algorithms.contains(&algorithm) && (id.is_none() || key.id.as_deref() == id);
        let found: Vec<_> = self.keys.iter().filter(fits).map(|key| &key.verifies).collect();
        if id.is_none() && found.len() > 1 { Vec::new() } else { found }
    }
}

impl Key {
    fn read(value: Value) -> Option<Self> {
        let jwk: Jwk = serde_json::from_value(value).ok()?;
        let signs = jwk.common.public_key_use.as_ref().is_none_or(|purpose| *purpose == PublicKeyUse::Signature);
        let verifies = jwk.common.key_operations.as_ref().is_none_or(|all| all.contains(&KeyOperations::Verify));
        let algorithms = JwtAlgorithm::of_key(&jwk);
        if !signs || !verifies || algorithms.is_empty() {
            return None;
        }
        Some(Self { verifies: DecodingKey::from_jwk(&jwk).ok()?, id: jwk.common.key_id, algorithms })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const X: &str = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
    const Y: &str = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";

    fn read(keys: &Value) -> Result<KeySet, String> {
        KeySet::read(json!({"keys": keys}).to_string().as_bytes())
    }

    fn ec(id: &str) -> Value {
        json!({"kty": "EC", "crv": "P-256", "x": X, "y": Y, "kid": id})
    }

    #[test]
    fn a_key_is_found_by_its_id_and_used_with_its_own_algorithm_alone() {
        let set = read(&json!([ec("one"), ec("two")])).unwrap();
        assert_eq!(set.candidates(Some("two"), JwtAlgorithm::Es256).len(), 1);
        assert!(set.candidates(Some("two"), JwtAlgorithm::Rs256).is_empty());
        assert!(set.candidates(Some("two"), JwtAlgorithm::Es384).is_empty());
        assert!(set.candidates(Some("three"), JwtAlgorithm::Es256).is_empty());
        assert!(set.candidates(None, JwtAlgorithm::Es256).is_empty(), "which of the two is meant?");
        assert_eq!(read(&json!([ec("one")])).unwrap().candidates(None, JwtAlgorithm::Es256).len(), 1);
    }

    #[test]
    fn shared_secrets_encryption_keys_and_unknown_kinds_are_left_out() {
        let mut encrypts = ec("enc");
        encrypts["use"] = json!("enc");
        let mut other = ec("other");
        other["alg"] = json!("ECDH-ES");
        let mut derives = ec("derives");
        derives["key_ops"] = json!(["encrypt", "deriveKey"]);
        let junk = json!([
            {"kty": "oct", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0", "kid": "oct"},
            {"kty": "quantum", "kid": "q"},
            encrypts,
            other,
            derives,
            "no object",
        ]);
        assert!(read(&junk).is_err());
        let mut with_one = junk;
        let mut good = ec("good");
        good["key_ops"] = json!(["verify"]);
        with_one.as_array_mut().unwrap().push(good);
        assert_eq!(read(&with_one).unwrap().keys.len(), 1);
    }

    #[test]
    fn what_is_no_key_set_is_refused() {
        for text in ["", "<html>", "[]", "{}", r#"{"keys": 1}"#, r#"{"keys": []}"#] {
            assert!(KeySet::read(text.as_bytes()).is_err(), "{text}");
        }
    }
}
