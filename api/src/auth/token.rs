//! Bearer tokens: JWT, signed with HMAC-SHA256 under the installation's secret.
//!
//! A token must carry `sub` (the user's id), `email`, `iss`, `aud`, `exp` and `nbf`; no other algorithm is taken, and a
//! token whose `sub` is not the id of its `email` is refused.

use std::time::Duration;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use schemas::ids;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

const ISSUER: &str = "syncroboard";
const AUDIENCE: &str = "syncroboard-api";
/// RFC 7518, section 3.2: a key of at least the hash's size.
const SECRET_MIN_BYTES: usize = 32;
/// Clocks differ a little.
const LEEWAY_SECONDS: u64 = 5;

/// The key that tokens are signed with. It never shows up in logs.
#[derive(Clone)]
pub struct Secret {
    hex: String,
    encoding: EncodingKey,
    decoding: DecodingKey,
}

impl Secret {
    /// A secret of at least 32 bytes.
    ///
    /// # Errors
    /// [`TokenError::SecretTooShort`].
    pub fn new(bytes: &[u8]) -> Result<Self, TokenError> {
        if bytes.len() < SECRET_MIN_BYTES {
            return Err(TokenError::SecretTooShort { bytes: bytes.len() });
        }
        let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or_default();
        let hex = bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect();
        Ok(Self { hex, encoding: EncodingKey::from_secret(bytes), decoding: DecodingKey::from_secret(bytes) })
    }

    /// A new random secret: 244 random bits from the operating system.
    ///
    /// # Errors
    /// None that can happen; the length is checked as in [`Self::new`].
    pub fn generate() -> Result<Self, TokenError> {
        let mut bytes = Vec::with_capacity(SECRET_MIN_BYTES);
        bytes.extend_from_slice(Uuid::new_v4().as_bytes());
        bytes.extend_from_slice(Uuid::new_v4().as_bytes());
        Self::new(&bytes)
    }

    /// Reads what [`Self::to_hex`] wrote; white space around it does not matter.
    ///
    /// # Errors
    /// [`TokenError::SecretNotHex`] or [`TokenError::SecretTooShort`].
    pub fn from_hex(text: &str) -> Result<Self, TokenError> {
        let text = text.trim();
        if !text.len().is_multiple_of(2) || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(TokenError::SecretNotHex);
        }
        let pairs = (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16));
        let bytes: Vec<u8> = pairs.collect::<Result<_, _>>().map_err(|_| TokenError::SecretNotHex)?;
        Self::new(&bytes)
    }

    /// The secret as text, for the file in the data directory: lower case, however it was given.
    #[must_use]
    pub fn to_hex(&self) -> &str {
        &self.hex
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Whom a token names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Id of the user: that of the e-mail.
    pub user_id: Uuid,
    /// E-mail in lower case.
    pub email: String,
    /// Name for people.
    pub name: String,
    /// Whether the user is an administrator.
    pub admin: bool,
}

impl Identity {
    /// The person with this e-mail.
    #[must_use]
    pub fn new(email: &str, name: &str, admin: bool) -> Self {
        let email = email.trim().to_lowercase();
        Self { user_id: ids::user_id(&email), email, name: name.to_owned(), admin }
    }
}

/// Why a token cannot be made or is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The secret has fewer than 32 bytes.
    #[error("the secret has {bytes} bytes, it must have at least {SECRET_MIN_BYTES}")]
    SecretTooShort {
        /// How many it has.
        bytes: usize,
    },
    /// The secret is not hexadecimal.
    #[error("the secret is not written in hexadecimal digits")]
    SecretNotHex,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// Its time has not come.
    #[error("the token is not valid yet")]
    NotYet,
    /// A claim is missing, or is not what it must be.
    #[error("the token's claim {0:?} is missing or wrong")]
    Claim(String),
    /// Not a token, not signed by this installation, or with another algorithm.
    #[error("the token is not one that this server has signed")]
    Invalid,
    /// The token could not be signed.
    #[error("the token could not be signed")]
    Signing,
}

#[derive(Serialize)]
struct Claims<'a> {
    sub: Uuid,
    email: &'a str,
    name: &'a str,
    admin: bool,
    iss: &'a str,
    aud: &'a str,
    iat: u64,
    nbf: u64,
    exp: u64,
}

/// What is read back; the registered claims are the validation's, which says which one is missing.
#[derive(Deserialize)]
struct Named {
    sub: Option<Uuid>,
    #[serde(default)]
    email: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    admin: bool,
    #[serde(default)]
    exp: serde_json::Value,
}

/// Makes a token for someone, valid from now for `ttl`.
///
/// # Errors
/// [`TokenError::Signing`].
pub fn issue_token(secret: &Secret, identity: &Identity, ttl: Duration) -> Result<String, TokenError> {
    let now = jsonwebtoken::get_current_timestamp();
    let claims = Claims {
        sub: identity.user_id,
        email: &identity.email,
        name: &identity.name,
        admin: identity.admin,
        iss: ISSUER,
        aud: AUDIENCE,
        iat: now,
        nbf: now,
        exp: now.saturating_add(ttl.as_secs()),
    };
    encode(&Header::new(Algorithm::HS256), &claims, &secret.encoding).map_err(|_| TokenError::Signing)
}

/// Checks a token and says whom it names.
///
/// # Errors
/// Any [`TokenError`] about tokens; it does not say more than the holder may know.
pub fn verify_token(secret: &Secret, token: &str) -> Result<Identity, TokenError> {
    verify_with_end(secret, token).map(|(identity, _)| identity)
}

/// As [`verify_token`], with the last second, since 1970-01-01T00:00Z, at which the token is taken.
pub(super) fn verify_with_end(secret: &Secret, token: &str) -> Result<(Identity, Option<u64>), TokenError> {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.leeway = LEEWAY_SECONDS;
    validation.validate_nbf = true;
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[AUDIENCE]);
    validation.set_required_spec_claims(&["sub", "iss", "aud", "exp", "nbf"]);
    let named: Named = decode(token, &secret.decoding, &validation).map_err(|error| refused(error.kind()))?.claims;
    let email = named.email.trim().to_lowercase();
    let user_id = named.sub.filter(|&sub| !email.is_empty() && sub == ids::user_id(&email));
    let user_id = user_id.ok_or_else(|| TokenError::Claim("sub".to_owned()))?;
    let end = named.exp.as_u64().map(|exp| exp.saturating_add(LEEWAY_SECONDS));
    Ok((Identity { user_id, email, name: named.name, admin: named.admin }, end))
}

fn refused(kind: &ErrorKind) -> TokenError {
    match kind {
        ErrorKind::ExpiredSignature => TokenError::Expired,
        ErrorKind::ImmatureSignature => TokenError::NotYet,
        ErrorKind::MissingRequiredClaim(claim) | ErrorKind::InvalidClaimFormat(claim) => {
            TokenError::Claim(claim.clone())
        }
        ErrorKind::InvalidIssuer => TokenError::Claim("iss".to_owned()),
        ErrorKind::InvalidAudience => TokenError::Claim("aud".to_owned()),
        _ => TokenError::Invalid,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn secret() -> Secret {
        Secret::new(&[7; 32]).unwrap()
    }

    fn signed(claims: &Value, algorithm: Algorithm) -> String {
        encode(&Header::new(algorithm), claims, &secret().encoding).unwrap()
    }

    fn good() -> Value {
        let now = jsonwebtoken::get_current_timestamp();
        json!({ "sub": ids::user_id("ada@example.org"), "email": "ada@example.org", "name": "Ada", "admin": false,
                "iss": ISSUER, "aud": AUDIENCE, "iat": now, "nbf": now, "exp": now + 60 })
    }

    #[test]
    fn should_take_a_token_it_issued() {
        let identity = Identity::new(" Ada@Example.org ", "Ada", true);
        let token = issue_token(&secret(), &identity, Duration::from_mins(1)).unwrap();
        assert_eq!(verify_token(&secret(), &token).unwrap(), identity);
        assert_eq!(identity.user_id, ids::user_id("ada@example.org"));
    }

    #[test]
    fn should_refuse_each_claim_that_is_missing_or_wrong() {
        let now = jsonwebtoken::get_current_timestamp();
        assert!(verify_token(&secret(), &signed(&good(), Algorithm::HS256)).is_ok());
        for (claim, value) in [
            ("exp", Value::Null),
            ("exp", json!(now - 60)),
            ("nbf", Value::Null),
            ("nbf", json!(now + 600)),
            ("aud", Value::Null),
            ("aud", json!("another-service")),
            ("iss", Value::Null),
            ("iss", json!("someone")),
            ("sub", Value::Null),
            ("sub", json!(Uuid::nil())),
            ("email", json!("eve@example.org")),
        ] {
            let mut claims = good();
            if value.is_null() {
                claims.as_object_mut().unwrap().remove(claim);
            } else {
                claims[claim] = value.clone();
            }
            let refused = verify_token(&secret(), &signed(&claims, Algorithm::HS256));
            assert!(refused.is_err(), "{claim} = {value}");
        }
    }

    #[test]
    fn should_refuse_other_algorithms_and_other_keys() {
        assert_eq!(verify_token(&secret(), &signed(&good(), Algorithm::HS512)), Err(TokenError::Invalid));
        let other = Secret::new(&[8; 32]).unwrap();
        let token = signed(&good(), Algorithm::HS256);
        assert_eq!(verify_token(&other, &token), Err(TokenError::Invalid));
        // {"alg":"none","typ":"JWT"}, the same claims, no signature.
        let payload = token.split('.').nth(1).unwrap();
        let unsigned = format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{payload}.");
        assert_eq!(verify_token(&secret(), &unsigned), Err(TokenError::Invalid));
        for junk in ["", ".", "..", "a.b.c", "\u{0}", &"x".repeat(10_000)] {
            assert_eq!(verify_token(&secret(), junk), Err(TokenError::Invalid), "{junk:.20}");
        }
    }

    #[test]
    fn should_keep_the_secret_out_of_debug_output_and_read_it_back_from_hex() {
        let made = Secret::generate().unwrap();
        assert_eq!(format!("{made:?}"), "Secret(..)");
        assert_eq!(Secret::from_hex(&format!("{}\n", made.to_hex())).unwrap().to_hex(), made.to_hex());
        assert!(matches!(Secret::from_hex("zz"), Err(TokenError::SecretNotHex)));
        assert!(matches!(Secret::from_hex("abcd"), Err(TokenError::SecretTooShort { bytes: 2 })));
    }
}
