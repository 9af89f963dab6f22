//! Tokens that were verified, so that a signature is computed once for each and not for each request.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::token::{Identity, Secret, TokenError, verify_with_end};

/// Tokens of one generation; there are two.
const GENERATION: usize = 10_000;

/// Tokens longer than this are verified each time.
const MAX_BYTES: usize = 4_096;

/// Tokens that were found good, until they expire or others need the room.
#[derive(Default)]
pub(crate) struct Verified(Mutex<Generations>);

#[derive(Default)]
struct Generations {
    young: HashMap<Box<str>, Known>,
    old: HashMap<Box<str>, Known>,
}

#[derive(Clone)]
struct Known {
    identity: Arc<Identity>,
    /// The last second at which the token is taken.
    end: u64,
}

impl Verified {
    /// Checks a token and says whom it names.
    pub(crate) fn verify(&self, secret: &Secret, token: &str) -> Result<Arc<Identity>, TokenError> {
        self.verify_at(secret, token, jsonwebtoken::get_current_timestamp())
    }

    fn verify_at(&self, secret: &Secret, token: &str, now: u64) -> Result<Arc<Identity>, TokenError> {
        // Of one that has expired the verification says so.
        if let Some(known) = self.find(token).filter(|known| now <= known.end) {
            return Ok(known.identity);
        }
        let (identity, end) = verify_with_end(secret, token)?;
        let identity = Arc::new(identity);
        if let Some(end) = end.filter(|_| token.len() <= MAX_BYTES) {
            self.keep(token.into(), Known { identity: identity.clone(), end });
        }
        Ok(identity)
    }

    fn find(&self, token: &str) -> Option<Known> {
        let mut tokens = self.0.lock();
        if let Some(known) = tokens.young.get(token) {
            return Some(known.clone());
        }
        let (token, known) = tokens.old.remove_entry(token)?;
        tokens.young.insert(token, known.clone());
        Some(known)
    }

    fn keep(&self, token: Box<str>, known: Known) {
        let mut tokens = self.0.lock();
        if tokens.young.len() >= GENERATION {
            tokens.old = std::mem::take(&mut tokens.young);
        }
        tokens.young.insert(token, known);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::auth::issue_token;

    #[test]
    fn should_verify_once_and_never_after_the_end() -> Result<(), TokenError> {
        let (secret, verified) = (Secret::generate()?, Verified::default());
        let ada = Identity::new("ada@example.org", "Ada", false);
        let token = issue_token(&secret, &ada, Duration::from_mins(1))?;
        let now = jsonwebtoken::get_current_timestamp();
        let first = verified.verify_at(&secret, &token, now)?;
        assert!(Arc::ptr_eq(&first, &verified.verify_at(&secret, &token, now + 30)?), "the same, not made again");
        assert_eq!(*first, ada);
        // Past its end, what was kept does not count: it is verified again, by the real clock, which takes it still.
        assert!(!Arc::ptr_eq(&first, &verified.verify_at(&secret, &token, now + 3_600)?));
        assert!(verified.find(&token).is_some_and(|known| known.end <= now + 70));
        Ok(())
    }

    #[test]
    fn should_keep_no_bad_token_and_no_more_than_there_is_room_for() -> Result<(), TokenError> {
        let (secret, verified) = (Secret::generate()?, Verified::default());
        assert_eq!(verified.verify(&secret, "a.b.c"), Err(TokenError::Invalid));
        assert!(verified.find("a.b.c").is_none());
        let identity = Arc::new(Identity::new("ada@example.org", "Ada", false));
        for n in 0..3 * GENERATION {
            verified.keep(n.to_string().into(), Known { identity: identity.clone(), end: 1 });
            assert!(verified.find("0").is_some(), "one in use stays");
        }
        let tokens = verified.0.lock();
        assert!(tokens.young.len() + tokens.old.len() <= 2 * GENERATION + 1);
        Ok(())
    }
}
