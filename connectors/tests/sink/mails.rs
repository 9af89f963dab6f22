//! What a sink and its read model promise of mails, on any database.

use connectors::read_model::MailCursor;
use connectors::sink::SinkOptions;
use schemas::reader::MailRow;
use schemas::{CommandAccepted, MailFailed, MailRequested, MailSent, ids, topics};
use topology::broker::partition_for_key;
use uuid::Uuid;

use crate::home::{Home, Kind, Opened};
use crate::support::*;

pub(crate) fn requested(user_id: Uuid, id: u128) -> MailRequested {
    let address = "ana@example.org".to_owned();
    let at = i64::try_from(id).expect("a time");
    let (event_id, kind) = (Uuid::from_u128(id), "notification".to_owned());
    MailRequested { event_id, user_id, published_at: at, kind, address, ..MailRequested::default() }
}

fn sent(user_id: Uuid, id: u128, at: i64) -> MailSent {
    MailSent { user_id, mail_id: Uuid::from_u128(id), published_at: at, attempts: 2, ..MailSent::default() }
}

fn given_up(user_id: Uuid, id: u128, at: i64) -> MailFailed {
    let why = "550 \"nobody\" \\ of that\0 name: ñ".to_owned();
    MailFailed { user_id, mail_id: Uuid::from_u128(id), published_at: at, attempts: 1, why, ..MailFailed::default() }
}

/// Of each mail its number, its kind, its state, and when it was decided what became of it.
pub(crate) async fn mails(
    model: &Opened,
    user: Uuid,
    state: Option<&str>,
    before: Option<MailCursor>,
    limit: u32,
) -> (Vec<(u128, String, String, Option<i64>)>, Option<MailCursor>) {
    let page = model.mails(user, state, before, limit).await.expect("an answer");
    let line = |row: MailRow| (row.id.as_u128(), row.kind, row.state, row.decided_at);
    (page.items.into_iter().map(line).collect(), page.next)
}

/// All mails of somebody, as soon as they are these.
async fn settle_at(model: &Opened, user: Uuid, expected: &[(u128, &str, &str, Option<i64>)]) {
    let expected: Vec<_> =
        expected.iter().map(|(n, kind, state, at)| (*n, (*kind).to_owned(), (*state).to_owned(), *at)).collect();
    let end = soon();
    loop {
        let (found, _) = mails(model, user, None, None, 10).await;
        if found == expected {
            return;
        }
        assert!(std::time::Instant::now() < end, "{found:?} instead of {expected:?}");
        tokio::task::yield_now().await;
    }
}

pub(crate) async fn should_know_what_became_of_a_mail_whichever_record_comes_first(kind: Kind) {
    let log = Log::new();
    let home = Home::new(kind, &log).await;
    let model = home.open().await;
    let _sink = model.start(SinkOptions::default());
    let ana = ids::user_id("ana@example.org");
    // One after the other, each written before the next is there.
    log.mail(requested(ana, 1));
    settle_at(&model, ana, &[(1, "notification", "waiting", None)]).await;
    log.mail_result(sent(ana, 1, 70));
    settle_at(&model, ana, &[(1, "notification", "sent", Some(70))]).await;
    log.mail_result(given_up(ana, 2, 80));
    settle_at(&model, ana, &[(2, "", "failed", Some(80)), (1, "notification", "sent", Some(70))]).await;
    log.mail(requested(ana, 2));
    settle_at(&model, ana, &[(2, "notification", "failed", Some(80)), (1, "notification", "sent", Some(70))]).await;
    let failed = model.mails(ana, Some("failed"), None, 1).await.expect("an answer").items.remove(0);
    let MailFailed { why, attempts, .. } = given_up(ana, 2, 80);
    assert_eq!(
        (failed.user_id, failed.requested_at, failed.attempts, failed.why),
        (ana, 2, attempts, why.replace('\0', ""))
    );
    // What says nothing new changes nothing.
    log.mail(requested(ana, 1));
    log.mail_result(sent(ana, 3, 90));
    log.mail(requested(ana, 3));
    let all = [
        (3, "notification", "sent", Some(90)),
        (2, "notification", "failed", Some(80)),
        (1, "notification", "sent", Some(70)),
    ];
    settle_at(&model, ana, &all).await;
    drop(model);
    // All at once.
    let other = Home::new(kind, &log).await;
    let model = other.open().await;
    let _sink = model.start(SinkOptions { group: "another".to_owned(), ..SinkOptions::default() });
    settle_at(&model, ana, &all).await;
}

pub(crate) async fn should_list_mails_in_pages_and_by_state(kind: Kind) {
    let log = Log::new();
    let home = Home::new(kind, &log).await;
    let (ana, bob) = (ids::user_id("ana"), ids::user_id("bob"));
    for n in 1..=6 {
        // Two of them at a time.
        log.mail(MailRequested { published_at: i64::try_from(n / 2).expect("a time"), ..requested(ana, n) });
    }
    log.mail(requested(bob, 20));
    for n in [2, 5] {
        log.mail_result(given_up(ana, n, 99));
    }
    let model = home.open().await;
    let _sink = model.start(SinkOptions::default());
    let numbers = async |user, state, before, limit| {
        let (found, next) = mails(&model, user, state, before, limit).await;
        (found.into_iter().map(|(n, ..)| n).collect::<Vec<_>>(), next)
    };
    while numbers(ana, Some("failed"), None, 10).await.0.len() < 2 || numbers(ana, None, None, 10).await.0.len() < 6 {
        tokio::task::yield_now().await;
    }
    let (first, next) = numbers(ana, None, None, 4).await;
    assert_eq!((first, next), (vec![6, 5, 4, 3], Some(MailCursor { requested_at: 1, id: Uuid::from_u128(3) })));
    assert_eq!(numbers(ana, None, next, 4).await, (vec![2, 1], None));
    let (first, next) = numbers(ana, Some("failed"), None, 1).await;
    assert_eq!(first, [5]);
    assert_eq!(numbers(ana, Some("failed"), next, 1).await, (vec![2], None));
    assert_eq!(numbers(ana, Some("waiting"), None, 10).await.0, [6, 4, 3, 1]);
    while numbers(bob, None, None, 10).await.0 != [20] {
        tokio::task::yield_now().await;
    }
}

pub(crate) async fn should_forget_the_mails_of_those_who_were_erased_and_old_ones(kind: Kind) {
    const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
    let log = Log::new();
    let home = Home::new(kind, &log).await;
    let (ana, bob) = (ids::user_id("ana"), ids::user_id("bob"));
    log.mail(requested(ana, 1));
    log.mail(requested(bob, 2));
    log.mail(MailRequested { published_at: 2 * DAY_MS, ..requested(bob, 3) });
    let model = home.open().await;
    let _sink = model.start(SinkOptions::default());
    settle_at(&model, ana, &[(1, "notification", "waiting", None)]).await;
    settle_at(&model, bob, &[(3, "notification", "waiting", None), (2, "notification", "waiting", None)]).await;
    let key = ana.to_string();
    log.append(topics::USER_EVENTS, partition_for_key(key.as_bytes(), PARTITIONS), &key, None);
    settle_at(&model, ana, &[]).await;
    // An outcome a week later says how late it is.
    log.outcome(CommandAccepted { decided_at: 8 * DAY_MS, ..accepted(1) }, 0);
    settle_at(&model, bob, &[(3, "notification", "waiting", None)]).await;
}
