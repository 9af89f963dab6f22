//! What happens to requests on their way to Kafka, by the proxy.

use std::time::Duration;

use rand::Rng;
use rand::seq::IndexedRandom;

use crate::kinds::{Part, Wire};
use crate::proxy::{Action, Proxy, Rule, retried};
use crate::refusals::{DENIALS, REFUSALS};
use crate::rig::Rig;
use crate::wire::{Request, api};

/// How long a rule may wait for the request that it is about, or a retry may take.
const SOON: Duration = Duration::from_secs(10);
/// How often it is tried.
const TRIES: usize = 3;

/// The errors of a table for a kind of request.
fn codes(table: &[(i16, &'static [i16])], kind: i16) -> &'static [i16] {
    table.iter().find(|(api, _)| *api == kind).unwrap().1
}

/// Of whoever has transactions: workers, mailer, deliverer.
fn is_transactional(request: &Request) -> bool {
    request.transaction.is_some()
}

impl Rig {
    /// The proxy; there is one wherever such faults are drawn.
    fn proxy(&self) -> &Proxy {
        self.site.proxy.as_ref().unwrap()
    }

    /// The next request of a kind; a worker may be killed while it is about to come.
    pub(crate) fn request(&mut self, kind: i16, wire: Wire) -> bool {
        let action = match wire {
            Wire::RequestLost => Action::DropRequest,
            Wire::AnswerLost => Action::DropResponse,
            Wire::Late => Action::Delay(Duration::from_millis(self.random.random_range(100..1_500))),
            Wire::TooLate => Action::Delay(Duration::from_secs(5)),
            Wire::Cut => Action::CutConnections,
            Wire::Refused => Action::Answer(*codes(&REFUSALS, kind).choose(&mut self.random).unwrap()),
            Wire::Denied => Action::MutateResponse(*codes(&DENIALS, kind).choose(&mut self.random).unwrap()),
        };
        self.says(&format!("request {kind}: {action:?}"));
        (0..TRIES).any(|_| self.meet(kind, action))
    }

    /// Whether a request of a kind comes soon and that happens to it. The one that it was about to happen to may die with its process.
    fn meet(&mut self, kind: i16, action: Action) -> bool {
        let rule = Rule::on(kind, action).first(1);
        // A producer asks where its coordinator is without saying that it has transactions.
        let rule = if kind == api::FIND_COORDINATOR { rule } else { rule.when(is_transactional) };
        let armed = self.proxy().rule(rule);
        // Producers ask for ids and coordinators when they are new, so one is made.
        let new = matches!(kind, api::INIT_PRODUCER_ID | api::FIND_COORDINATOR);
        if new || self.random.random_bool(0.3) {
            let victim = self.one_of(Part::Worker);
            self.kill(victim);
            self.slots[victim].start(&self.site);
        }
        let hit = armed.is_hit(SOON);
        self.proxy().clear();
        hit
    }

    /// The end of a worker's transaction is held and its connection cut; its retry, on another connection, is answered; then the first one
    /// arrives. It must be refused, or it would end what has come since.
    pub(crate) fn late_end(&mut self) -> bool {
        (0..TRIES).any(|_| self.hold_end())
    }

    fn hold_end(&mut self) -> bool {
        self.all_run();
        let worker = self.busy_worker();
        let name = format!("-{}-", self.slots[worker].name);
        let is_commit = move |request: &Request| {
            request.transaction.as_ref().is_some_and(|t| t.commit == Some(true) && t.id.contains(&name))
        };
        let armed =
            self.proxy().rule(Rule::on(api::END_TXN, Action::HoldRequest { cut: true }).when(is_commit).first(1));
        if !armed.is_hit(SOON) {
            self.proxy().clear();
            return false;
        }
        let late = armed.held(SOON);
        let (old, connection) = (late.request.transaction.clone(), late.request.connection);
        let retried = self.proxy().logs(api::END_TXN, SOON, |ends| retried(ends, old.as_ref(), connection) == Some(0));
        // The next transaction is open, or on its way.
        let id = old.map(|old| old.id).unwrap_or_default();
        let next = self.proxy().rule(
            Rule::on(api::END_TXN, Action::HoldRequest { cut: false })
                .when(move |request| request.transaction.as_ref().is_some_and(|t| t.id == id && t.commit == Some(true)))
                .first(1),
        );
        let open = next.is_hit(SOON).then(|| next.held(SOON));
        let code = late.release(SOON);
        let followed = open.is_some();
        let after = open.and_then(|open| open.release(SOON));
        self.proxy().clear();
        self.says(&format!("retried: {retried}; the late one was answered {code:?}, the one after it {after:?}"));
        assert!(!retried || !followed || code != Some(0), "a late end of a transaction was taken");
        retried && followed && code.is_some()
    }

    pub(crate) fn cut_connections(&mut self) -> bool {
        let victim = self.one_of(Part::Worker);
        self.kill(victim);
        self.slots[victim].start(&self.site);
        self.proxy().cut_connections() > 0
    }
}
