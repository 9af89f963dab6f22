//! What happens to the tickets of a project, from the day each is written.

use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use super::projects::Project;
use super::random::Random;
use super::texts;

/// A command and its moment, in minutes of the sample's own time.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) at: u64,
    pub(super) command: Value,
}

/// The sample's time ends about here, 2026-11-01T08:00:00Z: due dates lie around it.
const END_S: i64 = 1_793_520_000;
/// How long the story of a project lasts.
const STORY_MINUTES: u64 = 240 * 24 * 60;
/// The old tracker was used so much earlier.
const LEGACY_AGE: Duration = Duration::days(700);

const PRIORITIES: [&str; 10] = ["LOW", "LOW", "LOW", "MEDIUM", "MEDIUM", "MEDIUM", "MEDIUM", "HIGH", "HIGH", "URGENT"];

/// The ways that a ticket goes, each step legal after the one before. How often a way stands here is how likely it is.
const WAYS: [&[&str]; 20] = [
    &[],
    &[],
    &[],
    &[],
    &[],
    &["IN_PROGRESS"],
    &["IN_PROGRESS"],
    &["IN_PROGRESS"],
    &["IN_PROGRESS", "OPEN"],
    &["IN_PROGRESS", "REVIEW"],
    &["IN_PROGRESS", "REVIEW"],
    &["IN_PROGRESS", "REVIEW", "IN_PROGRESS"],
    &["IN_PROGRESS", "REVIEW", "DONE"],
    &["IN_PROGRESS", "REVIEW", "DONE"],
    &["IN_PROGRESS", "REVIEW", "DONE"],
    &["IN_PROGRESS", "REVIEW", "DONE"],
    &["IN_PROGRESS", "REVIEW", "DONE"],
    &["IN_PROGRESS", "REVIEW", "IN_PROGRESS", "REVIEW", "DONE"],
    &["IN_PROGRESS", "REVIEW", "DONE", "OPEN"],
    &["IN_PROGRESS", "REVIEW", "DONE", "OPEN", "IN_PROGRESS", "REVIEW", "DONE"],
];

/// All that happens in a project, in order.
pub(super) fn of_project(project: &Project, random: &mut Random) -> Vec<Entry> {
    let workers = project.workers();
    let mut entries = Vec::new();
    for number in 1..=project.tickets {
        // Each ticket is written in a slot of its own, so that the numbers come out in this order.
        let slot = STORY_MINUTES / project.tickets as u64;
        let at = slot * number as u64 + random.below(usize::try_from(slot).unwrap_or(1)) as u64;
        if project.imported {
            entries.push(Entry { at, command: import(project, number, at, &workers, random) });
            if random.percent(20) {
                let code = code(project, number);
                entries.push(comment(project, &code, at + 60, &workers, random));
            }
        } else {
            life(project, number, at, &workers, random, &mut entries);
        }
    }
    entries.sort_by_key(|entry| entry.at);
    entries
}

fn code(project: &Project, number: usize) -> String {
    format!("{}-{number}", project.key)
}

/// From the first line to wherever it got.
fn life(project: &Project, number: usize, at: u64, workers: &[&str], random: &mut Random, entries: &mut Vec<Entry>) {
    let (title, description) = texts::ticket(project, number, random);
    let reporter = *random.pick(workers);
    let mut command = json!({
        "type": "CreateTicket", "actor": reporter, "project": project.key,
        "title": title, "description": description, "priority": random.pick(&PRIORITIES), "labels": labels(project, random),
    });
    if random.percent(25) {
        command["assignee"] = json!(random.pick(workers));
    }
    if random.percent(15) {
        command["dueDate"] = json!(moment(END_S, Duration::days(i64::try_from(random.below(90)).unwrap_or(0) - 20)));
    }
    entries.push(Entry { at, command });

    let code = code(project, number);
    let mut now = at + 1;
    let way = *random.pick(&WAYS);
    for (step, status) in way.iter().enumerate() {
        now += 5 + random.below(4 * 24 * 60) as u64;
        if step == 0 && random.percent(80) {
            let (actor, assignee) = (random.pick(workers), random.pick(workers));
            let command = json!({"type": "AssignTicket", "actor": actor, "ticket": code, "assignee": assignee});
            entries.push(Entry { at: now - 1, command });
        }
        let mut command =
            json!({"type": "MoveTicket", "actor": random.pick(workers), "ticket": code, "status": status});
        if random.percent(12) {
            command["comment"] = json!(texts::move_comment(project, step));
        }
        entries.push(Entry { at: now, command });
        if random.percent(30) {
            entries.push(comment(project, &code, now + 3, workers, random));
        }
    }
    for _ in 0..random.below(3).saturating_sub(usize::from(way.is_empty())) {
        now += 10 + random.below(24 * 60) as u64;
        entries.push(comment(project, &code, now, workers, random));
    }
    if random.percent(4) {
        let priority = random.pick(&PRIORITIES);
        let command = json!({"type": "EditTicket", "actor": reporter, "ticket": code, "priority": priority});
        entries.push(Entry { at: now + 4, command });
    }
}

fn comment(project: &Project, code: &str, at: u64, workers: &[&str], random: &mut Random) -> Entry {
    let (actor, somebody) = (random.pick(workers), random.pick(workers));
    let content = texts::comment(project, somebody, random);
    Entry { at, command: json!({"type": "CommentTicket", "actor": actor, "ticket": code, "content": content}) }
}

/// A ticket of the old tracker, with the dates and the state it had there.
fn import(project: &Project, number: usize, at: u64, workers: &[&str], random: &mut Random) -> Value {
    let (title, description) = texts::ticket(project, number, random);
    let id = 1_000 + number * 7;
    let written = i64::try_from(at).unwrap_or_default() * 60 - i64::try_from(STORY_MINUTES).unwrap_or_default() * 60;
    let (created, status) = (END_S + written, *random.pick(&["DONE", "DONE", "DONE", "OPEN", "IN_PROGRESS"]));
    let touched = Duration::hours(1 + i64::try_from(random.below(2_000)).unwrap_or_default());
    let mut command = json!({
        "type": "ImportTicket", "actor": project.owner(), "project": project.key,
        "title": title, "description": description, "priority": random.pick(&PRIORITIES), "labels": labels(project, random),
        "status": status, "reporter": random.pick(workers),
        "createdAt": moment(created, -LEGACY_AGE), "updatedAt": moment(created, touched - LEGACY_AGE),
        "externalSource": "oldtracker", "externalId": format!("OT-{id}"),
        "externalUrl": format!("https://tracker.example.org/show_bug.cgi?id={id}"),
    });
    if random.percent(60) {
        command["assignee"] = json!(random.pick(workers));
    }
    command
}

fn labels(project: &Project, random: &mut Random) -> Vec<&'static str> {
    let mut labels = Vec::new();
    for _ in 0..random.below(4) {
        let label = *random.pick(project.labels);
        if !labels.contains(&label) {
            labels.push(label);
        }
    }
    labels
}

/// RFC 3339; the Unix epoch if there is no such moment.
fn moment(unix_s: i64, offset: Duration) -> String {
    let base = OffsetDateTime::from_unix_timestamp(unix_s).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    base.saturating_add(offset).format(&Rfc3339).unwrap_or_else(|_| "1970-01-01T00:00:00Z".into())
}
