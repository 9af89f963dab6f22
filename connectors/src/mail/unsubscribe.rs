//! The token in the link by which somebody who is not signed in can say that they want no more mails.
//!
//! `base64url(user id, 16 bytes; HMAC-SHA256 over a prefix and the id, 32 bytes)`, without padding: 64 characters. It does not
//! expire, as old mails must still unsubscribe. It lets its holder unsubscribe that one user, and nothing else.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use uuid::Uuid;

/// Nothing else that is signed with the same key begins with this.
const PURPOSE: &[u8] = b"syncroboard/unsubscribe/v1\0";

/// What a key is derived from may sign other things too: they have other purposes.
const KEY_PURPOSE: &[u8] = b"syncroboard/unsubscribe-key/v1\0";

/// The key for these tokens that is derived from a secret. Nobody comes from the key to the secret.
#[must_use]
pub fn derived_key(secret: &[u8]) -> Vec<u8> {
    let mut mac = keyed(secret);
    mac.update(KEY_PURPOSE);
    mac.finalize().into_bytes().to_vec()
}

/// The token that unsubscribes this user.
#[must_use]
pub fn sign(key: &[u8], user_id: &Uuid) -> String {
    let signature = signed(key, user_id).finalize().into_bytes();
    URL_SAFE_NO_PAD.encode([user_id.as_bytes(), signature.as_slice()].concat())
}

/// Whom a token unsubscribes; none: it was not signed with this key. Signatures are compared in constant time.
#[must_use]
pub fn verify(key: &[u8], token: &str) -> Option<Uuid> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let (id, signature) = bytes.split_first_chunk()?;
    let user_id = Uuid::from_bytes(*id);
    signed(key, &user_id).verify_slice(signature).ok()?;
    Some(user_id)
}

fn signed(key: &[u8], user_id: &Uuid) -> Hmac<Sha256> {
    let mut mac = keyed(key);
    mac.update(PURPOSE);
    mac.update(user_id.as_bytes());
    mac
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("a key of any length")
}
