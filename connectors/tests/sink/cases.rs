//! What a sink and its read model promise, on any database.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use connectors::read_model::{TicketOrder, TicketQuery};
use connectors::sink::{SinkError, SinkHandle, SinkOptions, SinkPoint, SinkStatus, SinkWatch};
use schemas::reader::{AssignmentRow, OutcomeRow};
use schemas::{
    NotificationCreated, NotificationsRead, Occasion, Outcome, Preferences, TicketAssigned, TicketCreated,
    TicketDeleted, TicketEvent, TicketUpdated, UserCreated, UserUpdated, ids, topics,
};
use topology::broker::{Fetched, TopicPartition, partition_for_key};
use uuid::Uuid;

use crate::deliveries::taken;
pub(crate) use crate::deliveries::{
    should_forget_the_deliveries_of_those_who_were_erased_and_old_ones,
    should_know_of_a_delivery_what_its_last_attempt_told, should_list_deliveries_in_pages_and_by_state,
};
use crate::home::{Home, Kind, Opened};
use crate::mails::{mails, requested};
pub(crate) use crate::mails::{
    should_forget_the_mails_of_those_who_were_erased_and_old_ones,
    should_know_what_became_of_a_mail_whichever_record_comes_first, should_list_mails_in_pages_and_by_state,
};
pub(crate) use crate::outcomes::{
    should_keep_the_first_outcome_of_a_command_but_replace_a_failure,
    should_keep_what_became_of_a_command_that_was_forgotten_and_sent_again,
};
pub(crate) use crate::search::should_find_tickets_by_the_words_in_them_and_in_their_comments;
use crate::support::*;
pub(crate) use crate::workflows::should_show_the_workflow_of_a_project_and_open_tickets_again_as_that_says;

/// A sink in a group of this name, as this member.
fn start_in(model: &Opened, group: &str, client_id: &str) -> SinkHandle {
    model.start(SinkOptions { group: group.to_owned(), client_id: client_id.to_owned(), ..SinkOptions::default() })
}

pub(crate) async fn failure(handle: &SinkHandle) -> Arc<SinkError> {
    let mut status = handle.status();
    let failed =
        status.wait_for(|status| matches!(status, SinkStatus::Failed(_))).await.expect("the sink reports").clone();
    match failed {
        SinkStatus::Failed(error) => error,
        other => panic!("{other:?}"),
    }
}

fn fill(log: &Log) {
    log.event(project("WEB"));
    log.event(member("WEB", 2, 1, "ana"));
    log.event(ticket("WEB", 3, 1));
    log.event(ticket("WEB", 4, 2));
    log.event(moved("WEB", 5, 1, "OPEN", "IN_PROGRESS"));
    log.event(comment("WEB", 6, 1, "first"));
}

/// What the log filled by [`fill`] must look like, each thing once.
async fn check(model: &Opened) {
    let id = ids::project_id("WEB");
    let board = model.board(id).await.expect("an answer").expect("the project is there");
    assert_eq!(board.project.sequence, 6);
    let counts: Vec<_> = board.columns.iter().map(|c| (c.status.as_str(), c.count, c.tickets.items.len())).collect();
    assert_eq!(counts, [("OPEN", 1, 1), ("IN_PROGRESS", 1, 1), ("REVIEW", 0, 0), ("DONE", 0, 0)]);
    let one = model.ticket_by_number(id, 1).await.expect("an answer").expect("the ticket is there");
    assert_eq!((one.version, one.status.as_str(), one.updated_at, one.sequence), (2, "IN_PROGRESS", 9_005, 5));
    assert_eq!(model.ticket(one.id).await.expect("an answer"), Some(one.clone()));
    let comments = model.comments(one.id, None, 10).await.expect("an answer");
    assert_eq!(comments.items.iter().map(|c| c.content.as_str()).collect::<Vec<_>>(), ["first"]);
    assert_eq!(model.members(id).await.expect("an answer").len(), 1);
}

pub(crate) async fn should_fill_the_read_model_and_go_on_after_a_restart(kind: Kind) {
    let log = Log::new();
    let home = Home::new(kind, &log).await;
    fill(&log);
    let model = home.open().await;
    let sink = model.start(SinkOptions::default());
    reach(&*model, "WEB", 6).await;
    check(&model).await;
    sink.stop().expect("a clean stop");
    log.event(moved("WEB", 7, 1, "IN_PROGRESS", "REVIEW"));
    let model = home.open().await;
    let _sink = model.start(SinkOptions::default());
    reach(&*model, "WEB", 7).await;
    let one = model.ticket_by_number(ids::project_id("WEB"), 1).await.expect("an answer").expect("there");
    assert_eq!(one.status, "REVIEW");
}

pub(crate) async fn should_write_each_event_once_wherever_the_sink_dies(kind: Kind) {
    for point in [SinkPoint::AfterOffsets, SinkPoint::BeforeCommit, SinkPoint::AfterCommit] {
        let log = Log::new();
        let home = Home::new(kind, &log).await;
        fill(&log);
        let reached = Arc::new(AtomicBool::new(false));
        let here = reached.clone();
        let fault = move |at| at == point && !here.swap(true, Ordering::SeqCst);
        let model = home.open().await;
        let sink = model.start(SinkOptions { fault: Some(Arc::new(fault)), ..SinkOptions::default() });
        let error = failure(&sink).await;
        assert!(matches!(*error, SinkError::Injected(at) if at == point), "{error}");
        assert!(reached.load(Ordering::SeqCst));
        drop(sink);
        model.close().await;
        let model = home.open().await;
        let _sink = model.start(SinkOptions::default());
        reach(&*model, "WEB", 6).await;
        check(&model).await;
    }
}

pub(crate) async fn should_fence_a_sink_that_the_group_does_not_know(kind: Kind) {
    let log = Log::new();
    let home = Home::new(kind, &log).await;
    log.event(project("WEB"));
    let model = home.open().await;
    let (old, new) = (model.start(SinkOptions::default()), start_in(&model, "another-group", "sink"));
    reach(&*model, "WEB", 1).await;
    // Both read each event; one of them finds the offset moved and must not write it again.
    let mut statuses = [old.status(), new.status()];
    let mut sequence = 1;
    while statuses.iter_mut().all(|s| !matches!(*s.borrow(), SinkStatus::Failed(_))) {
        sequence += 1;
        log.event(ticket("WEB", sequence, sequence - 1));
        reach(&*model, "WEB", sequence).await;
        assert!(sequence < 10_000, "neither was fenced");
    }
    let results = [old.stop(), new.stop()];
    let fenced = results.iter().filter(|r| matches!(r, Err(e) if matches!(**e, SinkError::Fenced { .. }))).count();
    assert_eq!(fenced, 1, "{results:?}");
    let board = model.board(ids::project_id("WEB")).await.expect("an answer").expect("there");
    assert_eq!(board.columns[0].count, sequence - 1);
}

pub(crate) async fn should_share_the_partitions_with_another_sink_of_the_group(kind: Kind) {
    let log = Log::new();
    let home = Home::new(kind, &log).await;
    let keys = ["WEB", "OPS", "APP", "DOC", "LAB", "SEC"];
    let model = home.open().await;
    let mut sinks = vec![model.start(SinkOptions::default())];
    let mut sequence = 0;
    for round in 0..12 {
        // One comes, one goes, one is alone.
        match round % 4 {
            1 => sinks.push(start_in(&model, "syncroboard-sink", &format!("sink-{round}"))),
            3 => sinks.remove(0).stop().expect("a clean stop"),
            _ => {}
        }
        for _ in 0..5 {
            sequence += 1;
            for key in keys {
                if sequence == 1 {
                    log.event(project(key));
                } else {
                    log.event(ticket(key, sequence, sequence - 1));
                }
            }
        }
    }
    for key in keys {
        reach(&*model, key, sequence).await;
        let board = model.board(ids::project_id(key)).await.expect("an answer").expect("there");
        assert_eq!(board.columns[0].count, sequence - 1, "{key}");
    }
    for sink in sinks {
        sink.stop().expect("a clean stop");
    }
}

pub(crate) async fn should_tell_its_group_how_far_the_database_is(kind: Kind) {
    let log = Log::new();
    let home = Home::new(kind, &log).await;
    fill(&log);
    let model = home.open().await;
    let sink = model.start(SinkOptions::default());
    reach(&*model, "WEB", 6).await;
    sink.stop().expect("a clean stop");
    let offsets = model.offsets().await.expect("offsets");
    let partitions: Vec<_> = offsets.iter().map(|(partition, _)| partition.clone()).collect();
    let committed = log.broker.committed("syncroboard-sink", &partitions).expect("committed offsets");
    let expected: Vec<_> = offsets.iter().map(|(_, next)| Some(*next)).collect();
    assert_eq!(committed, expected);
    assert!(offsets.iter().any(|(_, next)| *next == 6), "{offsets:?}");
}

pub(crate) async fn should_stop_when_the_log_begins_above_the_stored_offset(kind: Kind) {
    let log = Log::new();
    let home = Home::new(kind, &log).await;
    fill(&log);
    let model = home.open().await;
    let sink = model.start(SinkOptions::default());
    reach(&*model, "WEB", 1).await;
    reach(&*model, "WEB", 6).await;
    sink.stop().expect("a clean stop");
    for sequence in 7..10 {
        log.event(ticket("WEB", sequence, sequence));
    }
    let key = ids::project_id("WEB").to_string();
    let partition = TopicPartition::new(topics::TICKET_EVENTS, partition_for_key(key.as_bytes(), PARTITIONS));
    log.broker.delete_records(&partition, 8).expect("deleted");
    let error = model.try_start(SinkOptions::default()).err().expect("it does not start");
    assert!(matches!(error, SinkError::OffsetOutOfRange { stored: 6, low: 8, high: 9, .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains(&partition.to_string()) && text.contains('6') && text.contains("8..9"), "{text}");
    assert_eq!(model.sequence(ids::project_id("WEB")).await.expect("an answer"), 6, "nothing was skipped");
}

pub(crate) async fn should_stop_at_a_gap_in_a_projects_sequence(kind: Kind) {
    let log = Log::new();
    let home = Home::new(kind, &log).await;
    log.event(project("WEB"));
    let model = home.open().await;
    let sink = model.start(SinkOptions::default());
    reach(&*model, "WEB", 1).await;
    log.event(ticket("WEB", 3, 1));
    let error = failure(&sink).await;
    assert!(matches!(*error, SinkError::Gap { expected: 2, found: 3, offset: 1, .. }), "{error}");
    assert_eq!(model.sequence(ids::project_id("WEB")).await.expect("an answer"), 1);
}

pub(crate) async fn should_stop_at_a_record_that_is_no_event_and_name_it(kind: Kind) {
    let log = Log::new();
    let home = Home::new(kind, &log).await;
    log.append(topics::TICKET_EVENTS, 1, "x", Some(b"\x00\x00\x00\x0f\xffrest"));
    let model = home.open().await;
    let sink = model.start(SinkOptions::default());
    let error = failure(&sink).await.to_string();
    assert!(error.contains("ticket.events-1 offset 0") && error.contains("4095"), "{error}");
}

pub(crate) async fn should_remove_a_deleted_ticket_with_all_that_belongs_to_it(kind: Kind) {
    let log = Log::new();
    let home = Home::new(kind, &log).await;
    fill(&log);
    log.event(TicketDeleted {
        project_id: ids::project_id("WEB"),
        sequence: 7,
        ticket_id: ticket_id("WEB", 1),
        number: 1,
        ..TicketDeleted::default()
    });
    let model = home.open().await;
    let _sink = model.start(SinkOptions::default());
    reach(&*model, "WEB", 7).await;
    let id = ids::project_id("WEB");
    assert_eq!(model.ticket_by_number(id, 1).await.expect("an answer"), None);
    assert!(model.comments(ticket_id("WEB", 1), None, 10).await.expect("an answer").items.is_empty());
    let counts = model.status_counts(&[id]).await.expect("an answer");
    assert_eq!(
        counts[&id].iter().map(|(s, n)| (s.as_str(), *n)).collect::<Vec<_>>(),
        [("IN_PROGRESS", 0), ("OPEN", 1)]
    );
}

pub(crate) async fn should_know_users_and_forget_those_who_were_erased(kind: Kind) {
    let log = Log::new();
    let home = Home::new(kind, &log).await;
    let id = ids::user_id("ana@example.org");
    let user = UserCreated {
        user_id: id,
        sequence: 1,
        email: Some("ana@example.org".to_owned()),
        name: "Ana".to_owned(),
        role: "member".to_owned(),
        ..UserCreated::default()
    };
    log.user(user);
    let model = home.open().await;
    let _sink = model.start(SinkOptions::default());
    assert!(model.wait_for(id, 1, soon()).await.expect("an answer"));
    assert_eq!(model.user(id).await.expect("an answer").map(|u| u.name).as_deref(), Some("Ana"));
    assert_eq!(model.users(&[id, Uuid::nil()]).await.expect("an answer").len(), 1);
    let key = id.to_string();
    log.append(topics::USER_EVENTS, partition_for_key(key.as_bytes(), PARTITIONS), &key, None);
    while model.user(id).await.expect("an answer").is_some() {
        tokio::task::yield_now().await;
    }
}

pub(crate) async fn should_keep_why_somebody_has_a_ticket_whether_it_was_made_before_or_with_it(kind: Kind) {
    let log = Log::new();
    let home = Home::new(kind, &log).await;
    let assigned = |sequence, number| {
        let mut event = TicketAssigned { project_id: ids::project_id("WEB"), sequence, number, ..Default::default() };
        (event.assigned_at, event.ticket_version, event.round) = (77, 1, 1);
        (event.assignee_id, event.reason) = (Uuid::from_u128(5), Some("as there is room".to_owned()));
        event
    };
    log.event(project("WEB"));
    log.event(ticket("WEB", 2, 1));
    log.event(ticket("WEB", 3, 2));
    log.event(assigned(4, 2));
    let model = home.open().await;
    let _sink = model.start(SinkOptions::default());
    reach(&*model, "WEB", 4).await;
    log.event(assigned(5, 1));
    reach(&*model, "WEB", 5).await;
    for number in [1, 2] {
        let row = model.ticket_by_number(ids::project_id("WEB"), number).await.expect("an answer").expect("a ticket");
        let expected = AssignmentRow {
            by: Some(Uuid::nil()),
            at: Some(77),
            round: 1,
            reason: Some("as there is room".to_owned()),
            held: false,
        };
        assert_eq!((row.assignee_id, row.assignment), (Some(Uuid::from_u128(5)), expected), "ticket {number}");
    }
}

pub(crate) async fn should_keep_what_users_want_to_hear_of(kind: Kind) {
    let log = Log::new();
    let home = Home::new(kind, &log).await;
    let id = ids::user_id("ana@example.org");
    log.user(UserCreated { user_id: id, sequence: 1, ..UserCreated::default() });
    let muted_kinds = ["ticket.commented", "with \"quotes\" and \\"].map(str::to_owned).to_vec();
    let muted_projects = vec![Uuid::from_u128(7), Uuid::from_u128(8)];
    let preferences = Preferences {
        muted_kinds,
        muted_projects,
        locale: "es".to_owned(),
        email: "daily".to_owned(),
        email_hour: Some(17),
        time_zone: "Europe/Madrid".to_owned(),
        quiet_from: "22:00".to_owned(),
        quiet_to: "07:30".to_owned(),
    };
    log.user(UserUpdated { user_id: id, sequence: 2, preferences: preferences.clone(), ..UserUpdated::default() });
    let model = home.open().await;
    let _sink = model.start(SinkOptions::default());
    assert!(model.wait_for(id, 2, soon()).await.expect("an answer"));
    assert_eq!(model.user(id).await.expect("an answer").map(|user| user.preferences), Some(preferences));
}

fn notification(user: &str, sequence: i64) -> NotificationCreated {
    let (user_id, event_id) = (ids::user_id(user), Uuid::from_u128(sequence.unsigned_abs().into()));
    NotificationCreated {
        event_id: ids::notification_id(event_id, user_id),
        user_id,
        sequence,
        about: Occasion { event_id, number: sequence, title: format!("Ticket {sequence}"), ..Occasion::default() },
        reason: "watcher".to_owned(),
        ..NotificationCreated::default()
    }
}

pub(crate) async fn should_keep_notifications_and_what_was_read_of_them(kind: Kind) {
    let log = Log::new();
    let home = Home::new(kind, &log).await;
    let (ana, bob) = (ids::user_id("ana"), ids::user_id("bob"));
    for sequence in 1..=6 {
        log.notification(notification("ana", sequence));
        log.notification(notification("bob", sequence));
    }
    let fifth = notification("ana", 5).event_id;
    let one = NotificationsRead { user_id: ana, sequence: 7, notification_id: Some(fifth), ..Default::default() };
    log.notification(one);
    log.notification(NotificationsRead { user_id: ana, sequence: 8, up_to: 3, ..Default::default() });
    // Somebody else's is not theirs to read.
    log.notification(NotificationsRead {
        user_id: bob,
        sequence: 7,
        notification_id: Some(fifth),
        ..Default::default()
    });
    log.notification(notification("ana", 9));
    let model = home.open().await;
    let _sink = model.start(SinkOptions::default());
    let last = notification("ana", 9).event_id;
    while model.notification(last).await.expect("an answer").is_none() {
        tokio::task::yield_now().await;
    }
    let numbers = async |user, unread_only, before, limit| {
        let page = model.notifications(user, unread_only, before, limit).await.expect("an answer");
        (page.items.iter().map(|row| (row.sequence, row.read)).collect::<Vec<_>>(), page.next)
    };
    let first = (vec![(9, false), (6, false), (5, true)], Some(5));
    assert_eq!(numbers(ana, false, None, 3).await, first);
    assert_eq!(numbers(ana, false, Some(5), 10).await, (vec![(4, false), (3, true), (2, true), (1, true)], None));
    assert_eq!(numbers(ana, true, None, 2).await, (vec![(9, false), (6, false)], Some(6)));
    assert_eq!(numbers(ana, true, Some(6), 2).await, (vec![(4, false)], None));
    let unread = async |user, up_to| model.unread(user, up_to).await.expect("an answer");
    assert_eq!((unread(ana, i64::MAX).await, unread(ana, 5).await, unread(Uuid::nil(), 5).await), (3, 1, 0));
    while numbers(bob, false, None, 10).await.0.len() < 6 {
        tokio::task::yield_now().await;
    }
    assert_eq!(unread(bob, i64::MAX).await, 6);
    let row = model.notification(fifth).await.expect("an answer").expect("it is there");
    assert_eq!((row.user_id, row.about, row.reason.as_str()), (ana, notification("ana", 5).about, "watcher"));
}

pub(crate) async fn should_page_through_lists_without_missing_or_repeating(kind: Kind) {
    let log = Log::new();
    let home = Home::new(kind, &log).await;
    log.event(project("WEB"));
    for n in 1..=25_i64 {
        let mut event = ticket("WEB", n + 1, n);
        event.labels = vec![if n % 2 == 0 { "even" } else { "odd" }.to_owned()];
        event.updated_at = 5_000 - n % 3;
        log.event(event);
    }
    let model = home.open().await;
    let _sink = model.start(SinkOptions::default());
    reach(&*model, "WEB", 26).await;
    for (order, label, expected) in [
        (TicketOrder::Number, None, 25),
        (TicketOrder::Updated, None, 25),
        (TicketOrder::Number, Some("even"), 12),
        (TicketOrder::Updated, Some("odd"), 13),
    ] {
        let mut query = TicketQuery { order, label: label.map(str::to_owned), limit: 4, ..TicketQuery::default() };
        let mut numbers = Vec::new();
        loop {
            let page = model.tickets(ids::project_id("WEB"), &query).await.expect("an answer");
            numbers.extend(page.items.iter().map(|t| (t.updated_at, t.number)));
            query.after = page.next;
            if page.next.is_none() {
                break;
            }
        }
        assert_eq!(numbers.len(), expected, "{order:?} {label:?}");
        let mut sorted = numbers.clone();
        match order {
            TicketOrder::Number => sorted.sort_by_key(|(_, number)| -number),
            TicketOrder::Updated => sorted.sort_by_key(|(updated, number)| (-updated, -number)),
        }
        assert_eq!(numbers, sorted);
    }
}

pub(crate) async fn should_hand_events_to_subscribers_once_their_rows_can_be_read(kind: Kind) {
    let log = Log::new();
    let home = Home::new(kind, &log).await;
    let model = home.open().await;
    let mut feed = model.live.subscribe();
    let _sink = model.start(SinkOptions::default());
    fill(&log);
    for sequence in 1..=6 {
        let event: Arc<TicketEvent> = feed.recv().await.expect("an event");
        assert_eq!(event.sequence(), sequence);
        assert!(model.sequence(event.project_id()).await.expect("an answer") >= sequence);
    }
}

pub(crate) async fn should_say_that_a_sequence_was_not_reached_by_the_deadline(kind: Kind) {
    let log = Log::new();
    let home = Home::new(kind, &log).await;
    let model = home.open().await;
    assert!(!model.wait_for(ids::project_id("WEB"), 1, std::time::Instant::now()).await.expect("an answer"));
}

pub(crate) async fn should_hand_every_row_to_verify(kind: Kind) {
    let log = Log::new();
    let home = Home::new(kind, &log).await;
    log.event(project("WEB"));
    log.event(member("WEB", 2, 1, "ana"));
    for n in 1..=2_100 {
        log.event(ticket("WEB", n + 2, n));
    }
    let outcomes: Vec<_> = (1..=2_001).map(|n| Outcome::from(accepted(n))).collect();
    (1..=1_001).for_each(|n| log.mail(requested(user_id(1), n)));
    (1..=1_001).for_each(|n| log.delivery_result(taken(user_id(1), n, 1, 1)));
    outcomes.iter().for_each(|outcome| log.outcome(outcome.clone(), 0));
    log.event(comment("WEB", 2_103, 1, "first"));
    let model = home.open().await;
    let _sink = model.start(SinkOptions::default());
    reach(&*model, "WEB", 2_103).await;
    while model.outcome(Uuid::from_u128(2_001)).await.expect("an answer").is_none() {
        tokio::task::yield_now().await;
    }
    while mails(&model, user_id(1), None, None, 1).await.0.first().is_none_or(|mail| mail.0 < 1_001) {
        tokio::task::yield_now().await;
    }
    while model.delivery(Uuid::from_u128(1_001)).await.expect("an answer").is_none() {
        tokio::task::yield_now().await;
    }
    // They block.
    let check = std::thread::spawn(move || {
        let tables = home.tables();
        let (mut projects, mut members, mut numbers, mut comments) = (0, 0, Vec::new(), 0);
        tables.projects(&mut |row| projects += row.sequence).expect("read");
        tables.members(&mut |_| members += 1).expect("read");
        tables.tickets(&mut |row| numbers.push(row.number)).expect("read");
        tables.comments(&mut |_| comments += 1).expect("read");
        let mut happened = Vec::new();
        tables.history(&mut |row| happened.push((row.sequence, row.kind))).expect("read");
        assert!(happened.iter().map(|(sequence, _)| *sequence).eq(1..=2_103), "{happened:?}");
        tables.users(&mut |_| panic!("no users")).expect("read");
        let mut mails = Vec::new();
        tables.mails(&mut |row| mails.push(row.id.as_u128())).expect("read");
        mails.sort_unstable();
        assert_eq!(mails, (1..=1_001).collect::<Vec<_>>());
        let mut deliveries = Vec::new();
        tables.deliveries(&mut |row| deliveries.push(row.id.as_u128())).expect("read");
        deliveries.sort_unstable();
        assert_eq!(deliveries, mails);
        let mut rows = Vec::new();
        tables.outcomes(&mut |row| rows.push(row)).expect("read");
        rows.sort_unstable_by_key(|row| row.command_id);
        assert_eq!(rows, outcomes.iter().map(|outcome| OutcomeRow::of(outcome).expect("encoded")).collect::<Vec<_>>());
        numbers.sort_unstable();
        assert_eq!((projects, members, comments), (2_103, 1, 1));
        assert_eq!(numbers, (1..=2_100).collect::<Vec<_>>());
    });
    check.join().expect("every row");
}

/// How many records each transaction wrote.
#[derive(Default)]
struct Transactions(Mutex<Vec<usize>>);

impl SinkWatch for Transactions {
    fn holds(&self, _: &[(TopicPartition, i64)]) {}
    fn reads(&self, _: &[Fetched]) {}
    fn wrote(&self, fetched: &[Fetched], _: Duration) {
        self.0.lock().expect("unharmed").push(fetched.iter().map(|fetched| fetched.batch.len()).sum());
    }
}

pub(crate) async fn should_write_what_is_there_in_few_transactions_and_a_lone_event_at_once(kind: Kind) {
    let log = Log::new();
    let home = Home::new(kind, &log).await;
    let (keys, events, sequence) = busy_projects(40);
    let total = events.len();
    log.events(events);
    let model = home.open().await;
    let transactions = Arc::new(Transactions::default());
    let sink = model.start(SinkOptions { watch: Some(transactions.clone()), ..SinkOptions::default() });
    for key in &keys {
        reach(&*model, key, sequence).await;
    }
    log.event(comment(&keys[0], sequence + 1, 1, "alone"));
    reach(&*model, &keys[0], sequence + 1).await;
    sink.stop().expect("a clean stop");
    let mut written = transactions.0.lock().expect("unharmed").clone();
    assert_eq!(written.pop(), Some(1));
    assert_eq!(written.iter().sum::<usize>(), total);
    // One poll brings a few hundred.
    assert!(written.len() <= total.div_ceil(4_000), "{written:?}");
    assert!(written.iter().all(|records| *records < 6_000), "nobody waits long: {written:?}");
}

pub(crate) async fn should_keep_labels_as_they_are_written_and_replace_them(kind: Kind) {
    let log = Log::new();
    let home = Home::new(kind, &log).await;
    let id = ids::project_id("WEB");
    let labels = |values: &[&str]| values.iter().map(|&value| value.to_owned()).collect::<Vec<_>>();
    let (odd, other) = (labels(&["a \"b\" \\ {c}, d", "NULL", "ñ 🎫", "it's"]), labels(&["NULL", "{}"]));
    log.event(project("WEB"));
    log.event(TicketCreated { labels: odd.clone(), ..ticket("WEB", 2, 1) });
    log.event(TicketCreated { labels: Vec::new(), ..ticket("WEB", 3, 2) });
    let model = home.open().await;
    let _sink = model.start(SinkOptions::default());
    reach(&*model, "WEB", 3).await;
    let found = async |label: &str| {
        let query = TicketQuery { label: Some(label.to_owned()), ..TicketQuery::default() };
        let page = model.tickets(id, &query).await.expect("an answer");
        page.items.into_iter().map(|ticket| (ticket.number, ticket.labels)).collect::<Vec<_>>()
    };
    for label in &odd {
        assert_eq!(found(label).await, [(1, odd.clone())], "{label}");
    }
    let second = model.ticket_by_number(id, 2).await.expect("an answer").expect("there");
    assert!(second.labels.is_empty(), "{:?}", second.labels);
    log.event(TicketUpdated {
        project_id: id,
        sequence: 4,
        ticket_id: ticket_id("WEB", 1),
        number: 1,
        labels: Some(other.clone()),
        ticket_version: 2,
        ..TicketUpdated::default()
    });
    reach(&*model, "WEB", 4).await;
    for (label, tickets) in [("NULL", vec![(1, other.clone())]), ("{}", vec![(1, other.clone())]), (&odd[0], vec![])] {
        assert_eq!(found(label).await, tickets, "{label}");
    }
}
