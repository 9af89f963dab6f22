//! The assignment policy of records that were written before there was one.

/// The default policy.
pub(crate) fn least_loaded() -> String {
    "least_loaded".to_owned()
}
