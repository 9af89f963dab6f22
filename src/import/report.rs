//! What an import tells at its end.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use super::batch::{Item, Origin, Position, Setup};
use super::error::Exit;
use super::mapping::Guesses;

/// So many rejections are printed; the file has all.
const SHOWN: usize = 20;
const SHOWN_DETAIL_CHARS: usize = 160;
/// So many kinds of commands are counted apart.
const MAX_KINDS: usize = 50;

/// Counts of what became of the records.
#[derive(Debug, Default)]
pub(super) struct Report {
    files: Vec<String>,
    /// Whether records are commands of any kind, not tickets to be made.
    commands: bool,
    created: u64,
    unchanged: u64,
    rejected: BTreeMap<String, u64>,
    comments: Comments,
    guesses: Guesses,
    /// Of a dry run: the native commands by type.
    kinds: BTreeMap<String, u64>,
    shown: Vec<String>,
    made: [u64; 3],
    /// What could not be made, though records need it.
    problems: BTreeMap<String, u64>,
}

/// Counts of what became of the records' comments.
#[derive(Debug, Default)]
struct Comments {
    made: u64,
    unchanged: u64,
    rejected: BTreeMap<String, u64>,
    missing: u64,
    unseen: u64,
}

impl Report {
    pub(super) fn new(files: &[String]) -> Self {
        Self { files: files.to_vec(), ..Self::default() }
    }

    /// The records are native commands.
    pub(super) fn of_commands(&mut self) {
        self.commands = true;
    }

    pub(super) fn created(&mut self) {
        self.created += 1;
    }

    pub(super) fn unchanged(&mut self) {
        self.unchanged += 1;
    }

    pub(super) fn rejected(&mut self, position: &Position, code: &str, detail: &str) {
        *self.rejected.entry(code.to_owned()).or_default() += 1;
        self.show(position, "", code, detail);
    }

    pub(super) fn comment_made(&mut self) {
        self.comments.made += 1;
    }

    pub(super) fn comment_unchanged(&mut self) {
        self.comments.unchanged += 1;
    }

    /// A comment of this record was refused.
    pub(super) fn comment_rejected(&mut self, position: &Position, code: &str, detail: &str) {
        *self.comments.rejected.entry(code.to_owned()).or_default() += 1;
        self.show(position, "a comment: ", code, detail);
    }

    /// So many comments are of a ticket that cannot be seen.
    pub(super) fn comments_unseen(&mut self, count: u64) {
        self.comments.unseen += count;
    }

    /// So many comments of the records are not in the input.
    pub(super) fn comments_missing(&mut self, count: u64) {
        self.comments.missing += count;
    }

    /// What no mapping said.
    pub(super) fn guessed(&mut self, guesses: Guesses) {
        self.guesses.add(guesses);
    }

    /// What a dry run would have sent.
    pub(super) fn would_send(&mut self, item: &Item) {
        match &item.origin {
            Origin::Setup(kind) => self.made(*kind),
            Origin::Comment { .. } => self.comment_made(),
            Origin::Record { .. } => {
                self.created += 1;
                self.comments.made += item.comments.len() as u64;
                if self.commands {
                    let kind = kind_of(&item.line);
                    let kind = if self.kinds.len() < MAX_KINDS || self.kinds.contains_key(&kind) {
                        kind
                    } else {
                        "others".into()
                    };
                    *self.kinds.entry(kind).or_default() += 1;
                }
            }
        }
    }

    fn show(&mut self, position: &Position, what: &str, code: &str, detail: &str) {
        if self.shown.len() < SHOWN {
            let file = match self.files.get(position.file) {
                Some(name) if self.files.len() > 1 => format!("{name}, "),
                _ => String::new(),
            };
            self.shown.push(format!("  {file}{}: {what}{code}: {}", position.place, shortened(detail)));
        }
    }

    pub(super) fn made(&mut self, what: Setup) {
        self.made[what as usize] += 1;
    }

    pub(super) fn not_made(&mut self, what: Setup, code: &str, detail: &str) {
        let what = match what {
            Setup::User => "a user could not be registered",
            Setup::Project => "a project could not be made",
            Setup::Member => "a member could not be added",
        };
        *self.problems.entry(format!("{what}: {code}: {}", shortened(detail))).or_default() += 1;
    }

    /// How many records have their verdict.
    pub(super) fn records(&self) -> u64 {
        self.created + self.unchanged + self.rejected_total()
    }

    fn rejected_total(&self) -> u64 {
        self.rejected.values().sum()
    }

    pub(super) fn exit(&self) -> Exit {
        let all_in = self.rejected.is_empty() && self.comments.rejected.is_empty() && self.problems.is_empty();
        if all_in { Exit::Done } else { Exit::Rejected }
    }

    /// The report as text, with the rejections first and the sum last.
    pub(super) fn text(&self, took: Duration, rejects: Option<&Path>) -> String {
        let mut text = String::new();
        let rejected = self.rejected_total();
        self.tell_rejections(&mut text);
        self.tell_guesses(&mut text);
        for (problem, times) in &self.problems {
            let _ = writeln!(text, "{problem} ({})", counted(*times, "time"));
        }
        if self.made.iter().sum::<u64>() > 0 {
            let _ = writeln!(text, "Made on the way: {}", self.made_on_the_way());
        }
        let seconds = took.as_secs_f64().max(0.001);
        #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let rate = (self.records() as f64 / seconds) as u64;
        let _ = writeln!(
            text,
            "{} in {seconds:.1} s ({}/s): {} {}, {} unchanged, {} rejected",
            counted(self.records(), if self.commands { "command" } else { "record" }),
            grouped(rate),
            grouped(self.created),
            if self.commands { "carried out" } else { "created" },
            grouped(self.unchanged),
            grouped(rejected)
        );
        tell_codes(&self.rejected, &mut text);
        let Comments { made, unchanged, rejected: comments, .. } = &self.comments;
        let refused: u64 = comments.values().sum();
        if made + unchanged + refused > 0 {
            let _ = writeln!(
                text,
                "{}: {} created, {} unchanged, {} rejected",
                counted(made + unchanged + refused, "comment"),
                grouped(*made),
                grouped(*unchanged),
                grouped(refused)
            );
            tell_codes(comments, &mut text);
        }
        if let Some(path) = rejects.filter(|_| rejected + refused > 0) {
            let _ =
                writeln!(text, "The rejected records are in {}: correct them and import that file.", path.display());
        }
        text
    }

    /// The report of a dry run.
    pub(super) fn dry_text(&self) -> String {
        let mut text = String::new();
        self.tell_rejections(&mut text);
        self.tell_guesses(&mut text);
        let rejected = grouped(self.rejected_total());
        let _ = if self.commands {
            writeln!(text, "Dry run, nothing was sent: {}, {rejected} rejected", counted(self.created, "command"))
        } else {
            writeln!(
                text,
                "Dry run, nothing was sent: {}, {}, {}; {rejected} rejected",
                self.made_on_the_way(),
                counted(self.created, "ticket"),
                counted(self.comments.made, "comment"),
            )
        };
        tell_codes(&self.kinds, &mut text);
        tell_codes(&self.rejected, &mut text);
        text.push_str("What the server has already would stay as it is, and it may refuse more than is seen here.\n");
        text
    }

    fn made_on_the_way(&self) -> String {
        let [users, projects, members] = self.made;
        format!("{}, {}, {}", counted(users, "user"), counted(projects, "project"), counted(members, "member"))
    }

    fn tell_rejections(&self, text: &mut String) {
        let all = self.rejected_total() + self.comments.rejected.values().sum::<u64>();
        if all > 0 {
            text.push_str("Rejected:\n");
            for line in &self.shown {
                let _ = writeln!(text, "{line}");
            }
            tell_more(all, self.shown.len(), text);
        }
    }

    fn tell_guesses(&self, text: &mut String) {
        let told = self.guesses.told();
        if !told.is_empty() {
            text.push_str("Not in the mapping file:\n");
            for (guess, times) in told.iter().take(SHOWN) {
                let _ = writeln!(text, "  {} ({})", shortened(guess), counted(*times, "time"));
            }
            tell_more(told.len() as u64, SHOWN, text);
        }
        if self.comments.unseen > 0 {
            let _ = writeln!(
                text,
                "{} of tickets that are here and cannot be read, as they were deleted, are left out",
                counted(self.comments.unseen, "comment")
            );
        }
        if self.comments.missing > 0 {
            let _ = writeln!(
                text,
                "{} of these issues are not in the input: a search gives only some of each",
                counted(self.comments.missing, "comment")
            );
        }
    }
}

fn tell_more(all: u64, shown: usize, text: &mut String) {
    let more = all.saturating_sub(shown as u64);
    if more > 0 {
        let _ = writeln!(text, "  ... and {} more", grouped(more));
    }
}

fn tell_codes(codes: &BTreeMap<String, u64>, text: &mut String) {
    for (code, times) in codes {
        let _ = writeln!(text, "  {}: {}", shortened(code), grouped(*times));
    }
}

/// The type that a native command names.
fn kind_of(line: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    struct Kind {
        #[serde(rename = "type")]
        kind: Option<String>,
    }
    let kind: Option<Kind> = serde_json::from_slice(line).ok();
    kind.and_then(|kind| kind.kind).unwrap_or_else(|| "without a type".into())
}

/// `1234567` -> `1,234,567`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 user`, `2 users`.
fn counted(number: u64, what: &str) -> String {
    format!("{} {what}{}", grouped(number), if number == 1 { "" } else { "s" })
}

/// One line of bounded length, without anything that could move the cursor of a terminal.
fn shortened(detail: &str) -> String {
    let clean = |c: char| if c.is_control() { ' ' } else { c };
    let mut text: String = detail.chars().take(SHOWN_DETAIL_CHARS).map(clean).collect();
    if detail.chars().nth(SHOWN_DETAIL_CHARS).is_some() {
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::batch::Place;
    use super::*;

    #[test]
    fn should_group_digits() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn should_tell_the_first_rejections_and_count_the_rest() {
        let mut report = Report::new(&["a".into()]);
        for line in 1..=25 {
            report.rejected(&Position { file: 0, place: Place::Line(line) }, "title_empty", "the title\u{1b} is empty");
        }
        report.created();
        let text = report.text(Duration::from_secs(2), Some(Path::new("a.rejects.ndjson")));
        assert!(text.contains("  line 1: title_empty: the title  is empty\n"), "{text}");
        assert!(text.contains("... and 5 more\n") && !text.contains("line 21:"), "{text}");
        assert!(text.contains("26 records in 2.0 s (13/s): 1 created, 0 unchanged, 25 rejected\n"), "{text}");
        assert!(text.contains("  title_empty: 25\n") && text.contains("a.rejects.ndjson"), "{text}");
        assert_eq!(report.exit(), Exit::Rejected);
    }

    #[test]
    fn should_name_the_file_where_there_are_several() {
        let mut report = Report::new(&["a".into(), "b".into()]);
        report.rejected(&Position { file: 1, place: Place::Item(3) }, "malformed", "");
        assert!(report.text(Duration::ZERO, None).contains("  b, item 3: malformed"));
    }

    #[test]
    fn should_end_well_if_all_is_in() {
        let mut report = Report::new(&[]);
        report.unchanged();
        report.made(Setup::User);
        assert_eq!(report.exit(), Exit::Done);
        report.not_made(Setup::Member, "insufficient_role", "no");
        assert_eq!(report.exit(), Exit::Rejected);
    }
}
