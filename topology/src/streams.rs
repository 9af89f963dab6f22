//! An application's instance: its topics made and checked, its threads run, its state told.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::broker::{Broker, TopicName, TopicSpec, Waker};
use crate::config::StreamsConfig;
use crate::errors::StreamsError;
use crate::inspect::{Held, Hold};
use crate::metrics::EngineMetrics;
use crate::plan::{Plan, plan};
use crate::stream_thread::{StreamThread, ThreadState};
use crate::topics::make_topics;
use crate::topology::Topology;
use crate::version;

/// How long an idle thread waits for input before it looks around.
const IDLE: Duration = Duration::from_millis(500);

/// The state of an instance, in Kafka Streams' words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum State {
    /// Tasks are being assigned or restored.
    Rebalancing,
    /// Every thread has its assignment, and every task its state.
    Running,
    /// It was told to stop.
    PendingShutdown,
    /// All threads ended in order.
    NotRunning,
    /// A thread ended with an error.
    Error,
}

impl std::fmt::Display for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Rebalancing => "REBALANCING",
            Self::Running => "RUNNING",
            Self::PendingShutdown => "PENDING_SHUTDOWN",
            Self::NotRunning => "NOT_RUNNING",
            Self::Error => "ERROR",
        })
    }
}

/// A running instance of an application.
pub struct Streams {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    wakers: Vec<Waker>,
    metrics: Arc<EngineMetrics>,
    tasks: usize,
}

/// A look at an instance that outlives it: cheap to clone, for whoever shows how it is.
#[derive(Clone)]
pub struct StreamsView {
    shared: Arc<Shared>,
    metrics: Arc<EngineMetrics>,
}

impl StreamsView {
    /// The instance's state.
    #[must_use]
    pub fn state(&self) -> State {
        self.shared.state()
    }

    /// What the engine counts.
    #[must_use]
    pub fn metrics(&self) -> &Arc<EngineMetrics> {
        &self.metrics
    }
}

impl std::fmt::Debug for StreamsView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StreamsView({})", self.state())
    }
}

struct Shared {
    stop: AtomicBool,
    states: Mutex<Vec<Option<ThreadState>>>,
    holds: Mutex<Vec<Option<Hold>>>,
    held: AtomicBool,
    error: Mutex<Option<StreamsError>>,
    changed: Condvar,
}

/// Topics that an application makes for itself (repartition, changelog and dead-letter topics), given the partition counts
/// of those that exist.
pub fn internal_topics(
    topology: &Topology,
    config: &StreamsConfig,
    existing: &BTreeMap<TopicName, u32>,
) -> Result<Vec<TopicSpec>, StreamsError> {
    Ok(plan(topology, &config.application_id, existing, config.max_record_bytes, &config.tracing)?.internal)
}

impl Streams {
    /// Makes the internal topics, checks the others, starts the threads.
    pub fn start(topology: &Topology, config: &StreamsConfig, broker: &Arc<dyn Broker>) -> Result<Self, StreamsError> {
        let metrics = Arc::new(EngineMetrics::default());
        let count = config.threads.max(1);
        let shared = Arc::new(Shared {
            stop: AtomicBool::new(false),
            states: Mutex::new(vec![Some(ThreadState::Starting); count]),
            holds: Mutex::default(),
            held: AtomicBool::new(false),
            error: Mutex::new(None),
            changed: Condvar::new(),
        });
        let mut streams = Self { shared, threads: Vec::new(), wakers: Vec::new(), metrics, tasks: 0 };
        let plan = prepare(topology, config, &**broker)?;
        streams.tasks = plan.tasks.iter().map(|t| t.partitions as usize).sum();
        for index in 0..count {
            let metrics = streams.metrics.clone();
            let (topology, config) = (topology.clone(), config.clone());
            let thread = StreamThread::new(topology, config, plan.clone(), broker.clone(), index, &metrics)?;
            streams.wakers.push(thread.waker());
            let shared = streams.shared.clone();
            let started = std::thread::Builder::new()
                .name(format!("stream-thread-{index}"))
                .spawn(move || Ended(&shared, index).run(thread));
            streams.threads.push(started.map_err(|e| StreamsError::Thread(e.to_string()))?);
        }
        Ok(streams)
    }

    /// The instance's state.
    #[must_use]
    pub fn state(&self) -> State {
        self.shared.state()
    }

    /// Waits for a state; false if it did not come in time, or the instance ended before.
    #[must_use]
    pub fn wait_for(&self, wanted: State, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        let mut states = lock(&self.shared.states);
        loop {
            let state = self.shared.state_of(&states);
            let left = deadline.saturating_duration_since(Instant::now());
            if state == wanted {
                return true;
            }
            if left.is_zero() || matches!(state, State::NotRunning | State::Error) {
                return false;
            }
            states = self.shared.changed.wait_timeout(states, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits as long as the instance is in a state, and answers the next one; the same if time is up.
    #[must_use]
    pub fn wait_while(&self, state: State, timeout: Duration) -> State {
        let states = lock(&self.shared.states);
        let same = |states: &mut Vec<_>| self.shared.state_of(states) == state;
        let waited = self.shared.changed.wait_timeout_while(states, timeout, same);
        let (states, _) = waited.unwrap_or_else(PoisonError::into_inner);
        self.shared.state_of(&states)
    }

    /// What the engine counts.
    #[must_use]
    pub fn metrics(&self) -> &Arc<EngineMetrics> {
        &self.metrics
    }

    /// How many tasks the application has; other instances may have some of them.
    #[must_use]
    pub fn tasks(&self) -> usize {
        self.tasks
    }

    /// To look at it from elsewhere, also after its end.
    #[must_use]
    pub fn view(&self) -> StreamsView {
        StreamsView { shared: self.shared.clone(), metrics: self.metrics.clone() }
    }

    /// Has every thread commit and stand still until the answer is dropped; `None` if a thread has ended.
    #[must_use]
    pub fn hold(&self) -> Option<Held> {
        Held::begin(self.threads.len(), |holds| {
            *lock(&self.shared.holds) = holds.into_iter().map(Some).collect();
            self.shared.held.store(true, Ordering::SeqCst);
            self.wakers.iter().for_each(|wake| wake());
            if matches!(self.state(), State::NotRunning | State::Error) {
                lock(&self.shared.holds).clear();
            }
        })
    }

    /// Asks the threads to stop, and returns at once.
    pub fn stop(&self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        self.wakers.iter().for_each(|wake| wake());
        self.shared.changed.notify_all();
    }

    /// Stops intake, commits what is in flight, writes the stores to disk; waits until that is done.
    pub fn close(mut self) -> Result<(), StreamsError> {
        self.join()
    }

    fn join(&mut self) -> Result<(), StreamsError> {
        self.stop();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                *lock(&self.shared.error) = Some(StreamsError::Thread("it panicked".to_owned()));
            }
        }
        lock(&self.shared.error).take().map_or(Ok(()), Err)
    }
}

impl Drop for Streams {
    fn drop(&mut self) {
        if let Err(error) = self.join() {
            tracing::error!("stream thread ended: {error}");
        }
    }
}

impl std::fmt::Debug for Streams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Streams({}, {} threads)", self.state(), self.threads.len())
    }
}

/// Makes and checks the topics.
pub(crate) fn prepare(
    topology: &Topology,
    config: &StreamsConfig,
    broker: &dyn Broker,
) -> Result<Arc<Plan>, StreamsError> {
    let plan = plan(topology, &config.application_id, &broker.topics()?, config.max_record_bytes, &config.tracing)?;
    version::check(topology, &plan, config, broker)?;
    make_topics(broker, &plan.internal)?;
    Ok(Arc::new(plan))
}

impl StreamThread {
    /// The first thread of an instance, without a thread: for simulations, which step it.
    pub fn standalone(
        topology: &Topology,
        config: &StreamsConfig,
        broker: &Arc<dyn Broker>,
        index: usize,
    ) -> Result<Self, StreamsError> {
        let plan = prepare(topology, config, &**broker)?;
        Self::new(topology.clone(), config.clone(), plan, broker.clone(), index, &Arc::default())
    }
}

impl Shared {
    fn state(&self) -> State {
        self.state_of(&lock(&self.states))
    }

    fn state_of(&self, states: &[Option<ThreadState>]) -> State {
        if lock(&self.error).is_some() {
            State::Error
        } else if states.iter().all(Option::is_none) {
            State::NotRunning
        } else if self.stop.load(Ordering::SeqCst) {
            State::PendingShutdown
        } else if states.iter().all(|s| *s == Some(ThreadState::Running)) {
            State::Running
        } else {
            State::Rebalancing
        }
    }

    fn set(&self, index: usize, state: Option<ThreadState>) {
        let mut states = lock(&self.states);
        if states[index] != state {
            states[index] = state;
            self.changed.notify_all();
        }
    }
}

/// Runs a thread's rounds, and tells the others when it ends, also when it panics.
struct Ended<'a>(&'a Shared, usize);

impl Ended<'_> {
    /// By itself, so that nobody is kept from their own hold while this thread stands.
    fn take_hold(&self) -> Option<Hold> {
        if !self.0.held.load(Ordering::Relaxed) {
            return None;
        }
        lock(&self.0.holds).get_mut(self.1).and_then(Option::take)
    }

    fn run(&self, mut thread: StreamThread) {
        let metrics = thread.counting().clone();
        let mut cpu = CpuTime::default();
        let ended = loop {
            if self.0.stop.load(Ordering::SeqCst) {
                break thread.close();
            }
            if let Some(hold) = self.take_hold()
                && let Err(error) = thread.hold(hold)
            {
                break Err(error);
            }
            if let Err(error) = thread.run_once(IDLE) {
                break Err(error);
            }
            let state = thread.state();
            metrics.is(state);
            self.0.set(self.1, Some(state));
            metrics.cpu_us.add(cpu.passed(Duration::from_millis(200)));
        };
        metrics.cpu_us.add(cpu.passed(Duration::ZERO));
        metrics.ended(ended.is_err());
        if let Err(error) = ended {
            tracing::error!("stream thread ended: {error}");
            lock(&self.0.error).get_or_insert(error);
            self.0.stop.store(true, Ordering::SeqCst);
        }
    }
}

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        // Whoever waits for this thread to stand still waits no more.
        lock(&self.0.holds).clear();
        self.0.set(self.1, None);
        self.0.changed.notify_all();
    }
}

/// CPU time of the calling thread, read from Linux' scheduler statistics; stays at 0 elsewhere.
#[derive(Debug, Default)]
struct CpuTime {
    seen_us: u64,
    read: Option<Instant>,
}

impl CpuTime {
    /// Microseconds since the last reading, if that is at least `every` ago.
    fn passed(&mut self, every: Duration) -> u64 {
        if self.read.is_some_and(|at| at.elapsed() < every) {
            return 0;
        }
        self.read = Some(Instant::now());
        let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
        let us = stat.split(' ').next().and_then(|ns| ns.parse::<u64>().ok()).unwrap_or_default() / 1_000;
        us - std::mem::replace(&mut self.seen_us, us).min(us)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
