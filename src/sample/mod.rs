//! The sample that ships with SyncroBoard: made up, in English and Spanish, with the awkward characters of real tickets.
//!
//! It is a program of native commands, the same in every run, so that pouring it in twice changes nothing. Every command
//! in it is legal when carried out in order in a place where its projects did not exist before; a test replays it
//! against a model of the rules.
//!
//! - `people`, `projects`: who and what, with who is a member where.
//! - `english`, `spanish`, `awkward`: the texts.
//! - `story`: what happens to each ticket, and when.

mod awkward;
mod command;
mod english;
mod people;
mod projects;
pub(crate) mod random;
mod spanish;
mod story;
#[cfg(test)]
mod tests;
mod texts;

use random::Random;

/// The sample as NDJSON, ready for `syncroboard import --from commands`; `import --sample` takes it from here.
#[must_use]
pub(crate) fn ndjson() -> Vec<u8> {
    let mut out = Vec::new();
    for command in command::people().chain(command::projects()) {
        push(&mut out, &command);
    }
    // The projects' days pass side by side: what was written at one time stands together.
    let mut all: Vec<_> = projects::PROJECTS
        .iter()
        .zip(1..)
        .flat_map(|(project, seed)| story::of_project(project, &mut Random::new(seed)))
        .collect();
    all.sort_by_key(|entry| entry.at);
    for entry in &all {
        push(&mut out, &entry.command);
    }
    out
}

fn push(out: &mut Vec<u8>, command: &serde_json::Value) {
    out.extend_from_slice(command.to_string().as_bytes());
    out.push(b'\n');
}
