//! By what a receiver knows that a request is ours and new: HMAC-SHA256 over time and body.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// Header with time and signature: `t=<seconds since 1970-01-01T00:00Z>,v1=<hexadecimal digits>`.
pub const SIGNATURE: &str = "SyncroBoard-Signature";
/// Header with the id of the delivery, which is the same in each attempt.
pub const DELIVERY: &str = "SyncroBoard-Delivery";
/// Header with the name of what is delivered.
pub const EVENT: &str = "SyncroBoard-Event";

/// What every secret begins with, so that it is known for what it is wherever it turns up.
pub const SECRET_PREFIX: &str = "whsec_";

/// A secret made of random bytes.
#[must_use]
pub fn secret(random: &[u8; 32]) -> String {
    format!("{SECRET_PREFIX}{}", URL_SAFE_NO_PAD.encode(random))
}

/// Value of the header [`SIGNATURE`]: over `<seconds>.<body>`, with the whole secret as it is shown, prefix and all, as the key.
#[must_use]
pub fn signature(secret: &str, seconds: i64, body: &str) -> String {
    use std::fmt::Write as _;
    let mut value = format!("t={seconds},v1=");
    for byte in signed(secret.as_bytes(), seconds, body) {
        // Writing to a text cannot fail.
        let _ = write!(value, "{byte:02x}");
    }
    value
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
fn signed(key: &[u8], seconds: i64, body: &str) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
    mac.update(format!("{seconds}.").as_bytes());
    mac.update(body.as_bytes());
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_what_openssl_says() {
        // printf '1700000000.{"id":1}' | openssl dgst -sha256 -hmac whsec_test
        let expected = "2f441ba4b3b2d50d28a9ab9d9fd8880376ecd1eb5d0435401553f5d8d0a5dcf8";
        assert_eq!(signature("whsec_test", 1_700_000_000, r#"{"id":1}"#), format!("t=1700000000,v1={expected}"));
    }

    #[test]
    fn another_time_body_or_secret_makes_another_signature() {
        let signed =
            |secret, seconds, body| signature(secret, seconds, body).split_once("v1=").map(|(_, v1)| v1.to_owned());
        let one = signed("whsec_a", 1, "body");
        assert!(one.as_ref().is_some_and(|one| one.len() == 64));
        for other in [signed("whsec_a", 2, "body"), signed("whsec_a", 1, "Body"), signed("whsec_b", 1, "body")] {
            assert_ne!(one, other);
        }
        // Where the time ends is part of what is signed.
        assert_ne!(signed("whsec_a", 1, "2.x"), signed("whsec_a", 12, ".x"));
    }

    #[test]
    fn a_secret_is_known_for_what_it_is_and_fits_into_a_line() {
        let secret = secret(&[255; 32]);
        assert_eq!((secret.len(), &secret[..6]), (49, SECRET_PREFIX));
        assert!(secret.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')), "{secret}");
    }
}
