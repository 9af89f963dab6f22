//! What a sink makes of the workflows of projects.

use connectors::sink::SinkOptions;
use schemas::{ProjectUpdated, TicketCreated, TicketStatusUpdated, Workflow, WorkflowState, WorkflowTransition, ids};

use crate::home::{Home, Kind};
use crate::support::*;

pub(crate) async fn should_show_the_workflow_of_a_project_and_open_tickets_again_as_that_says(kind: Kind) {
    let log = Log::new();
    let state = |name: &str, open| WorkflowState { name: name.to_owned(), open };
    let way = WorkflowTransition { from: "NEW".to_owned(), to: "DONE".to_owned(), ..WorkflowTransition::default() };
    let workflow =
        Workflow { states: vec![state("NEW", true), state("DONE", true), state("OLD", false)], transitions: vec![way] };
    let id = ids::project_id("WEB");
    let updated = |sequence, workflow: Option<&Workflow>, archived| ProjectUpdated {
        project_id: id,
        sequence,
        name: "Web".to_owned(),
        workflow: workflow.cloned(),
        archived,
        ..ProjectUpdated::default()
    };
    let moves = |sequence, number, old: (&str, bool), new: (&str, bool)| TicketStatusUpdated {
        old_open: Some(old.1),
        new_open: Some(new.1),
        ..moved("WEB", sequence, number, old.0, new.0)
    };
    log.event(project("WEB"));
    log.event(updated(2, Some(&workflow), false));
    let imported = |sequence, number, status: &str| TicketCreated {
        status: status.to_owned(),
        imported: true,
        ..ticket("WEB", sequence, number)
    };
    log.event(imported(3, 1, "DONE"));
    log.event(imported(4, 2, "OLD"));
    // Open before and after, so it stays as it is; and opened again.
    log.event(moves(5, 1, ("DONE", true), ("NEW", true)));
    log.event(moves(6, 2, ("OLD", false), ("DONE", true)));
    log.event(updated(7, Some(&workflow), true));
    let home = Home::new(kind, &log).await;
    let model = home.open().await;
    let _sink = model.start(SinkOptions::default());
    reach(&*model, "WEB", 7).await;
    let row = model.project(id).await.expect("an answer").expect("there");
    assert_eq!((row.workflow.as_ref(), row.archived), (Some(&workflow), true));
    let board = model.board(id).await.expect("an answer").expect("there");
    let columns: Vec<_> = board.columns.iter().map(|column| (column.status.as_str(), column.count)).collect();
    assert_eq!(columns, [("NEW", 1), ("DONE", 1), ("OLD", 0)]);
    let mut held = Vec::new();
    for number in [1, 2] {
        held.push(model.ticket_by_number(id, number).await.expect("an answer").expect("there").assignment.held);
    }
    assert_eq!(held, [true, false]);
    log.event(updated(8, None, false));
    reach(&*model, "WEB", 8).await;
    let row = model.project(id).await.expect("an answer").expect("there");
    assert_eq!((row.workflow, row.archived), (None, false));
    // What is in a state that the workflow has not is shown after the others.
    let board = model.board(id).await.expect("an answer").expect("there");
    let columns: Vec<_> = board.columns.iter().map(|column| (column.status.as_str(), column.count)).collect();
    assert_eq!(columns, [("OPEN", 0), ("IN_PROGRESS", 0), ("REVIEW", 0), ("DONE", 1), ("NEW", 1)]);
}
