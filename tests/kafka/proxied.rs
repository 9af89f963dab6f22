//! Requests that come late, and answers that are lost or wrong, one at a time and each seen to take effect.

use std::time::Duration;

use crate::load::seed;
use crate::proxy::{Action, Logged, Proxy, Rule};
use crate::site::{Scene, Site, settings};
use crate::wire::{Request, Transaction, api};

/// How long a rule may wait for the request that it is about, or a retry may take.
const SOON: Duration = Duration::from_secs(30);

/// The broker's answer to a transaction of an epoch that is over.
const INVALID_PRODUCER_EPOCH: i16 = 47;

/// Of the worker's thread: the mailer and the deliverer of webhooks in the same process have ids of their own.
fn is_of_the_worker(request: &Request) -> bool {
    request.transaction.as_ref().is_some_and(|transaction| is_a_worker(&transaction.id))
}

fn is_a_worker(transactional_id: &str) -> bool {
    !["syncroboard-mailer-", "syncroboard-webhooks-"].iter().any(|other| transactional_id.starts_with(other))
}

fn is_commit(request: &Request) -> bool {
    is_of_the_worker(request) && request.transaction.as_ref().is_some_and(|t| t.commit == Some(true))
}

/// How many producers of a transactional id the broker has let in.
fn producers(proxy: &Proxy, id: &str) -> usize {
    let of_it = |logged: &&Logged| logged.transaction.as_ref().is_some_and(|t| t.id == id) && logged.code == Some(0);
    proxy.log(api::INIT_PRODUCER_ID).iter().filter(of_it).count()
}

/// Without the engine's suspicion (a commit that librdkafka tried again inside taken as good, the producer kept) the late
/// request is of the next transaction's own epoch: the broker answers 0 and commits it while it is open.
#[test]
fn should_not_let_a_late_end_of_a_transaction_end_the_next_one() {
    let (site, proxy) = Site::proxied(settings("classic"));
    let server = site.dev();
    let mut scene = Scene::new(&site, &server, 20, 2_500, seed());
    scene.load.wait_for(500);
    let rule = proxy.rule(Rule::on(api::END_TXN, Action::HoldRequest { cut: true }).when(is_commit).first(1));
    // The first that passes the other rule is the retry, the second ends the next transaction, which so stays open.
    let next = proxy.rule(Rule::on(api::END_TXN, Action::HoldRequest { cut: false }).when(is_commit).nth(2));
    let late = rule.held(SOON);
    let old = late.request.transaction.clone().unwrap();
    let before = producers(&proxy, &old.id);
    let connection = late.request.connection;
    proxy.wait_for_log(api::END_TXN, SOON, |ends| {
        let is_retry = |end: &&&Logged| end.transaction.as_ref() == Some(&old) && end.connection != connection;
        ends.iter().find(is_retry).is_some_and(|end| end.code == Some(0))
    });
    let open = next.held(SOON);
    assert_eq!(late.release(SOON), Some(INVALID_PRODUCER_EPOCH));
    let Transaction { id, epoch, .. } = open.request.transaction.clone().unwrap();
    assert_eq!((id, epoch), (old.id.clone(), old.epoch + 1));
    assert_eq!(open.release(SOON), Some(0));
    assert_eq!((rule.hits(), next.hits(), producers(&proxy, &old.id)), (1, 1, before + 1));
    scene.load.wait_for(2_500);
    site.is_whole(server, scene);
}
