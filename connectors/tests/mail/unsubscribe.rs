//! The token that unsubscribes.

use uuid::Uuid;

use crate::mail::unsubscribe::{derived_key, sign, verify};
use crate::{ADA, KEY};

#[test]
fn should_know_whom_its_own_token_unsubscribes() {
    for user in [ADA, Uuid::nil(), Uuid::max()] {
        let token = sign(KEY, &user);
        assert_eq!(verify(KEY, &token), Some(user));
        assert_eq!(token.len(), 64);
        assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{token}");
    }
}

#[test]
fn should_refuse_every_token_that_was_changed() {
    let token = sign(KEY, &ADA);
    for at in 0..token.len() {
        let mut forged = token.clone().into_bytes();
        forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
        let forged = String::from_utf8(forged).unwrap();
        assert_eq!(verify(KEY, &forged), None, "{forged}");
    }
}

#[test]
fn should_refuse_tokens_of_another_key_and_what_is_no_token() {
    let token = sign(KEY, &ADA);
    assert_eq!(verify(b"another key of that length..", &token), None);
    let padded = format!("{token}=");
    for forged in ["", "A", "AAAA", &token[..63], &token[..60], &token[..22], &padded, "á", " ", &token.repeat(2)] {
        assert_eq!(verify(KEY, forged), None, "{forged}");
    }
}

#[test]
fn should_derive_a_key_of_its_own_from_each_secret() {
    let key = derived_key(b"a secret");
    assert_eq!((key.len(), derived_key(b"a secret")), (32, key.clone()));
    assert_ne!(derived_key(b"a secreu"), key);
    // It is not what the secret itself signs.
    assert_eq!(verify(&key, &sign(b"a secret", &ADA)), None);
}
