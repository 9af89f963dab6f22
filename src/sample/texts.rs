//! Puts titles, descriptions and comments together.

use super::awkward;
use super::projects::Project;
use super::random::Random;

/// Sentences of one language, with `{part}` for what a ticket is about and `{handle}` for somebody.
#[derive(Debug)]
pub(super) struct Texts {
    pub(super) faults: &'static [&'static str],
    pub(super) circumstances: &'static [&'static str],
    pub(super) tasks: &'static [&'static str],
    pub(super) openings: &'static [&'static str],
    pub(super) bodies: &'static [&'static str],
    pub(super) comments: &'static [&'static str],
    pub(super) move_comments: &'static [&'static str],
}

/// Every so many tickets one is awkward, each of them in turn.
const AWKWARD_EVERY: usize = 20;

/// Title and description of the ticket with this number.
pub(super) fn ticket(project: &Project, number: usize, random: &mut Random) -> (String, String) {
    if number % AWKWARD_EVERY == AWKWARD_EVERY / 2 {
        let (title, description) = awkward::AWKWARD[number / AWKWARD_EVERY % awkward::AWKWARD.len()];
        return (title.into(), description.into());
    }
    let texts = project.texts;
    let part = random.pick(project.parts);
    let title = if random.percent(70) {
        let (fault, circumstance) = (random.pick(texts.faults), random.pick(texts.circumstances));
        let fault = fault.replace("{part}", part);
        if circumstance.is_empty() || fault.ends_with('?') { fault } else { format!("{fault} {circumstance}") }
    } else {
        random.pick(texts.tasks).replace("{part}", part)
    };
    let mut paragraphs = Vec::new();
    if random.percent(75) {
        paragraphs.push((*random.pick(texts.openings)).to_owned());
    }
    for _ in 0..=random.below(2) {
        let body = random.pick(texts.bodies).replace("{part}", part);
        if !body.is_empty() && !paragraphs.contains(&body) {
            paragraphs.push(body);
        }
    }
    (capitalised(&title), paragraphs.join("\n\n"))
}

/// A comment that may mention somebody.
pub(super) fn comment(project: &Project, somebody: &str, random: &mut Random) -> String {
    let handle = somebody.split('@').next().unwrap_or_default();
    random.pick(project.texts.comments).replace("{handle}", handle)
}

/// What is said when a ticket is moved by the step with this number.
pub(super) fn move_comment(project: &Project, step: usize) -> &'static str {
    let comments = project.texts.move_comments;
    comments[step % comments.len()]
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
