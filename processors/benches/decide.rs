//! What a decision costs, per command: `decide` and `evolve` over a project in memory.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "a test may fail where it stands"
)]

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use processors::{Decision, ProjectModel, decide, evolve};
use schemas::{CommentTicket, CreateProject, CreateTicket, EditTicket, MoveTicket, TicketCommand, TicketEvent, ids};
use uuid::Uuid;

const AT: i64 = 1_700_000_000_000;
const ACTOR: Uuid = Uuid::from_u128(1);

fn project() -> ProjectModel {
    let mut model = ProjectModel::default();
    let (project_id, key, name) = (ids::project_id("SYNC"), "SYNC".to_owned(), "Bench".to_owned());
    apply(&mut model, CreateProject { project_id, key, name, actor_id: ACTOR, ..CreateProject::default() }.into());
    apply(&mut model, create().into());
    model
}

fn apply(model: &mut ProjectModel, command: TicketCommand) {
    for event in events(model, command) {
        evolve(model, &event).unwrap();
    }
}

fn events(model: &ProjectModel, command: TicketCommand) -> Vec<TicketEvent> {
    match decide(model, command, AT) {
        Ok(Decision::Accepted(accepted)) => accepted.events,
        other => panic!("{other:?}"),
    }
}

fn create() -> CreateTicket {
    CreateTicket {
        command_id: Uuid::from_u128(7),
        actor_id: ACTOR,
        project_id: ids::project_id("SYNC"),
        title: "t".repeat(60),
        description: "d".repeat(300),
        ..CreateTicket::default()
    }
}

fn commands() -> Vec<(&'static str, TicketCommand)> {
    let (actor_id, project_id, command_id) = (ACTOR, ids::project_id("SYNC"), Uuid::from_u128(8));
    let status = "IN_PROGRESS".to_owned();
    let content = "c".repeat(100);
    let title = Some("another".to_owned());
    vec![
        ("CreateTicket", create().into()),
        (
            "MoveTicket",
            MoveTicket { actor_id, project_id, command_id, number: 1, status, ..MoveTicket::default() }.into(),
        ),
        (
            "CommentTicket",
            CommentTicket { actor_id, project_id, command_id, number: 1, content, ..CommentTicket::default() }.into(),
        ),
        (
            "EditTicket",
            EditTicket { actor_id, project_id, command_id, number: 1, title, ..EditTicket::default() }.into(),
        ),
        (
            "MoveTicket/rejected",
            MoveTicket {
                actor_id,
                project_id,
                command_id,
                number: 1,
                status: "DONE".to_owned(),
                ..MoveTicket::default()
            }
            .into(),
        ),
    ]
}

fn bench(c: &mut Criterion) {
    let model = project();
    for (name, command) in commands() {
        c.bench_function(&format!("decide/{name}"), |b| {
            b.iter_batched(|| command.clone(), |command| decide(&model, command, AT), BatchSize::SmallInput);
        });
    }
    for (name, command) in commands().into_iter().filter(|(name, _)| !name.ends_with("rejected")) {
        let event = events(&model, command).remove(0);
        c.bench_function(&format!("evolve/{name}"), |b| {
            b.iter_batched_ref(project, |model| evolve(model, &event), BatchSize::SmallInput);
        });
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
