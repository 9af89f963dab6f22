//! A proxy between clients and one broker that makes a request or its answer late, lost or wrong.
//!
//! Clients stay with it: where the broker tells them its address, the proxy tells them its own. What it knows of Kafka's
//! protocol is in `wire.rs`.

use std::collections::{BTreeMap, VecDeque};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::wire::{Request, Transaction, answer, api, can_answer, code, correlation, read_frame, write_frame};

/// What happens to a request that a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// It does not reach the broker, and the client's connection is cut.
    DropRequest,
    /// It takes effect; its answer is swallowed, and the client's connection is cut.
    DropResponse,
    /// It is kept until [`Held::release`]; until then the connection is silent, or is cut for the client at once. What the client
    /// sent on this connection before has reached the broker; what it sends after waits as well.
    HoldRequest { cut: bool },
    /// It, and all behind it on its connection, reaches the broker later, even if the client does not wait for it.
    Delay(Duration),
    /// It does not reach the broker; the proxy answers with this error.
    Answer(i16),
    /// It takes effect; the proxy answers with this error in the broker's place, once the broker has answered.
    MutateResponse(i16),
    /// It does not reach the broker, and all connections of all clients are cut.
    CutConnections,
}

/// Which requests something happens to, and what. Of all rules that a request fits, the first decides.
pub(crate) struct Rule {
    api: Option<i16>,
    action: Action,
    client: String,
    matches: (usize, usize),
    when: Box<dyn Fn(&Request) -> bool + Send + Sync>,
}

impl Rule {
    /// Whatever is of this kind.
    pub(crate) fn on(api: i16, action: Action) -> Self {
        Self { api: Some(api), ..Self::on_any(action) }
    }

    /// Whatever is asked. The kinds of request that the proxy can answer by itself are few, so this does not go with an answer.
    pub(crate) fn on_any(action: Action) -> Self {
        Self { api: None, action, client: String::new(), matches: (1, usize::MAX), when: Box::new(|_| true) }
    }

    /// Only of clients whose id begins with this.
    pub(crate) fn client(self, prefix: &str) -> Self {
        Self { client: prefix.to_owned(), ..self }
    }

    /// Only if this is true too.
    pub(crate) fn when(self, when: impl Fn(&Request) -> bool + Send + Sync + 'static) -> Self {
        Self { when: Box::new(when), ..self }
    }

    /// Only to the n-th that fits, counted from 1.
    pub(crate) fn nth(self, n: usize) -> Self {
        Self { matches: (n, n), ..self }
    }

    /// Only to the first so many that fit.
    pub(crate) fn first(self, count: usize) -> Self {
        Self { matches: (1, count), ..self }
    }
}

/// A request that was seen, and what became of it.
#[derive(Debug, Clone)]
pub(crate) struct Logged {
    pub(crate) api: i16,
    pub(crate) version: i16,
    pub(crate) client: String,
    pub(crate) connection: u64,
    pub(crate) transaction: Option<Transaction>,
    pub(crate) fault: Option<Action>,
    /// What the broker answered, of the kinds of request that [`answer`] knows: the first error in it, or 0.
    pub(crate) code: Option<i16>,
}

/// Listens until it is dropped, which closes everything.
pub(crate) struct Proxy {
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

/// A rule that is in force, or was.
pub(crate) struct Armed {
    shared: Arc<Shared>,
    id: usize,
}

/// A request that was held.
pub(crate) struct Held {
    pub(crate) request: Request,
    shared: Arc<Shared>,
    index: usize,
}

struct Shared {
    broker: SocketAddr,
    own: SocketAddr,
    state: Mutex<State>,
    /// Told of every change that somebody may wait for.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    closed: bool,
    /// With the number that [`Armed`] knows it by.
    rules: Vec<(usize, Rule)>,
    /// Of every rule that there ever was.
    counts: Vec<Counts>,
    connections: BTreeMap<u64, Arc<Connection>>,
    held: Vec<Hold>,
    seen: BTreeMap<i16, usize>,
    log: Vec<Logged>,
}

#[derive(Default)]
struct Counts {
    matches: usize,
    hits: usize,
}

struct Hold {
    rule: usize,
    request: Request,
    released: bool,
    /// The broker's answer; `Some(None)` if there will be none any more.
    answer: Option<Option<Vec<u8>>>,
}

struct Connection {
    client: TcpStream,
    broker: TcpStream,
    /// What is to be done with the answers that are to come, in their order. Whoever writes to the client holds it.
    waiting: Mutex<VecDeque<Waiting>>,
}

#[derive(Clone)]
struct Waiting {
    api: i16,
    version: i16,
    correlation: i32,
    /// Where it is in the log.
    logged: Option<usize>,
    then: Then,
}

#[derive(Clone)]
enum Then {
    Pass,
    /// By this rule.
    Drop(usize),
    Replace(usize, Vec<u8>),
    /// It is there, and goes to the client once those before it have.
    Ready(Vec<u8>),
    /// That request has its answer.
    Held(usize),
}

impl Proxy {
    /// Listens on a port of its own, in front of this broker.
    pub(crate) fn start(broker: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let own = listener.local_addr().unwrap();
        let shared = Arc::new(Shared { broker, own, state: Mutex::default(), changed: Condvar::new() });
        let acceptor = std::thread::spawn({
            let shared = shared.clone();
            move || shared.accept(&listener)
        });
        Self { shared, acceptor: Some(acceptor) }
    }

    /// `host:port`, for clients.
    pub(crate) fn address(&self) -> String {
        self.shared.own.to_string()
    }

    /// Sets a rule, behind those that there are.
    pub(crate) fn rule(&self, rule: Rule) -> Armed {
        if let Action::Answer(_) | Action::MutateResponse(_) = rule.action {
            assert!(rule.api.is_some_and(can_answer), "there is no answer to that");
        }
        let mut state = self.shared.state();
        let id = state.counts.len();
        state.counts.push(Counts::default());
        state.rules.push((id, rule));
        Armed { shared: self.shared.clone(), id }
    }

    /// There are no rules any more. What is held stays held.
    pub(crate) fn clear(&self) {
        self.shared.state().rules.clear();
    }

    /// Cuts all connections that there are, now; how many.
    pub(crate) fn cut_connections(&self) -> usize {
        let state = self.shared.state();
        state.cut_connections();
        state.connections.len()
    }

    /// How many requests of a kind have come.
    pub(crate) fn count(&self, api: i16) -> usize {
        self.shared.state().seen.get(&api).copied().unwrap_or_default()
    }

    /// Those of a kind that have come, in their order. Of Produce and Fetch there are only counts.
    pub(crate) fn log(&self, api: i16) -> Vec<Logged> {
        self.shared.state().log.iter().filter(|logged| logged.api == api).cloned().collect()
    }

    /// Waits until the log of a kind is as it should be; panics if it does not become so.
    pub(crate) fn wait_for_log(&self, api: i16, timeout: Duration, is_so: impl Fn(&[&Logged]) -> bool) {
        assert!(self.logs(api, timeout, is_so), "this is all that came: {:#?}", self.log(api));
    }

    /// Whether the log of a kind becomes as it should be within this time.
    pub(crate) fn logs(&self, api: i16, timeout: Duration, is_so: impl Fn(&[&Logged]) -> bool) -> bool {
        let logged = |state: &State| is_so(&state.log.iter().filter(|logged| logged.api == api).collect::<Vec<_>>());
        self.shared.wait(timeout, logged)
    }
}

/// What was answered to the end of a transaction that was sent in the place of the one that was held on this connection. A producer's
/// earlier transactions look as this one does, so only what came after the hold counts.
pub(crate) fn retried(ends: &[&Logged], transaction: Option<&Transaction>, connection: u64) -> Option<i16> {
    let same = |end: &&&Logged| end.transaction.as_ref() == transaction;
    let is_held = |end: &Logged| end.connection == connection && matches!(end.fault, Some(Action::HoldRequest { .. }));
    let before = ends.iter().rposition(|end| same(&end) && is_held(end))?;
    ends.iter().skip(before).filter(same).find(|end| end.connection != connection)?.code
}

impl Drop for Proxy {
    fn drop(&mut self) {
        {
            let mut state = self.shared.state();
            state.closed = true;
            state.cut_connections();
        }
        self.shared.changed.notify_all();
        // Whoever waits for connections is woken by one.
        let _ = TcpStream::connect(self.shared.own);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

impl Armed {
    /// How often it has taken effect.
    pub(crate) fn hits(&self) -> usize {
        self.shared.state().counts[self.id].hits
    }

    /// Waits until it has taken effect once; panics if it does not.
    pub(crate) fn wait_for_hit(&self, timeout: Duration) {
        assert!(
            self.is_hit(timeout),
            "the rule has not taken effect; requests by kind: {:?}",
            self.shared.state().seen
        );
    }

    /// Whether it takes effect within this time.
    pub(crate) fn is_hit(&self, timeout: Duration) -> bool {
        self.shared.wait(timeout, |state| state.counts[self.id].hits > 0)
    }

    /// Waits until it holds a request that nobody has released yet, and returns the oldest.
    pub(crate) fn held(&self, timeout: Duration) -> Held {
        let mine = |state: &State| state.held.iter().position(|held| held.rule == self.id && !held.released);
        assert!(self.shared.wait(timeout, |state| mine(state).is_some()), "the rule holds nothing");
        let state = self.shared.state();
        let index = mine(&state).unwrap();
        Held { request: state.held[index].request.clone(), shared: self.shared.clone(), index }
    }
}

impl Held {
    /// Sends it on the connection that the client sent it on, which the broker still has. The error in the broker's answer,
    /// once it is there: 0 if all is well; `None` if there was none in time, or no connection any more.
    pub(crate) fn release(self, timeout: Duration) -> Option<i16> {
        self.shared.state().held[self.index].released = true;
        self.shared.changed.notify_all();
        self.shared.wait(timeout, |state| state.held[self.index].answer.is_some());
        let answer = self.shared.state().held[self.index].answer.clone()??;
        code(self.request.api, self.request.version, &answer)
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Whether it became true in time.
    fn wait(&self, timeout: Duration, is_so: impl Fn(&State) -> bool) -> bool {
        let waiting = self.changed.wait_timeout_while(self.state(), timeout, |state| !is_so(state));
        !waiting.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    fn hit(&self, rule: usize) {
        self.state().counts[rule].hits += 1;
        self.changed.notify_all();
    }

    fn accept(&self, listener: &TcpListener) {
        std::thread::scope(|threads| {
            for (number, client) in (1..).zip(listener.incoming()) {
                if self.state().closed {
                    return;
                }
                if let Ok(client) = client {
                    threads.spawn(move || self.serve(number, client));
                }
            }
        });
    }

    /// One connection, from its beginning to its end. A broker that is not there looks to the client as it would without a proxy.
    fn serve(&self, number: u64, client: TcpStream) {
        let Ok(broker) = TcpStream::connect_timeout(&self.broker, Duration::from_secs(5)) else { return };
        let _ = client.set_nodelay(true).and(broker.set_nodelay(true));
        let connection = Arc::new(Connection { client, broker, waiting: Mutex::default() });
        {
            let mut state = self.state();
            if state.closed {
                return;
            }
            state.connections.insert(number, connection.clone());
        }
        std::thread::scope(|threads| {
            threads.spawn(|| {
                self.forward_answers(&connection);
                connection.cut();
                self.nothing_comes_from(number);
            });
            self.forward_requests(number, &connection);
            connection.cut();
        });
        self.state().connections.remove(&number);
    }

    /// The broker's side of a connection has ended.
    fn nothing_comes_from(&self, number: u64) {
        for held in self.state().held.iter_mut().filter(|held| held.request.connection == number) {
            held.answer.get_or_insert(None);
        }
        self.changed.notify_all();
    }

    /// Ends with `None` once there is nothing more to forward. A hit counts before the client can see it.
    fn forward_requests(&self, number: u64, connection: &Connection) -> Option<()> {
        loop {
            let request = Request::parse(number, read_frame(&connection.client)?)?;
            let (fault, logged) = self.state().decide(&request);
            self.changed.notify_all();
            let Some((rule, action)) = fault else {
                connection.send(&request, logged, Then::Pass)?;
                continue;
            };
            match action {
                Action::DropRequest => {
                    self.hit(rule);
                    return None;
                }
                Action::CutConnections => {
                    self.hit(rule);
                    self.state().cut_connections();
                    return None;
                }
                Action::DropResponse => connection.send(&request, logged, Then::Drop(rule))?,
                Action::MutateResponse(code) => {
                    let wrong = answer(&request, code)?;
                    connection.send(&request, logged, Then::Replace(rule, wrong))?;
                }
                Action::Answer(code) => {
                    let wrong = answer(&request, code)?;
                    self.hit(rule);
                    connection.answer(&request, wrong);
                }
                Action::Delay(delay) => {
                    self.hit(rule);
                    self.wait(delay, |state| state.closed);
                    connection.send(&request, logged, Then::Pass)?;
                }
                Action::HoldRequest { cut } => {
                    if cut {
                        let _ = connection.client.shutdown(Shutdown::Both);
                    }
                    let index = self.hold(rule, &request)?;
                    connection.send(&request, logged, Then::Held(index))?;
                    // A client that is cut off, or has given up, is not waited for; the answer is.
                    self.wait(Duration::MAX, |state| state.closed || state.held[index].answer.is_some());
                }
            }
        }
    }

    /// Keeps a request until it is released, and returns where; `None` if the proxy ends before.
    fn hold(&self, rule: usize, request: &Request) -> Option<usize> {
        let index = {
            let mut state = self.state();
            state.held.push(Hold { rule, request: request.clone(), released: false, answer: None });
            state.held.len() - 1
        };
        self.hit(rule);
        let settled = |held: &Hold| held.released || held.answer.is_some();
        self.wait(Duration::MAX, |state| state.closed || settled(&state.held[index]));
        (!self.state().closed).then_some(index)
    }

    /// Ends with `None` once there is nothing more to forward.
    fn forward_answers(&self, connection: &Connection) -> Option<()> {
        loop {
            let mut frame = read_frame(&connection.broker)?;
            let waiting = connection.expected(correlation(&frame)?)?;
            if let Some(logged) = waiting.logged {
                self.state().log[logged].code = code(waiting.api, waiting.version, &frame);
            }
            if let api::METADATA | api::FIND_COORDINATOR | api::DESCRIBE_CLUSTER = waiting.api {
                self.readdress(&mut frame);
            }
            match waiting.then {
                Then::Drop(rule) => {
                    self.hit(rule);
                    return None;
                }
                Then::Replace(rule, wrong) => {
                    self.hit(rule);
                    frame = wrong;
                }
                Then::Held(index) => self.state().held[index].answer = Some(Some(frame.clone())),
                Then::Pass | Then::Ready(_) => {}
            }
            self.changed.notify_all();
            connection.deliver(frame);
        }
    }

    /// Puts the proxy's port in the place of the broker's. The protocol has a host and its port side by side, whatever the kind
    /// of request and its version, and the host is the same.
    fn readdress(&self, frame: &mut [u8]) {
        let host = self.broker.ip().to_string();
        let theirs = [host.as_bytes(), &i32::from(self.broker.port()).to_be_bytes()].concat();
        let ours = [host.as_bytes(), &i32::from(self.own.port()).to_be_bytes()].concat();
        let mut from = 0;
        while let Some(at) = frame[from..].windows(theirs.len()).position(|bytes| bytes == theirs) {
            frame[from + at..][..ours.len()].copy_from_slice(&ours);
            from += at + ours.len();
        }
    }
}

impl State {
    /// The rule that a request falls under with its action, and where it is in the log.
    fn decide(&mut self, request: &Request) -> (Option<(usize, Action)>, Option<usize>) {
        *self.seen.entry(request.api).or_default() += 1;
        let mut fault = None;
        for (id, rule) in &self.rules {
            let fits = rule.api.is_none_or(|api| api == request.api) && request.client.starts_with(&rule.client);
            if fault.is_none() && fits && (rule.when)(request) {
                let counts = &mut self.counts[*id];
                counts.matches += 1;
                if (rule.matches.0..=rule.matches.1).contains(&counts.matches) {
                    fault = Some((*id, rule.action));
                }
            }
        }
        if let api::PRODUCE | api::FETCH = request.api {
            return (fault, None);
        }
        self.log.push(Logged {
            api: request.api,
            version: request.version,
            client: request.client.clone(),
            connection: request.connection,
            transaction: request.transaction.clone(),
            fault: fault.map(|(_, action)| action),
            code: None,
        });
        (fault, Some(self.log.len() - 1))
    }

    /// A held request is in the network: while there is a proxy, its connection to the broker stays.
    fn cut_connections(&self) {
        for (number, connection) in &self.connections {
            let holds = |held: &Hold| held.request.connection == *number && held.answer.is_none();
            if self.closed || !self.held.iter().any(holds) {
                connection.cut();
            } else {
                let _ = connection.client.shutdown(Shutdown::Both);
            }
        }
    }
}

impl Connection {
    fn cut(&self) {
        let _ = self.client.shutdown(Shutdown::Both);
        let _ = self.broker.shutdown(Shutdown::Both);
    }

    /// Sends a request to the broker, whose answer is expected from now on.
    fn send(&self, request: &Request, logged: Option<usize>, then: Then) -> Option<()> {
        lock(&self.waiting).push_back(Waiting::new(request, logged, then));
        write_frame(&self.broker, &request.frame)
    }

    /// Answers in the broker's place, behind the answers that are still to come.
    fn answer(&self, request: &Request, frame: Vec<u8>) {
        let mut waiting = lock(&self.waiting);
        waiting.push_back(Waiting::new(request, None, Then::Ready(frame)));
        self.flush(&mut waiting);
    }

    /// What this answers, which stays the first until [`Self::deliver`]. A Produce without acknowledgement has no answer: what
    /// came before is forgotten.
    fn expected(&self, correlation: i32) -> Option<Waiting> {
        let mut waiting = lock(&self.waiting);
        while waiting.front()?.correlation != correlation {
            waiting.pop_front();
            self.flush(&mut waiting);
        }
        waiting.front().cloned()
    }

    /// The first has its answer.
    fn deliver(&self, frame: Vec<u8>) {
        let mut waiting = lock(&self.waiting);
        if let Some(first) = waiting.front_mut() {
            first.then = Then::Ready(frame);
        }
        self.flush(&mut waiting);
    }

    /// A client that has gone is noticed where it is read from.
    fn flush(&self, waiting: &mut VecDeque<Waiting>) {
        while let Some(Then::Ready(frame)) = waiting.front().map(|first| &first.then) {
            let _ = write_frame(&self.client, frame);
            waiting.pop_front();
        }
    }
}

impl Waiting {
    fn new(request: &Request, logged: Option<usize>, then: Then) -> Self {
        let &Request { api, version, correlation, .. } = request;
        Self { api, version, correlation, logged, then }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn should_take_for_the_retry_of_an_end_that_was_held_nothing_that_came_before() {
    let end = |connection, fault, code| Logged {
        api: 26,
        version: 1,
        client: String::new(),
        connection,
        transaction: Some(Transaction { id: "w0".to_owned(), producer_id: 1, epoch: 29, commit: Some(true) }),
        fault,
        code,
    };
    let held = Some(Action::HoldRequest { cut: true });
    let (earlier, hold, retry) = (end(1, None, Some(0)), end(2, held, None), end(3, None, Some(51)));
    let retried = |ends: &[&Logged]| retried(ends, earlier.transaction.as_ref(), 2);
    assert_eq!(retried(&[&earlier, &hold]), None, "an earlier commit, on the connection before");
    assert_eq!(retried(&[&earlier, &hold, &retry]), Some(51));
    assert_eq!(retried(&[&earlier, &retry]), None, "nothing was held");
}
