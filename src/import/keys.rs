//! Which project the tickets of a project elsewhere go to.

use std::collections::{HashMap, HashSet};

use super::args::is_project_key;
use super::error::ImportError;

/// What stands under a project's key on the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum KeyUse {
    Free,
    Taken {
        name: String,
        description: String,
    },
    /// There is a project, and this token may not read it.
    Hidden,
}

/// A project elsewhere, such as a repository: where tickets come from, and what their project here is named for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct ProjectOrigin {
    /// What the key is made of.
    pub(super) stem: String,
    pub(super) name: String,
    /// Stands in the description, by which the project is known again.
    pub(super) url: String,
    /// Whether the name is nobody else's either, as that of a repository with its owner is.
    pub(super) has_own_name: bool,
}

impl ProjectOrigin {
    /// The description of its project here.
    pub(super) fn description(&self) -> String {
        format!("Imported from {}", self.url)
    }

    /// Whether a project here, with this name and description, is its own. Another one's address may begin as its own does.
    fn is_at_home(&self, name: &str, description: &str) -> bool {
        let is_address = |word: &str| word.trim_end_matches(['.', ',', ';', ')']) == self.url;
        (self.has_own_name && name == self.name) || description.split_whitespace().any(is_address)
    }
}

/// Finds a key for each origin: the given one, or one made of its name, the same in every run.
#[derive(Debug, Default)]
pub(super) struct ProjectKeys {
    given: Option<String>,
    /// By address: the name is not in every export.
    by_origin: HashMap<String, String>,
    used: HashSet<String>,
}

/// So many keys are tried for one name.
const MAX_CANDIDATES: u32 = 999;

impl ProjectKeys {
    pub(super) fn new(given: Option<String>) -> Self {
        Self { given, ..Self::default() }
    }

    /// The key of the origin's project. A key that another origin's project has is not taken: the next one is.
    pub(super) fn key_of(
        &mut self,
        origin: &ProjectOrigin,
        look_up: &mut dyn FnMut(&str) -> Result<KeyUse, ImportError>,
    ) -> Result<String, ImportError> {
        if let Some(key) = &self.given {
            return Ok(key.clone());
        }
        if let Some(key) = self.by_origin.get(&origin.url) {
            return Ok(key.clone());
        }
        for number in 1..=MAX_CANDIDATES {
            let key = candidate(&origin.stem, number);
            if self.used.contains(&key) {
                continue;
            }
            let ours = match look_up(&key)? {
                KeyUse::Free => true,
                KeyUse::Hidden => false,
                KeyUse::Taken { name, description } => origin.is_at_home(&name, &description),
            };
            if ours {
                self.used.insert(key.clone());
                self.by_origin.insert(origin.url.clone(), key.clone());
                return Ok(key);
            }
        }
        Err(ImportError::Usage(format!("no free project key for {}: give one with --project", origin.name)))
    }
}

/// `next.js` -> `NEXTJS`, `NEXTJS2`, ...; at most ten characters, and a letter first.
fn candidate(name: &str, number: u32) -> String {
    let mut stem: String = name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect();
    if !stem.starts_with(|c: char| c.is_ascii_uppercase()) {
        stem.insert(0, 'P');
    }
    if stem.len() < 2 {
        stem.push('X');
    }
    let suffix = if number == 1 { String::new() } else { number.to_string() };
    stem.truncate(10 - suffix.len());
    stem.push_str(&suffix);
    debug_assert!(is_project_key(&stem));
    stem
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn repository(owner: &str, name: &str) -> ProjectOrigin {
        let url = format!("https://github.com/{owner}/{name}");
        ProjectOrigin { stem: name.into(), name: format!("{owner}/{name}"), url, has_own_name: true }
    }

    /// A project of Jira; its name is what people call it, if it is told.
    fn of_jira(key: &str, name: Option<&str>) -> ProjectOrigin {
        let url = format!("https://example.atlassian.net/browse/{key}");
        ProjectOrigin { stem: key.into(), name: name.unwrap_or(key).into(), url, has_own_name: false }
    }

    #[test]
    fn should_not_take_a_project_for_its_own_that_has_its_name_or_the_beginning_of_its_address() {
        let mut look_up = |key: &str| {
            Ok(match key {
                "WEB" => KeyUse::Taken { name: "Web site".into(), description: "Made by hand".into() },
                "WEB2" => KeyUse::Taken {
                    name: "Web site".into(),
                    description: "Imported from https://example.atlassian.net/browse/WEB2".into(),
                },
                "WEB3" => KeyUse::Taken {
                    name: "Renamed".into(),
                    description: "Our site. Imported from https://example.atlassian.net/browse/WEB.".into(),
                },
                _ => KeyUse::Free,
            })
        };
        let mut keys = ProjectKeys::default();
        assert_eq!(keys.key_of(&of_jira("WEB", Some("Web site")), &mut look_up).unwrap(), "WEB3");
        assert_eq!(keys.key_of(&of_jira("WEB", None), &mut look_up).unwrap(), "WEB3", "an export without the name");
        assert_eq!(ProjectKeys::default().key_of(&of_jira("WEB2", None), &mut look_up).unwrap(), "WEB2");
        assert_eq!(ProjectKeys::default().key_of(&of_jira("OPS", None), &mut look_up).unwrap(), "OPS");
    }

    #[rstest]
    #[case("datasets", 1, "DATASETS")]
    #[case("next.js", 1, "NEXTJS")]
    #[case("next.js", 2, "NEXTJS2")]
    #[case("kubernetes-dashboard", 1, "KUBERNETES")]
    #[case("kubernetes-dashboard", 12, "KUBERNET12")]
    #[case("2048", 1, "P2048")]
    #[case("c", 1, "CX")]
    #[case("---", 1, "PX")]
    fn should_make_a_key_of_a_repository_name(#[case] name: &str, #[case] number: u32, #[case] expected: &str) {
        assert_eq!(candidate(name, number), expected);
        assert!(is_project_key(expected));
    }

    #[test]
    fn should_not_mix_two_repositories_of_one_name() {
        let mut keys = ProjectKeys::default();
        let mut free = |_: &str| Ok(KeyUse::Free);
        assert_eq!(keys.key_of(&repository("a", "docs"), &mut free).unwrap(), "DOCS");
        assert_eq!(keys.key_of(&repository("b", "docs"), &mut free).unwrap(), "DOCS2");
        assert_eq!(keys.key_of(&repository("a", "docs"), &mut free).unwrap(), "DOCS");
    }

    #[test]
    fn should_find_its_own_project_again_and_leave_the_others_alone() {
        let mut look_up = |key: &str| {
            Ok(match key {
                "DOCS" => KeyUse::Taken { name: "Our documents".into(), description: String::new() },
                "DOCS2" => KeyUse::Hidden,
                "DOCS3" => KeyUse::Taken { name: "a/docs".into(), description: String::new() },
                _ => KeyUse::Free,
            })
        };
        assert_eq!(ProjectKeys::default().key_of(&repository("a", "docs"), &mut look_up).unwrap(), "DOCS3");
        assert_eq!(ProjectKeys::default().key_of(&repository("b", "docs"), &mut look_up).unwrap(), "DOCS4");
    }

    #[test]
    fn should_take_the_given_key_for_all() {
        let mut keys = ProjectKeys::new(Some("ALL".into()));
        let mut never = |_: &str| -> Result<KeyUse, ImportError> { panic!("asked the server") };
        assert_eq!(keys.key_of(&repository("a", "docs"), &mut never).unwrap(), "ALL");
        assert_eq!(keys.key_of(&repository("b", "code"), &mut never).unwrap(), "ALL");
    }
}
