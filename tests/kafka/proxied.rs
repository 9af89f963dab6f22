//! Requests that come late, and answers that are lost or wrong, one at a time and each seen to take effect.

use std::time::{Duration, Instant};

use connectors::kafka::{KafkaBroker, KafkaConfig};
use topology::broker::{BrokerError, TopicPartition, TransactionalProducer};
use topology::{BatchBuilder, Headers};

use crate::load::{ENDLESS, seed};
use crate::proxy::{Action, Logged, Proxy, Rule, retried};
use crate::refusals::{DENIALS, PRODUCER_FENCED, REFUSALS};
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

/// Seen without the engine's suspicion (a commit that librdkafka tried again inside is taken as good, the producer kept): the late
/// request has the next transaction's own epoch, and the broker answers 0 and commits that while it is open.
#[test]
fn should_not_let_a_late_end_of_a_transaction_end_the_next_one() {
    let (site, proxy) = Site::proxied(settings("classic"));
    let server = site.dev();
    let mut scene = Scene::new(&site, &server, 20, ENDLESS, seed());
    scene.goes_on(200);
    let rule = proxy.rule(Rule::on(api::END_TXN, Action::HoldRequest { cut: true }).when(is_commit).first(1));
    // The first that passes the other rule is the retry, the second ends the next transaction, which so stays open.
    let next = proxy.rule(Rule::on(api::END_TXN, Action::HoldRequest { cut: false }).when(is_commit).nth(2));
    let late = rule.held(SOON);
    let old = late.request.transaction.clone().unwrap();
    let before = producers(&proxy, &old.id);
    let connection = late.request.connection;
    proxy.wait_for_log(api::END_TXN, SOON, |ends| retried(ends, Some(&old), connection) == Some(0));
    let open = next.held(SOON);
    assert_eq!(late.release(SOON), Some(INVALID_PRODUCER_EPOCH));
    let Transaction { id, epoch, .. } = open.request.transaction.clone().unwrap();
    assert_eq!((id, epoch), (old.id.clone(), old.epoch + 1));
    assert_eq!(open.release(SOON), Some(0));
    assert_eq!((rule.hits(), next.hits(), producers(&proxy, &old.id)), (1, 1, before + 1));
    scene.goes_on(300);
    site.is_whole(server, scene);
}

/// The same of an abort, by whoever goes on with its producer after one, as a redrive of dead letters does. Without the suspicion,
/// which makes this fail, the late request aborts what the next transaction has written so far; what it writes after is committed.
#[test]
fn should_not_let_a_late_abort_end_the_next_transaction() {
    let (site, proxy) = Site::proxied(settings("classic"));
    let tool = "org.apache.kafka.tools.TopicCommand";
    site.kafka.tool(tool, &["--create", "--topic", "letters", "--partitions", "1"]);
    let broker = KafkaBroker::open(KafkaConfig::new(proxy.address())).unwrap();
    let to = TopicPartition::new("letters", 0);
    // Once this has happened, the transaction's partition is known to the broker.
    let write = |producer: &mut dyn TransactionalProducer| {
        let (_, before) = broker.watermarks(&to).unwrap();
        let mut batch = BatchBuilder::new();
        batch.push(0, None, Some(b"a letter"), &Headers::new());
        producer.begin().unwrap();
        producer.send(&to, batch.finish()).unwrap();
        let end = Instant::now() + SOON;
        while broker.watermarks(&to).unwrap().1 == before {
            assert!(Instant::now() < end, "it is not written");
        }
    };
    let rule = proxy.rule(Rule::on(api::END_TXN, Action::HoldRequest { cut: true }).first(1));
    let mut producer = broker.transactional_producer("of-the-test").unwrap();
    write(producer.as_mut());
    let aborted = producer.abort();
    assert!(matches!(aborted, Err(BrokerError::Suspect(_))), "{aborted:?}");
    assert_eq!((rule.hits(), proxy.log(api::END_TXN).len()), (1, 2));
    let late = rule.held(SOON);
    assert_eq!(late.request.transaction.as_ref().unwrap().commit, Some(false));
    drop(producer);
    let mut producer = broker.transactional_producer("of-the-test").unwrap();
    write(producer.as_mut());
    assert_eq!(late.release(SOON), Some(INVALID_PRODUCER_EPOCH));
    producer.commit().unwrap();
}

/// What happens once to a kind of request.
struct Fault {
    api: i16,
    action: Action,
}

impl Fault {
    const fn new(api: i16, action: Action) -> Self {
        Self { api, action }
    }

    /// Whether the request comes only when the worker's producer is replaced.
    const fn needs_a_new_producer(&self) -> bool {
        matches!(self.api, api::INIT_PRODUCER_ID | api::FIND_COORDINATOR)
    }

    fn rule(&self) -> Rule {
        let rule = Rule::on(self.api, self.action).first(1);
        // A producer asks where its coordinator is without saying that it has transactions.
        if self.api == api::FIND_COORDINATOR { rule } else { rule.when(is_of_the_worker) }
    }
}

/// One after the other under load, each once, and the load goes on.
fn goes_on_through(faults: &[Fault]) {
    let (site, proxy) = Site::proxied(settings("classic"));
    let server = site.dev();
    let mut scene = Scene::new(&site, &server, 20, ENDLESS, seed());
    let begun = Instant::now();
    scene.goes_on(200);
    for fault in faults {
        let armed = proxy.rule(fault.rule());
        if fault.needs_a_new_producer() {
            let fenced = Rule::on(api::TXN_OFFSET_COMMIT, Action::Answer(PRODUCER_FENCED)).when(is_of_the_worker);
            proxy.rule(fenced.first(1)).wait_for_hit(SOON);
        }
        armed.wait_for_hit(SOON);
        // Outcomes of the transactions before may still be on their way to the clients.
        let before = scene.load.acknowledged();
        scene.goes_on(100);
        println!("{:?}: {} {:?}, {before} before", begun.elapsed(), fault.api, fault.action);
        assert_eq!(armed.hits(), 1);
    }
    site.is_whole(server, scene);
}

/// What the engine asks in each transaction.
const ASKED: [i16; 5] =
    [api::PRODUCE, api::ADD_PARTITIONS_TO_TXN, api::ADD_OFFSETS_TO_TXN, api::TXN_OFFSET_COMMIT, api::END_TXN];

#[test]
fn should_go_on_when_an_answer_or_a_request_is_lost_or_late() {
    let actions = [
        Action::DropResponse,
        Action::DropRequest,
        Action::CutConnections,
        Action::Delay(Duration::from_millis(500)),
        // Longer than a transaction may last.
        Action::Delay(Duration::from_secs(5)),
    ];
    let faults: Vec<_> = actions.iter().flat_map(|action| ASKED.map(|api| Fault::new(api, *action))).collect();
    goes_on_through(&faults);
}

#[test]
fn should_go_on_when_the_broker_refuses_a_request_once() {
    let refused =
        REFUSALS.iter().flat_map(|(api, codes)| codes.iter().map(|code| Fault::new(*api, Action::Answer(*code))));
    goes_on_through(&refused.collect::<Vec<_>>());
}

/// The broker has done what it was asked, and says otherwise.
#[test]
fn should_go_on_when_the_broker_denies_what_it_has_done() {
    let denied = DENIALS
        .iter()
        .flat_map(|(api, codes)| codes.iter().map(|code| Fault::new(*api, Action::MutateResponse(*code))));
    goes_on_through(&denied.collect::<Vec<_>>());
}

/// librdkafka tries twice and then never again, and waits for the answer past its own timeout.
#[test]
fn should_go_on_when_the_coordinator_of_the_group_is_not_found_three_times() {
    let (site, proxy) = Site::proxied(settings("classic"));
    let mut server = site.dev();
    let mut scene = Scene::new(&site, &server, 20, ENDLESS, seed());
    scene.goes_on(200);
    let worker = |logged: &Logged| logged.transaction.as_ref().map(|t| t.id.clone()).filter(|id| is_a_worker(id));
    let id = proxy.log(api::END_TXN).iter().find_map(worker).unwrap();
    // A request for the coordinator of transactions ends in another byte.
    let unknown = Rule::on(api::FIND_COORDINATOR, Action::Answer(15)).client(&id).when(|r| r.frame.ends_with(&[0]));
    let unknown = proxy.rule(unknown.first(3));
    // A new producer does not know the coordinator yet.
    let fenced = Rule::on(api::TXN_OFFSET_COMMIT, Action::Answer(PRODUCER_FENCED)).client(&id);
    proxy.rule(fenced.first(1)).wait_for_hit(SOON);
    let begun = Instant::now();
    server.wait_for_log("are not taken in time");
    println!("given up after {:?}", begun.elapsed());
    assert_eq!(unknown.hits(), 3);
    scene.goes_on(300);
    site.is_whole(server, scene);
}
