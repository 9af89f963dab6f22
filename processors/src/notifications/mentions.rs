//! `@handle` in a text.

use std::collections::BTreeSet;

use crate::fields::is_handle_char;

/// Most members that one text mentions; those named later are not told.
pub(crate) const MOST_MENTIONS: usize = 50;

/// The handles that a text mentions, in lower case, each once. An `@` in the middle of a word, as in an e-mail address, mentions
/// nobody; neither does one in code, between backticks.
pub(crate) fn handles(text: &str) -> BTreeSet<String> {
    let mut handles = BTreeSet::new();
    if !text.contains('@') {
        return handles;
    }
    for prose in text.split('`').step_by(2) {
        let mut before = None;
        for (at, c) in prose.char_indices() {
            if c == '@' && !before.is_some_and(is_handle_char) {
                let rest = &prose[at + 1..];
                let end = rest.find(|c| !is_handle_char(c)).unwrap_or(rest.len());
                // "@ada." ends a sentence.
                let handle = rest[..end].trim_end_matches(['.', '-']);
                if !handle.is_empty() {
                    handles.insert(handle.to_lowercase());
                }
                if handles.len() == MOST_MENTIONS {
                    return handles;
                }
            }
            before = Some(c);
        }
    }
    handles
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        handles(text).into_iter().collect()
    }

    #[test]
    fn should_find_each_handle_once_in_lower_case() {
        assert_eq!(found("@Ada and @bob.smith, again @ada: (@c-d_e)."), ["ada", "bob.smith", "c-d_e"]);
        assert_eq!(found("ask @ada. Or @jörg?"), ["ada", "jörg"]);
    }

    #[test]
    fn should_find_none_in_addresses_code_and_bare_signs() {
        assert_eq!(found("mail ada@example.org, `@bob`, ```\n@carl\n``` @ @- nothing"), Vec::<String>::new());
        assert_eq!(found("`a` @ada `b"), ["ada"]);
    }

    #[test]
    fn should_not_find_more_than_it_may() {
        let text: Vec<String> = (0..100).map(|n| format!("@u{n}")).collect();
        assert_eq!(handles(&text.join(" ")).len(), MOST_MENTIONS);
    }
}
