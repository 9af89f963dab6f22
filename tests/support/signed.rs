//! What a post to a webhook must be signed with, by hand, as RFC 2104 and `docs/notifications.md` say. Shared with `connectors/tests/webhooks`.

use std::fmt::Display;

use sha2::{Digest as _, Sha256};

/// The header of a body that is signed with this secret at that second.
pub(crate) fn signature(secret: &str, seconds: impl Display, body: &str) -> String {
    let signed = hmac_sha256(secret.as_bytes(), format!("{seconds}.{body}").as_bytes());
    format!("t={seconds},v1={signed}")
}

fn hmac_sha256(key: &[u8], text: &[u8]) -> String {
    const BLOCK: usize = 64;
    assert!(key.len() <= BLOCK);
    let padded = |with: u8| (0..BLOCK).map(|n| key.get(n).copied().unwrap_or(0) ^ with).collect::<Vec<u8>>();
    let inner = Sha256::new().chain_update(padded(0x36)).chain_update(text).finalize();
    let outer = Sha256::new().chain_update(padded(0x5c)).chain_update(inner).finalize();
    outer
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)]))
        .collect()
}
