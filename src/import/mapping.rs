//! What states, priorities and people of another system are called here: as the mapping file says, else by the usual
//! names. What had to be guessed is counted, and told once at the end.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use serde::Deserialize;

use super::error::ImportError;
use super::people::{Account, Person};

/// The priorities of this system.
const PRIORITIES: [&str; 4] = ["LOW", "MEDIUM", "HIGH", "URGENT"];
/// So many different guesses are counted by name; a file with more has the rest counted together.
const MAX_GUESSES: usize = 1_000;

/// The usual names of states, in lower case.
const USUAL_STATES: &[(&str, &str)] = &[
    ("open", "OPEN"),
    ("to do", "OPEN"),
    ("todo", "OPEN"),
    ("new", "OPEN"),
    ("backlog", "OPEN"),
    ("reopened", "OPEN"),
    ("selected for development", "OPEN"),
    ("in progress", "IN_PROGRESS"),
    ("doing", "IN_PROGRESS"),
    ("review", "REVIEW"),
    ("in review", "REVIEW"),
    ("code review", "REVIEW"),
    ("done", "DONE"),
    ("closed", "DONE"),
    ("resolved", "DONE"),
];

/// The usual names of priorities, in lower case.
const USUAL_PRIORITIES: &[(&str, &str)] = &[
    ("lowest", "LOW"),
    ("low", "LOW"),
    ("minor", "LOW"),
    ("trivial", "LOW"),
    ("medium", "MEDIUM"),
    ("normal", "MEDIUM"),
    ("high", "HIGH"),
    ("major", "HIGH"),
    ("highest", "URGENT"),
    ("critical", "URGENT"),
    ("blocker", "URGENT"),
    ("urgent", "URGENT"),
];

/// The file. A key that is none of these is an error.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "a map of states, priorities and people")]
struct MappingFile {
    states: BTreeMap<String, String>,
    priorities: BTreeMap<String, String>,
    people: BTreeMap<String, String>,
}

/// Names there, in lower case, to names here.
#[derive(Debug, Default)]
pub(super) struct Mapping {
    states: HashMap<String, String>,
    priorities: HashMap<String, String>,
    people: HashMap<String, Account>,
    guesses: Guesses,
}

/// What no mapping named, what it was taken for, and how often.
#[derive(Debug, Default)]
pub(super) struct Guesses {
    counts: BTreeMap<(&'static str, String, String), u64>,
    others: u64,
}

impl Mapping {
    /// Reads a mapping file.
    pub(super) fn open(path: &Path) -> Result<Self, ImportError> {
        let name = path.display();
        let text = std::fs::read_to_string(path)
            .map_err(|error| ImportError::Usage(format!("cannot read the mapping file {name}: {error}")))?;
        Self::parse(&text).map_err(|why| ImportError::Usage(format!("mapping file {name}: {why}")))
    }

    fn parse(text: &str) -> Result<Self, String> {
        // An empty file, or one of comments alone, is a null.
        let file: Option<MappingFile> = serde_norway::from_str(text).map_err(|error| error.to_string())?;
        let file = file.unwrap_or_default();
        let state = |name: &str| (!name.trim().is_empty()).then(|| name.trim().to_owned());
        let priority = |name: &str| PRIORITIES.iter().find(|known| **known == name.trim()).map(|&known| known.into());
        Ok(Self {
            states: by_name("states", file.states, "a state of the project's workflow", state)?,
            priorities: by_name("priorities", file.priorities, "LOW, MEDIUM, HIGH or URGENT", priority)?,
            people: by_name("people", file.people, "an e-mail address or source:login", Account::parse)?,
            guesses: Guesses::default(),
        })
    }

    /// The state for one with this name, which may be of one of Jira's three categories.
    pub(super) fn state(&mut self, name: &str, category: Option<&str>) -> String {
        let known = name.trim().to_lowercase();
        if let Some(state) = self.states.get(&known) {
            return state.clone();
        }
        if let Some(state) = usual(USUAL_STATES, &known) {
            return state.to_owned();
        }
        let guess = match category {
            Some("new") => "OPEN".to_owned(),
            Some("indeterminate") => "IN_PROGRESS".to_owned(),
            Some("done") => "DONE".to_owned(),
            // A project of one's own may have a state of this very name.
            _ if known.is_empty() => "OPEN".to_owned(),
            _ => name.trim().to_uppercase().replace(|c: char| c.is_whitespace() || c == '-', "_"),
        };
        self.guesses.count("state", name, &guess);
        guess
    }

    /// The state that the file gives to one with this name, if it does.
    pub(super) fn given_state(&self, name: &str) -> Option<&str> {
        self.states.get(&name.trim().to_lowercase()).map(String::as_str)
    }

    /// The priority for one with this name; none if it has no name.
    pub(super) fn priority(&mut self, name: &str) -> Option<String> {
        let known = name.trim().to_lowercase();
        if known.is_empty() {
            return None;
        }
        if let Some(priority) = self.priorities.get(&known) {
            return Some(priority.clone());
        }
        let usual = usual(USUAL_PRIORITIES, &known);
        if usual.is_none() {
            self.guesses.count("priority", name, "MEDIUM");
        }
        Some(usual.unwrap_or("MEDIUM").to_owned())
    }

    /// The account that the file gives to somebody who is known by these names, the first that it has.
    pub(super) fn given_account<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Option<Account> {
        if self.people.is_empty() {
            return None;
        }
        names.into_iter().find_map(|name| self.people.get(&name.trim().to_lowercase())).cloned()
    }

    /// Notes that somebody became a placeholder.
    pub(super) fn guessed_person(&mut self, person: &Person) {
        self.guesses.count("person", &person.name, &person.key());
    }

    /// What was guessed so far; counted anew from here.
    pub(super) fn take_guesses(&mut self) -> Guesses {
        std::mem::take(&mut self.guesses)
    }
}

impl Guesses {
    fn count(&mut self, what: &'static str, name: &str, taken_as: &str) {
        self.add_to((what, name.trim().to_owned(), taken_as.to_owned()), 1);
    }

    /// Adds what another part of the input had.
    pub(super) fn add(&mut self, more: Self) {
        self.others += more.others;
        for (guess, times) in more.counts {
            self.add_to(guess, times);
        }
    }

    fn add_to(&mut self, guess: (&'static str, String, String), times: u64) {
        if self.counts.len() < MAX_GUESSES || self.counts.contains_key(&guess) {
            *self.counts.entry(guess).or_default() += times;
        } else {
            self.others += times;
        }
    }

    /// What was guessed, as `state "Waiting" is taken as OPEN` with how often, the most frequent first.
    pub(super) fn told(&self) -> Vec<(String, u64)> {
        let tell = |((what, name, taken_as), times): (&(&str, String, String), &u64)| {
            let taken_as = if *what == "person" { format!("the placeholder {taken_as}") } else { taken_as.clone() };
            (format!("{what} {name:?} is taken as {taken_as}"), *times)
        };
        let mut told: Vec<(String, u64)> = self.counts.iter().map(tell).collect();
        told.sort_by_key(|(_, times)| std::cmp::Reverse(*times));
        if self.others > 0 {
            told.push(("others".into(), self.others));
        }
        told
    }
}

fn usual(table: &[(&str, &'static str)], name: &str) -> Option<&'static str> {
    table.iter().find(|(usual, _)| *usual == name).map(|(_, here)| *here)
}

/// One section of the file with its values checked, keyed by the names in lower case.
fn by_name<T>(
    section: &str,
    entries: BTreeMap<String, String>,
    expected: &str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<HashMap<String, T>, String> {
    let mut known = HashMap::with_capacity(entries.len());
    for (name, value) in entries {
        let value = read(&value).ok_or_else(|| format!("{section}: {name:?}: expected {expected}, found {value:?}"))?;
        if known.insert(name.trim().to_lowercase(), value).is_some() {
            return Err(format!("{section}: {name:?} stands there twice (case does not count)"));
        }
    }
    Ok(known)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const FILE: &str = "
states:
  Waiting for QA: REVIEW
  Done: CLOSED
priorities:
  1: URGENT
people:
  5b10ac8d: ana@example.org
  Bob Stone: github:bob
";

    #[test]
    fn should_take_names_as_the_file_says_whatever_their_case() {
        let mut mapping = Mapping::parse(FILE).unwrap();
        assert_eq!(mapping.state("waiting for qa ", Some("new")), "REVIEW");
        assert_eq!(mapping.state("DONE", Some("done")), "CLOSED", "the file comes before the usual names");
        assert_eq!(mapping.priority("1").as_deref(), Some("URGENT"));
        assert_eq!(mapping.given_account(["nobody", "BOB STONE"]), Account::parse("github:bob"));
        assert_eq!(mapping.given_account(["nobody"]), None);
        assert!(mapping.take_guesses().told().is_empty());
    }

    #[rstest]
    #[case("To Do", None, "OPEN")]
    #[case("In Progress", Some("indeterminate"), "IN_PROGRESS")]
    #[case("Blocked", Some("indeterminate"), "IN_PROGRESS")]
    #[case("Won't Fix", Some("done"), "DONE")]
    #[case("On hold", None, "ON_HOLD")]
    #[case("", None, "OPEN")]
    fn should_guess_a_state_that_no_file_names(
        #[case] name: &str,
        #[case] category: Option<&str>,
        #[case] state: &str,
    ) {
        assert_eq!(Mapping::default().state(name, category), state);
    }

    #[test]
    fn should_tell_what_it_guessed_once_with_its_count() {
        let mut mapping = Mapping::default();
        for _ in 0..3 {
            mapping.state("Waiting", Some("new"));
            mapping.state("Open", None);
        }
        assert_eq!(mapping.priority("P9").as_deref(), Some("MEDIUM"));
        assert_eq!(mapping.priority(" "), None);
        mapping.guessed_person(&Person::placeholder("jira", "5b", "Ana"));
        let mut all = mapping.take_guesses();
        mapping.state("Waiting", Some("new"));
        all.add(mapping.take_guesses());
        let told = all.told();
        assert_eq!(told[0], ("state \"Waiting\" is taken as OPEN".into(), 4));
        assert!(told.contains(&("priority \"P9\" is taken as MEDIUM".into(), 1)));
        assert!(told.contains(&("person \"Ana\" is taken as the placeholder jira:5b".into(), 1)));
        assert_eq!(told.len(), 3);
    }

    #[test]
    fn should_bound_what_it_remembers_of_its_guesses() {
        let mut mapping = Mapping::default();
        for number in 0..MAX_GUESSES + 5 {
            mapping.state(&format!("State {number}"), None);
        }
        let told = mapping.take_guesses().told();
        assert_eq!(told.len(), MAX_GUESSES + 1);
        assert_eq!(told.last().unwrap(), &("others".into(), 5));
    }

    #[rstest]
    #[case("stats:\n  a: b\n", "unknown field `stats`")]
    #[case("priorities:\n  P1: HUGE\n", "priorities: \"P1\": expected LOW, MEDIUM, HIGH or URGENT, found \"HUGE\"")]
    #[case("people:\n  Ana: Ana Ruiz\n", "people: \"Ana\": expected an e-mail address or source:login")]
    #[case("states:\n  a: ' '\n", "states: \"a\": expected a state")]
    #[case("states:\n  a: X\n  A: Y\n", "twice")]
    #[case("states: [1]\n", "line 1")]
    #[case("states: {\n", "line")]
    #[case("- a\n", "expected a map of states, priorities and people")]
    fn should_refuse_a_file_that_cannot_be_meant_and_say_why(#[case] text: &str, #[case] why: &str) {
        let error = Mapping::parse(text).unwrap_err();
        assert!(error.contains(why), "{error}");
    }

    #[test]
    fn should_take_a_file_without_entries() {
        for text in ["", "# nothing yet\n", "states: {}\n"] {
            assert!(Mapping::parse(text).is_ok(), "{text:?}");
        }
    }
}
