//! What deliveries are signed with.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::AccountsError;

/// What each secret begins with, so that those who look for lost secrets know one.
const PREFIX: &str = "whsec_";
const BYTES: usize = 32;

/// A new one, of 32 bytes from the operating system, as URL-safe base64 without padding.
pub(super) fn draw() -> Result<String, AccountsError> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).map_err(|error| AccountsError::Random(error.to_string()))?;
    Ok(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_draw_another_one_each_time() {
        let [first, second] = [draw(), draw()].map(Result::unwrap_or_default);
        assert_ne!(first, second);
        let decoded = first.strip_prefix(PREFIX).and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
        assert_eq!(decoded.map(|bytes| bytes.len()), Some(BYTES), "{first}");
    }
}
