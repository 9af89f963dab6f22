//! What a sink and its read model promise of deliveries to webhooks, on any database.

use connectors::read_model::DeliveryCursor;
use connectors::sink::SinkOptions;
use schemas::reader::DeliveryRow;
use schemas::{CommandAccepted, DeliveryFailed, DeliveryResult, DeliverySucceeded, ids, topics};
use topology::broker::partition_for_key;
use uuid::Uuid;

use crate::home::{Home, Kind, Opened};
use crate::support::*;

const HOOK: Uuid = Uuid::from_u128(7);

pub(crate) fn taken(owner_id: Uuid, id: u128, attempts: i32, at: i64) -> DeliverySucceeded {
    DeliverySucceeded {
        owner_id,
        delivery_id: Uuid::from_u128(id),
        hook_id: HOOK,
        subject_id: Uuid::from_u128(id + 1_000),
        kind: "ticket.created".to_owned(),
        published_at: at,
        attempts,
        status: 204,
        ..DeliverySucceeded::default()
    }
}

fn failed(owner_id: Uuid, id: u128, attempts: i32, at: i64, given_up: bool) -> DeliveryFailed {
    DeliveryFailed {
        owner_id,
        delivery_id: Uuid::from_u128(id),
        hook_id: HOOK,
        subject_id: Uuid::from_u128(id + 1_000),
        kind: "ticket.created".to_owned(),
        published_at: at,
        attempts,
        status: 503,
        why: "503: \"busy\" \\ come\0 again: ñ".to_owned(),
        given_up,
        ..DeliveryFailed::default()
    }
}

/// Of each delivery its number, its state, its attempts, and when it was tried first and last.
type Line = (u128, &'static str, i32, i64, i64);

fn line(row: &DeliveryRow) -> (u128, &str, i32, i64, i64) {
    (row.id.as_u128(), &row.state, row.attempts, row.first_at, row.last_at)
}

async fn settle_at(model: &Opened, expected: &[Line]) {
    let end = soon();
    loop {
        let found = model.deliveries(HOOK, None, None, 10).await.expect("an answer").items;
        if found.iter().map(line).eq(expected.iter().copied()) {
            return;
        }
        assert!(std::time::Instant::now() < end, "{found:?} instead of {expected:?}");
        tokio::task::yield_now().await;
    }
}

pub(crate) async fn should_know_of_a_delivery_what_its_last_attempt_told(kind: Kind) {
    let log = Log::new();
    let home = Home::new(kind, &log).await;
    let model = home.open().await;
    let _sink = model.start(SinkOptions::default());
    let ana = ids::user_id("ana@example.org");
    assert_eq!(model.delivery(Uuid::from_u128(1)).await.expect("an answer"), None);
    // One after the other, each written before the next is there.
    let told: [DeliveryResult; 4] = [
        failed(ana, 1, 1, 10, false).into(),
        failed(ana, 1, 2, 20, false).into(),
        failed(ana, 2, 1, 30, false).into(),
        failed(ana, 2, 1, 40, true).into(),
    ];
    let mut lines: Vec<Line> = vec![(1, "retrying", 1, 10, 10)];
    log.delivery_result(told[0].clone());
    settle_at(&model, &lines).await;
    log.delivery_result(told[1].clone());
    lines = vec![(1, "retrying", 2, 10, 20)];
    settle_at(&model, &lines).await;
    log.delivery_result(told[2].clone());
    lines.insert(0, (2, "retrying", 1, 30, 30));
    settle_at(&model, &lines).await;
    // Given up without a further attempt.
    log.delivery_result(told[3].clone());
    lines[0] = (2, "failed", 1, 30, 40);
    settle_at(&model, &lines).await;
    let given_up = model.delivery(Uuid::from_u128(2)).await.expect("an answer").expect("there");
    assert_eq!((given_up.hook_id, given_up.owner_id, given_up.subject_id), (HOOK, ana, Uuid::from_u128(1_002)));
    assert_eq!((given_up.kind.as_str(), given_up.status), ("ticket.created", 503));
    assert_eq!(given_up.why, "503: \"busy\" \\ come again: ñ");
    log.delivery_result(taken(ana, 1, 3, 50));
    lines[1] = (1, "delivered", 3, 10, 50);
    settle_at(&model, &lines).await;
    let delivered = model.delivery(Uuid::from_u128(1)).await.expect("an answer").expect("there");
    assert_eq!((delivered.status, delivered.why.as_str()), (204, ""));
    // Read once more they change nothing, one by one or all at once.
    for (number, told) in told.iter().enumerate() {
        log.delivery_result(told.clone());
        log.delivery_result(taken(ana, 10, 1, 1_000 - i64::try_from(number).expect("small")));
        lines.retain(|line| line.0 != 10);
        lines.insert(0, (10, "delivered", 1, 1_000, 1_000));
        settle_at(&model, &lines).await;
    }
    drop(model);
    let other = Home::new(kind, &log).await;
    let model = other.open().await;
    let _sink = model.start(SinkOptions { group: "another".to_owned(), ..SinkOptions::default() });
    settle_at(&model, &lines).await;
}

pub(crate) async fn should_list_deliveries_in_pages_and_by_state(kind: Kind) {
    let log = Log::new();
    let home = Home::new(kind, &log).await;
    let ana = ids::user_id("ana");
    for n in 1..=6 {
        // Two of them at a time.
        log.delivery_result(taken(ana, n, 1, i64::try_from(n / 2).expect("a time")));
    }
    for n in [8, 9] {
        log.delivery_result(failed(ana, n, 1, 0, true));
    }
    log.delivery_result(DeliverySucceeded { hook_id: Uuid::from_u128(8), ..taken(ana, 20, 1, 99) });
    let model = home.open().await;
    let _sink = model.start(SinkOptions::default());
    let numbers = async |state, before, limit| {
        let page = model.deliveries(HOOK, state, before, limit).await.expect("an answer");
        (page.items.iter().map(|row| row.id.as_u128()).collect::<Vec<_>>(), page.next)
    };
    while numbers(None, None, 10).await.0.len() < 8 {
        tokio::task::yield_now().await;
    }
    let (first, next) = numbers(None, None, 4).await;
    assert_eq!((first, next), (vec![6, 5, 4, 3], Some(DeliveryCursor { first_at: 1, id: Uuid::from_u128(3) })));
    assert_eq!(numbers(None, next, 4).await, (vec![2, 9, 8, 1], None));
    let (first, next) = numbers(Some("failed"), None, 1).await;
    assert_eq!(first, [9]);
    assert_eq!(numbers(Some("failed"), next, 1).await, (vec![8], None));
    assert_eq!(numbers(Some("delivered"), None, 10).await.0, [6, 5, 4, 3, 2, 1]);
    assert!(numbers(Some("retrying"), None, 10).await.0.is_empty());
}

pub(crate) async fn should_forget_the_deliveries_of_those_who_were_erased_and_old_ones(kind: Kind) {
    const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
    let log = Log::new();
    let home = Home::new(kind, &log).await;
    let (ana, web) = (ids::user_id("ana"), ids::project_id("WEB"));
    log.delivery_result(taken(ana, 1, 1, 1));
    log.delivery_result(taken(web, 2, 1, 2));
    // Begun when the one before was, and tried later.
    log.delivery_result(failed(web, 3, 1, 2, false));
    log.delivery_result(failed(web, 3, 2, 2 * DAY_MS, false));
    let model = home.open().await;
    let _sink = model.start(SinkOptions::default());
    let [of_ana, old, late]: [Line; 3] =
        [(1, "delivered", 1, 1, 1), (2, "delivered", 1, 2, 2), (3, "retrying", 2, 2, 2 * DAY_MS)];
    settle_at(&model, &[late, old, of_ana]).await;
    let key = ana.to_string();
    log.append(topics::USER_EVENTS, partition_for_key(key.as_bytes(), PARTITIONS), &key, None);
    settle_at(&model, &[late, old]).await;
    // An outcome a week later says how late it is.
    log.outcome(CommandAccepted { decided_at: 8 * DAY_MS, ..accepted(1) }, 0);
    settle_at(&model, &[late]).await;
}
