//! `verify`: nothing to say about a pipeline's own stores, and something about each damage to them or to the read model.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::cloned_ref_to_slice_refs,
    reason = "a test may fail where it stands"
)]

mod common;

use std::cell::RefCell;
use std::collections::BTreeMap;

use common::*;
use processors::stores::PROJECT_STORES;
use processors::{
    COMMAND_MEMORY, COMMAND_MEMORY_MS, Fold, POOL_STORES, PipelineConfig, Problem, USER_COMMAND_MEMORY, USERS,
    pipeline, verify_log, verify_pools, verify_read_model, verify_stores,
};
use rstest::rstest;
use schemas::reader::{
    CommentRow, DeliveryRow, HistoryRow, MailRow, MemberRow, NotificationRow, OutcomeRow, ProjectRow, ReadError,
    ReadModel, Stores, TicketRow, UserRow, WatcherRow,
};
use schemas::topics::{
    COMMAND_OUTCOMES, EMAIL_OUTBOX, NOTIFICATIONS, TICKET_COMMANDS, TICKET_EVENTS, USER_COMMANDS, USER_EVENTS,
};
use schemas::{
    CommandAccepted, CommandFailed, DeliveryFailed, DeliveryResult, DeliverySucceeded, Mail, MailFailed, MailRequested,
    MailSent, Notification, Outcome, RegisterUser, TicketEvent, UserCommand, UserEvent, ids,
};
use topology::TestDriver;
use uuid::Uuid;

/// Stores, copied out of a driver, so that they can be damaged.
struct Copied(BTreeMap<String, BTreeMap<Vec<u8>, Vec<u8>>>);

impl Stores for Copied {
    fn entries(&self, store: &str, each: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), ReadError> {
        self.0[store].iter().for_each(|(k, v)| each(k, v));
        Ok(())
    }
}

/// A read model that is made of the fold itself and of what happened, so that it can be damaged.
struct Table(RefCell<Fold>, Vec<HistoryRow>);

impl ReadModel for Table {
    fn projects(&self, each: &mut dyn FnMut(ProjectRow)) -> Result<(), ReadError> {
        self.0.borrow().project_rows.values().cloned().for_each(each);
        Ok(())
    }
    fn members(&self, each: &mut dyn FnMut(MemberRow)) -> Result<(), ReadError> {
        self.0.borrow().member_rows.values().cloned().for_each(each);
        Ok(())
    }
    fn tickets(&self, each: &mut dyn FnMut(TicketRow)) -> Result<(), ReadError> {
        self.0.borrow().ticket_rows.values().cloned().for_each(each);
        Ok(())
    }
    fn comments(&self, each: &mut dyn FnMut(CommentRow)) -> Result<(), ReadError> {
        self.0.borrow().comment_rows.values().cloned().for_each(each);
        Ok(())
    }
    fn watchers(&self, each: &mut dyn FnMut(WatcherRow)) -> Result<(), ReadError> {
        self.0.borrow().watcher_rows.values().cloned().for_each(each);
        Ok(())
    }
    fn history(&self, each: &mut dyn FnMut(HistoryRow)) -> Result<(), ReadError> {
        self.1.iter().cloned().for_each(each);
        Ok(())
    }
    fn notifications(&self, each: &mut dyn FnMut(NotificationRow)) -> Result<(), ReadError> {
        self.0.borrow().notification_rows.values().cloned().for_each(each);
        Ok(())
    }
    fn mails(&self, each: &mut dyn FnMut(MailRow)) -> Result<(), ReadError> {
        self.0.borrow().mail_rows.values().cloned().for_each(each);
        Ok(())
    }
    fn deliveries(&self, each: &mut dyn FnMut(DeliveryRow)) -> Result<(), ReadError> {
        self.0.borrow().delivery_rows.values().cloned().for_each(each);
        Ok(())
    }
    fn users(&self, each: &mut dyn FnMut(UserRow)) -> Result<(), ReadError> {
        self.0.borrow().user_rows.values().cloned().for_each(each);
        Ok(())
    }
    fn outcomes(&self, each: &mut dyn FnMut(OutcomeRow)) -> Result<(), ReadError> {
        self.0.borrow().outcome_rows.values().cloned().for_each(each);
        Ok(())
    }
}

/// A pipeline that has been through every kind of event; what it holds, and the fold of its events.
fn played() -> (Copied, Fold) {
    let (stores, fold, _) = played_through();
    (stores, fold)
}

/// The same, and what happened.
fn played_through() -> (Copied, Fold, Vec<HistoryRow>) {
    let mut driver = TestDriver::new(&pipeline(&PipelineConfig::default()).unwrap(), 4).unwrap();
    let mut bytes = Vec::new();
    let email = "new@example.org";
    let user = UserCommand::from(RegisterUser {
        actor_id: ids::user_id(email),
        email: Some(email.to_owned()),
        user_key: email.to_owned(),
        ..RegisterUser::default()
    });
    user.encode(&mut bytes).unwrap();
    driver.pipe(USER_COMMANDS, email.as_bytes(), &bytes, AT).unwrap();
    let new = ids::user_id(email);
    let commands = [
        create_project(OWNER, |_| {}),
        update_project(OWNER, |c| c.viewer_comments = Some(true)),
        configure_assignment(OWNER, |c| (c.pool_open, c.policy) = (Some(true), Some("skills_only".to_owned()))),
        add_member(OWNER, |_| {}),
        update_member(OWNER, |c| (c.user_id, c.capacity) = (new, Some(3))),
        create(new, |c| (c.assignee_id, c.due_date) = (Some(new), Some(5))),
        import(OWNER, |c| c.labels = vec!["bug".to_owned()]),
        create(new, |_| {}),
        comment(new, |c| c.number = 1),
        comment(new, |c| c.number = 3),
        edit(new, |c| (c.number, c.clear_due_date, c.title) = (1, true, Some("B".to_owned()))),
        move_to(new, |c| (c.number, c.status, c.comment) = (1, "IN_PROGRESS".to_owned(), Some("now".to_owned()))),
        unassign(new, |c| c.number = 1),
        watch(new, |c| c.number = 1),
        watch(OWNER, |c| c.number = 1),
        unwatch(OWNER, |c| c.number = 1),
        watch(new, |c| c.number = 3),
        assign(new, |c| (c.number, c.assignee_id) = (2, new)),
        delete(OWNER, |c| c.number = 3),
        create(new, |_| {}),
        create(new, |c| c.labels = vec!["a skill of nobody".to_owned()]),
    ];
    for (n, command) in commands.into_iter().enumerate() {
        let mut bytes = Vec::new();
        with_id(command, 100 + n as u128).encode(&mut bytes).unwrap();
        driver.pipe(TICKET_COMMANDS, project_id().to_string().as_bytes(), &bytes, AT + n as i64).unwrap();
    }
    let mut fold = Fold::default();
    let log = driver.all(TICKET_EVENTS);
    assert_eq!(log.len(), 25, "every command is accepted, two have two events, and two tickets are given to somebody");
    let mut happened = Vec::new();
    for record in log {
        let event = TicketEvent::decode(record.value.as_deref().unwrap()).unwrap();
        happened.push(HistoryRow::from(&event));
        fold.ticket_event(event);
    }
    // As a sink leaves them.
    let gone: Vec<String> =
        happened.iter().filter(|row| row.kind == "ticket.deleted").map(|row| row.subject.clone()).collect();
    assert!(!gone.is_empty());
    let left = |row: HistoryRow| if gone.contains(&row.subject) { row.of_deleted() } else { row };
    let happened: Vec<HistoryRow> = happened.into_iter().map(left).collect();
    for record in driver.all(USER_EVENTS) {
        fold.user_event(&UserEvent::decode(record.value.as_deref().unwrap()).unwrap());
    }
    for record in driver.all(NOTIFICATIONS) {
        fold.notification(Notification::decode(record.value.as_deref().unwrap()).unwrap());
    }
    assert!(!fold.notification_rows.is_empty());
    fold.mails_since = i64::MIN;
    for record in driver.all(EMAIL_OUTBOX) {
        fold.mail_requested(Mail::decode(record.value.as_deref().unwrap()).unwrap());
    }
    assert!(!fold.mail_rows.is_empty());
    // The pipeline delivers nothing itself.
    fold.deliveries_since = i64::MIN;
    fold.delivery(attempt(OWNER, 1, AT, None));
    for record in driver.all(COMMAND_OUTCOMES) {
        fold.outcome(record.partition, &Outcome::decode(record.value.as_deref().unwrap()).unwrap());
    }
    assert_eq!(fold.outcome_rows.len(), 22);
    let stores = PROJECT_STORES.into_iter().chain(POOL_STORES).chain([USERS, COMMAND_MEMORY, USER_COMMAND_MEMORY]);
    (Copied(stores.map(|s| (s.to_owned(), driver.store_entries(s).unwrap())).collect()), fold, happened)
}

fn differences(stores: &Copied, fold: &Fold) -> Vec<(String, Problem)> {
    let mut found = Vec::new();
    verify_stores(fold, stores, &mut |d| found.push((d.place.to_owned(), d.problem))).unwrap();
    found
}

#[test]
fn should_find_nothing_wrong_with_what_the_pipeline_holds() {
    let (stores, fold, happened) = played_through();
    assert_eq!(differences(&stores, &fold), []);
    assert_eq!(pool_differences(&stores), Vec::<String>::new());
    let empty: Vec<_> = stores.0.iter().filter(|(_, entries)| entries.is_empty()).map(|(name, _)| &**name).collect();
    assert_eq!(empty, ["pools"], "a store that is empty shows nothing, but nothing is to be done at rest");
    verify_log(&fold, &mut |d| panic!("{d}"));
    verify_read_model(&fold, &Table(RefCell::new(fold.clone()), happened), &mut |d| panic!("{d}")).unwrap();
}

#[test]
fn should_find_a_command_memory_that_is_not_the_first_answers() {
    let (stores, fold) = played();
    for (store, entries) in [(COMMAND_MEMORY, 21), (USER_COMMAND_MEMORY, 1)] {
        assert_eq!(stores.0[store].len(), entries);
        let (key, value) = stores.0[store].first_key_value().map(|(k, v)| (k.clone(), v.clone())).unwrap();
        let damaged = |damage: &dyn Fn(&mut BTreeMap<Vec<u8>, Vec<u8>>)| {
            let mut damaged = Copied(stores.0.clone());
            damage(damaged.0.get_mut(store).unwrap());
            differences(&damaged, &fold)
                .into_iter()
                .map(|(place, problem)| {
                    assert_eq!(place, store);
                    problem
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(damaged(&|entries| drop(entries.remove(&key))), [Problem::Missing]);
        assert_eq!(damaged(&|entries| drop(entries.insert(vec![9; 16], value.clone()))), [Problem::Unexpected]);
        let repeated = processors::repeated(&value).unwrap();
        for wrong in [repeated, b"P".to_vec(), Vec::new()] {
            let found = damaged(&|entries| drop(entries.insert(key.clone(), wrong.clone())));
            assert!(matches!(found[..], [Problem::Differs { .. }]), "{wrong:?}: {found:?}");
        }
    }
}

/// The stream has gone past it, or the log has lost it.
#[test]
fn should_not_ask_the_command_memory_for_what_is_on_its_way_out() {
    let (mut stores, mut fold) = played();
    let (key, value) = stores.0[COMMAND_MEMORY].first_key_value().map(|(k, v)| (k.clone(), v.clone())).unwrap();
    let id = Uuid::from_slice(&key).unwrap();
    fold.outcome_rows.retain(|(command, _), _| *command != id);
    assert_eq!(differences(&stores, &fold), [(COMMAND_MEMORY.to_owned(), Problem::Unexpected)]);
    fold.outcomes_since = AT + 1_000_000;
    assert_eq!(differences(&stores, &fold), [], "the log has lost it");
    stores.0.get_mut(COMMAND_MEMORY).unwrap().remove(&key);
    let mut old = Outcome::decode(&value).unwrap();
    let Outcome::Accepted(accepted) = &mut old else { panic!("it was accepted") };
    accepted.decided_at = AT - COMMAND_MEMORY_MS - 1;
    fold.outcome(0, &old);
    assert_eq!(differences(&stores, &fold), [], "it may be gone");
}

fn pool_differences(stores: &Copied) -> Vec<String> {
    let mut found = Vec::new();
    verify_pools(stores, &mut |d| found.push(d.to_string())).unwrap();
    found
}

#[test]
fn should_find_what_contradicts_in_the_stores_of_pools() {
    let (stores, _) = played();
    for store in ["pool-memberships", "pool-loads", "pool-tickets", "pool-order", "pool-groups"] {
        for n in 0..stores.0[store].len() {
            let mut damaged = Copied(stores.0.clone());
            let entries = damaged.0.get_mut(store).unwrap();
            let key = entries.keys().nth(n).unwrap().clone();
            let value = entries.remove(&key).unwrap();
            assert_ne!(pool_differences(&damaged), Vec::<String>::new(), "{store} without entry {n}");
            let entries = damaged.0.get_mut(store).unwrap();
            let mut other = key.clone();
            *other.last_mut().unwrap() ^= 1;
            entries.insert(key, value.clone());
            entries.insert(other, value);
            assert_ne!(pool_differences(&damaged), Vec::<String>::new(), "{store} with entry {n} twice");
        }
    }
}

#[test]
fn should_find_a_load_that_is_not_what_the_user_has() {
    let (mut stores, _) = played();
    for value in stores.0.get_mut("pool-loads").unwrap().values_mut() {
        let mut load: schemas::PoolLoadState = schemas::frame::decode(value).unwrap();
        load.load += 1;
        value.clear();
        schemas::frame::encode(&load, value).unwrap();
    }
    let found = pool_differences(&stores);
    assert!(found.iter().any(|d| d.starts_with("pool-loads") && d.contains("expected Carried { load: 2")), "{found:?}");
}

#[rstest]
fn should_find_a_damaged_entry_of_each_store(
    #[values(
        "projects",
        "project-counters",
        "members",
        "handles",
        "tickets",
        "external-references",
        "comments",
        "watchers",
        "users"
    )]
    store: &str,
) {
    let (mut stores, fold) = played();
    let entries = stores.0.get_mut(store).unwrap();
    let (key, value) = entries.pop_first().unwrap();
    assert_eq!(differences(&stores, &fold), [(store.to_owned(), Problem::Missing)]);

    let mut flipped = value.clone();
    *flipped.last_mut().unwrap() ^= 2;
    stores.0.get_mut(store).unwrap().insert(key.clone(), flipped);
    let found = differences(&stores, &fold);
    assert!(matches!(&found[..], [(place, Problem::Differs { .. })] if place == store), "{found:?}");

    let mut other = key.clone();
    *other.last_mut().unwrap() ^= 1;
    let entries = stores.0.get_mut(store).unwrap();
    entries.insert(key, value.clone());
    entries.insert(other, value);
    assert_eq!(differences(&stores, &fold), [(store.to_owned(), Problem::Unexpected)]);
}

#[rstest]
#[case::project(|f: &mut Fold| f.project_rows.values_mut().for_each(|r| r.sequence += 1), "projects")]
#[case::member(|f: &mut Fold| f.member_rows.values_mut().for_each(|r| r.capacity += 1), "members")]
#[case::ticket(|f: &mut Fold| f.ticket_rows.values_mut().for_each(|r| r.description.push('x')), "tickets")]
#[case::ticket_gone(|f: &mut Fold| f.ticket_rows.clear(), "tickets")]
#[case::ticket_too_many(|f: &mut Fold| drop(f.ticket_rows.insert((OWNER, 9), TicketRow { number: 9, ..TicketRow::default() })), "tickets")]
#[case::comment(|f: &mut Fold| f.comment_rows.values_mut().for_each(|r| r.content.push('x')), "comments")]
#[case::watcher(|f: &mut Fold| f.watcher_rows.values_mut().for_each(|r| r.since += 1), "watchers")]
#[case::notification(|f: &mut Fold| f.notification_rows.values_mut().for_each(|r| r.read = true), "notifications")]
#[case::notification_gone(|f: &mut Fold| f.notification_rows.clear(), "notifications")]
#[case::mail(|f: &mut Fold| f.mail_rows.values_mut().for_each(|r| r.why.push('x')), "mails")]
#[case::mail_gone(|f: &mut Fold| f.mail_rows.clear(), "mails")]
#[case::mail_too_many(|f: &mut Fold| drop(f.mail_rows.insert(OWNER, MailRow { id: OWNER, requested_at: AT, ..MailRow::default() })), "mails")]
#[case::delivery(|f: &mut Fold| f.delivery_rows.values_mut().for_each(|r| r.status += 1), "webhook_deliveries")]
#[case::delivery_gone(|f: &mut Fold| f.delivery_rows.clear(), "webhook_deliveries")]
#[case::delivery_too_many(|f: &mut Fold| f.delivery(attempt(MEMBER, 1, AT, None)), "webhook_deliveries")]
#[case::watcher_gone(|f: &mut Fold| f.watcher_rows.clear(), "watchers")]
#[case::assignment(|f: &mut Fold| f.ticket_rows.values_mut().for_each(|r| r.assignment.held ^= true), "tickets")]
#[case::pool(|f: &mut Fold| f.project_rows.values_mut().for_each(|r| r.pool_id = Some(OWNER)), "projects")]
#[case::pool_open(|f: &mut Fold| f.project_rows.values_mut().for_each(|r| r.pool_open ^= true), "projects")]
#[case::policy(|f: &mut Fold| f.project_rows.values_mut().for_each(|r| r.assignment_policy.clear()), "projects")]
#[case::user(|f: &mut Fold| f.user_rows.values_mut().for_each(|r| r.name.push('x')), "users")]
#[case::outcome(|f: &mut Fold| f.outcome_rows.values_mut().for_each(|r| r.failed = !r.failed), "outcomes")]
#[case::outcome_moved(|f: &mut Fold| f.outcome_rows.values_mut().for_each(|r| r.decided_at = 0), "outcomes")]
#[case::outcome_broken(|f: &mut Fold| f.outcome_rows.values_mut().for_each(|r| r.bytes.truncate(9)), "outcomes")]
#[case::outcome_gone(|f: &mut Fold| f.outcome_rows.clear(), "outcomes")]
#[case::outcome_too_many(|f: &mut Fold| drop(f.outcome_rows.insert((OWNER, 9), row(&accepted(OWNER, AT, 1)))), "outcomes")]
#[case::outcome_other(|f: &mut Fold| f.outcome_rows.values_mut().for_each(|r| *r = row(&accepted(r.command_id, r.decided_at, 999))), "outcomes")]
fn should_find_a_damaged_row_of_each_table(#[case] damage: fn(&mut Fold), #[case] table: &str) {
    let (_, fold, happened) = played_through();
    let damaged = Table(RefCell::new(fold.clone()), happened);
    damage(&mut damaged.0.borrow_mut());
    let mut places = Vec::new();
    verify_read_model(&fold, &damaged, &mut |d| places.push(d.place)).unwrap();
    assert!(!places.is_empty() && places.iter().all(|p| *p == table), "{places:?}");
}

#[test]
fn should_find_what_is_wrong_with_the_history() {
    let (_, fold, happened) = played_through();
    let found = |damage: &dyn Fn(&mut Vec<HistoryRow>)| {
        let mut rows = happened.clone();
        damage(&mut rows);
        let mut found = Vec::new();
        let table = Table(RefCell::new(fold.clone()), rows);
        verify_read_model(&fold, &table, &mut |d| found.push((d.place, d.problem))).unwrap();
        found
    };
    assert_eq!(found(&|rows| rows.clear()), [("history", Problem::Missing)]);
    let other = |rows: &mut Vec<HistoryRow>| rows.push(HistoryRow { project_id: OWNER, ..rows[3].clone() });
    assert_eq!(found(&other), [("history", Problem::Unexpected)]);
    let damages: [&dyn Fn(&mut Vec<HistoryRow>); 6] = [
        &|rows| drop(rows.remove(3)),
        &|rows| rows.push(rows[3].clone()),
        &|rows| rows[3].subject.push('1'),
        &|rows| rows[3].at += 1,
        &|rows| rows[3].actor_id = None,
        &|rows| rows.iter_mut().filter(|row| row.kind == "ticket.created").for_each(|row| row.changes.push(' ')),
    ];
    for damage in damages {
        let found = found(damage);
        assert!(matches!(&found[..], [("history", Problem::Differs { .. })]), "{found:?}");
    }
}

#[test]
fn should_find_a_gap_in_the_log() {
    let mut model = world();
    let mut fold = Fold::default();
    let first = accept(&mut processors::ProjectModel::default(), 1, create_project(OWNER, |_| {})).events;
    first.into_iter().for_each(|e| fold.ticket_event(e));
    accept(&mut model, 50, create(MEMBER, |_| {})).events.into_iter().for_each(|e| fold.ticket_event(e));
    let mut found = Vec::new();
    verify_log(&fold, &mut |d| found.push(d.to_string()));
    assert!(matches!(&found[..], [one] if one.contains("but 3 is next")), "{found:?}");
}

fn accepted(command_id: Uuid, decided_at: i64, sequence: i64) -> Outcome {
    CommandAccepted { command_id, decided_at, sequence, ..CommandAccepted::default() }.into()
}

fn failed(command_id: Uuid, decided_at: i64) -> Outcome {
    CommandFailed { command_id, decided_at, ..CommandFailed::default() }.into()
}

fn row(outcome: &Outcome) -> OutcomeRow {
    OutcomeRow::of(outcome).unwrap()
}

/// What is wrong with a table of these outcomes, if the log has those, each on a partition, and all since then.
fn outcome_problems(log: &[(u32, Outcome)], since: i64, table: &[Outcome]) -> Vec<(Uuid, &'static str)> {
    let mut expected = Fold { outcomes_since: since, ..Fold::default() };
    log.iter().for_each(|(partition, outcome)| expected.outcome(*partition, outcome));
    let rows = table.iter().zip(0..).map(|(outcome, n)| ((outcome.command_id(), n), row(outcome))).collect();
    let found = Table(RefCell::new(Fold { outcome_rows: rows, ..Fold::default() }), Vec::new());
    let mut problems = Vec::new();
    let mut note = |difference: processors::Difference| {
        let problem = match difference.problem {
            Problem::Missing => "missing",
            Problem::Unexpected => "unexpected",
            _ => "differs",
        };
        problems.push((difference.key.parse().unwrap(), problem));
    };
    verify_read_model(&expected, &found, &mut note).unwrap();
    problems
}

#[test]
fn should_take_the_first_decision_of_a_command_for_its_outcome() {
    let [a, b] = [accepted(OWNER, AT, 1), accepted(OWNER, AT, 2)];
    let again = b.clone().with_duplicate(true);
    let log = [(0, failed(OWNER, AT)), (0, a.clone()), (0, again), (0, failed(OWNER, AT + 1))];
    assert_eq!(outcome_problems(&log, i64::MIN, &[a.clone()]), []);
    assert_eq!(outcome_problems(&log, i64::MIN, &[b.clone()]), [(OWNER, "differs")]);
    assert_eq!(outcome_problems(&log, i64::MIN, &[failed(OWNER, AT)]), [(OWNER, "differs")]);
    // The same id on two partitions: each decides, and either may have come first; but a failure has not.
    let log = [(0, a.clone()), (1, b.clone()), (2, failed(OWNER, AT))];
    assert_eq!(outcome_problems(&log, i64::MIN, &[a]), []);
    assert_eq!(outcome_problems(&log, i64::MIN, &[b]), []);
    assert_eq!(outcome_problems(&log, i64::MIN, &[failed(OWNER, AT)]), [(OWNER, "differs")]);
}

#[test]
fn should_not_hold_outcomes_to_more_than_log_and_table_keep() {
    let old = AT - COMMAND_MEMORY_MS - 1;
    let newest = (0, accepted(OWNER, AT, 1));
    let is = |log: &[(u32, Outcome)], since, table: &[Outcome]| {
        let (log, table) = ([log, &[newest.clone()]].concat(), [table, &[newest.1.clone()]].concat());
        outcome_problems(&log, since, &table)
    };
    let [gone, edge] = [accepted(MEMBER, old, 1), accepted(MEMBER, old + 1, 1)];
    // Longer ago than commands are remembered: in the table or not.
    assert_eq!(is(&[(0, gone.clone())], i64::MIN, &[]), []);
    assert_eq!(is(&[(0, gone.clone())], i64::MIN, &[gone.clone()]), []);
    assert_eq!(is(&[(0, edge.clone())], i64::MIN, &[]), [(MEMBER, "missing")]);
    // The log may have lost what is older than that; who knows what else it had.
    assert_eq!(is(&[], old + 2, &[edge.clone()]), []);
    assert_eq!(is(&[], i64::MAX, &[edge.clone()]), []);
    assert_eq!(is(&[], old + 1, &[edge]), [(MEMBER, "unexpected")]);
    // Decided anew after it was forgotten, while what it was answered before is still in its place.
    let anew = accepted(MEMBER, AT, 7);
    assert_eq!(is(&[(0, gone.clone()), (0, anew.clone())], i64::MIN, &[gone.clone()]), []);
    assert_eq!(is(&[(0, gone), (0, anew.clone())], i64::MIN, &[anew]), []);
}

/// A fold of these: when each mail was asked for, and what became of it.
fn mails(since: i64, asked: &[(Uuid, i64)], sent: &[(Uuid, i64)], failed: &[(Uuid, i64)]) -> Fold {
    let mut fold = Fold { mails_since: since, ..Fold::default() };
    for &(mail_id, published_at) in failed {
        fold.mail_decided(MailFailed { mail_id, published_at, attempts: 3, ..MailFailed::default() }.into());
    }
    for &(event_id, published_at) in asked {
        let kind = "welcome".to_owned();
        fold.mail_requested(MailRequested { event_id, published_at, kind, ..MailRequested::default() }.into());
    }
    for &(mail_id, published_at) in sent {
        fold.mail_decided(MailSent { mail_id, published_at, attempts: 1, ..MailSent::default() }.into());
    }
    fold.outcome(0, &accepted(Uuid::nil(), AT, 1));
    fold
}

fn problems(expected: &Fold, table: Fold) -> Vec<String> {
    let mut found = Vec::new();
    verify_read_model(expected, &Table(RefCell::new(table), Vec::new()), &mut |difference| {
        found.push(difference.place.to_owned());
    })
    .unwrap();
    found
}

#[test]
fn should_put_together_what_became_of_a_mail_in_any_order() {
    let fold = mails(i64::MIN, &[(OWNER, AT), (MEMBER, AT + 1)], &[(OWNER, AT + 5)], &[(MEMBER, AT + 6)]);
    let rows: Vec<_> =
        fold.mail_rows.values().map(|r| (r.id, r.requested_at, &*r.state, r.attempts, r.decided_at)).collect();
    let mut expected = vec![(OWNER, AT, "sent", 1, Some(AT + 5)), (MEMBER, AT + 1, "failed", 3, Some(AT + 6))];
    expected.sort_by_key(|row| row.0);
    assert_eq!(rows, expected);
    assert_eq!(problems(&fold, fold.clone()), Vec::<String>::new());
}

#[test]
fn should_not_hold_mails_to_more_than_log_and_table_keep() {
    let old = AT - COMMAND_MEMORY_MS - 1;
    let none = |since| mails(since, &[], &[], &[]);
    let fine = Vec::<String>::new();
    // Asked for longer ago than they are kept: in the table or not.
    let long_ago = mails(i64::MIN, &[(OWNER, old)], &[], &[]);
    assert_eq!(problems(&long_ago, none(i64::MIN)), fine);
    assert_eq!(problems(&long_ago, long_ago.clone()), fine);
    assert_eq!(problems(&mails(i64::MIN, &[(OWNER, old + 1)], &[], &[]), none(i64::MIN)), ["mails"]);
    // The log may have lost what is older than that.
    let table = mails(i64::MIN, &[(OWNER, AT - 9)], &[(OWNER, AT - 2)], &[]);
    assert_eq!(problems(&none(AT - 8), table.clone()), fine);
    assert_eq!(problems(&none(AT - 9), table.clone()), ["mails"]);
    // Also only that it was asked for.
    let half = mails(AT - 8, &[], &[(OWNER, AT - 2)], &[]);
    assert_eq!(problems(&half, table.clone()), fine);
    assert_eq!(problems(&half, none(AT - 8)), fine);
    let half = mails(i64::MIN, &[], &[(OWNER, AT - 2)], &[]);
    assert_eq!(problems(&half, table), ["mails"]);
}

/// An attempt to deliver: taken, or failed, for the last time or not.
fn attempt(delivery_id: Uuid, attempts: i32, published_at: i64, given_up: Option<bool>) -> DeliveryResult {
    let why = "busy\0".to_owned();
    match given_up {
        None => DeliverySucceeded { delivery_id, attempts, published_at, status: 200, ..Default::default() }.into(),
        Some(given_up) => {
            DeliveryFailed { delivery_id, attempts, published_at, given_up, why, ..Default::default() }.into()
        }
    }
}

/// A fold of these.
fn deliveries(since: i64, attempts: &[DeliveryResult]) -> Fold {
    let mut fold = Fold { deliveries_since: since, ..Fold::default() };
    attempts.iter().for_each(|attempt| fold.delivery(attempt.clone()));
    fold.outcome(0, &accepted(Uuid::nil(), AT, 1));
    fold
}

#[test]
fn should_know_of_a_delivery_what_its_last_attempt_told_however_often_they_are_read() {
    let told = [
        attempt(OWNER, 1, AT, Some(false)),
        attempt(MEMBER, 1, AT + 1, Some(false)),
        attempt(OWNER, 2, AT + 2, None),
        attempt(MEMBER, 1, AT + 3, Some(true)),
    ];
    let fold = deliveries(i64::MIN, &told);
    let rows: Vec<_> =
        fold.delivery_rows.values().map(|r| (r.id, &*r.state, r.attempts, &*r.why, r.first_at, r.last_at)).collect();
    let mut expected = vec![(OWNER, "delivered", 2, "", AT, AT + 2), (MEMBER, "failed", 1, "busy", AT + 1, AT + 3)];
    expected.sort_by_key(|row| row.0);
    assert_eq!(rows, expected);
    let mut again = fold.clone();
    for attempt in told {
        again.delivery(attempt);
        assert_eq!(again.delivery_rows, fold.delivery_rows);
    }
}

#[test]
fn should_not_hold_deliveries_to_more_than_log_and_table_keep() {
    let problems = |expected: &Fold, table: &Fold| problems(expected, table.clone());
    let fine = Vec::<String>::new();
    let old = AT - COMMAND_MEMORY_MS - 1;
    let none = |since| deliveries(since, &[]);
    // Tried last longer ago than they are kept: in the table or not.
    let long_ago = deliveries(i64::MIN, &[attempt(OWNER, 1, old, None)]);
    assert_eq!(problems(&long_ago, &none(i64::MIN)), fine);
    assert_eq!(problems(&long_ago, &long_ago), fine);
    let kept = deliveries(i64::MIN, &[attempt(OWNER, 1, old, Some(false)), attempt(OWNER, 2, old + 1, None)]);
    assert_eq!(problems(&kept, &none(i64::MIN)), ["webhook_deliveries"]);
    // The log may have lost what is older than that, also the first attempt alone.
    let first = attempt(OWNER, 1, AT - 9, Some(false));
    let second = attempt(OWNER, 2, AT - 2, None);
    let table = deliveries(i64::MIN, &[first.clone(), second.clone()]);
    assert_eq!(problems(&none(AT - 1), &table), fine);
    assert_eq!(problems(&none(AT - 2), &table), ["webhook_deliveries"]);
    assert_eq!(problems(&deliveries(AT - 8, std::slice::from_ref(&second)), &table), fine);
    assert_eq!(problems(&deliveries(AT - 9, &[second]), &table), ["webhook_deliveries"]);
    // Or what the last one said, which the table must know.
    assert_eq!(problems(&table, &deliveries(i64::MIN, &[first])), ["webhook_deliveries"]);
}
