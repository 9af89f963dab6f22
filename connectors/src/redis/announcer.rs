//! Tells Redis what a sink has written: marks in the board cache, and events on the channels.
//!
//! It works beside the sink, on a thread of its own, behind a queue: a slow Redis does not slow the sink. Whenever something
//! could not be told, or may not have been, everything that waits is thrown away and a new epoch says it all at once: what
//! was cached does not count, and whoever listens has missed something.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use ::redis::RedisResult;
use ahash::AHashMap;
use schemas::TicketEvent;
use tokio::sync::{mpsc, oneshot, watch};
use topology::trace::Tracing;
use uuid::Uuid;

use super::board_cache::{millis, new_epoch};
use super::link::{Connected, Link};
use super::message::encode_event;
use super::scripts::Scripts;
use super::telling::Telling;
use super::{RedisError, RedisOptions};
use crate::board_cache::Remote;
use crate::read_model::BoxFuture;
use crate::sink::{Announce, Announcement};

/// Events and projects that may wait. More are not worth telling one by one.
const QUEUE: usize = 20_000;

/// Projects or events in one call.
const AT_ONCE: usize = 500;

/// How long to wait before Redis is tried again.
const PAUSE: Duration = Duration::from_millis(200);

/// Tells Redis what a sink has written. Dropping it tells what still waits, once, and ends it.
pub struct RedisAnnouncer {
    queue: Option<mpsc::UnboundedSender<Message>>,
    shared: Arc<Shared>,
    settled: watch::Receiver<bool>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
enum Message {
    Committed { reached: Vec<(Uuid, i64)>, events: Vec<Arc<TicketEvent>>, telling: Telling },
    Anew,
    Flush(oneshot::Sender<()>),
}

impl Message {
    fn weight(&self) -> usize {
        match self {
            Self::Committed { reached, events, .. } => reached.len() + events.len(),
            Self::Anew | Self::Flush(_) => 0,
        }
    }
}

struct Shared {
    link: Link,
    tracing: Tracing,
    waiting: AtomicUsize,
    /// Something was not put into the queue.
    lost: AtomicBool,
}

impl RedisAnnouncer {
    /// Starts it. It sets a new epoch as soon as Redis answers.
    ///
    /// # Errors
    /// [`RedisError`].
    pub fn start(options: RedisOptions) -> Result<Self, RedisError> {
        let link = Link::new(&options, options.announce_limit)?;
        let (tracing, waiting) = (options.tracing.clone(), AtomicUsize::new(0));
        let shared = Arc::new(Shared { link, tracing, waiting, lost: AtomicBool::new(false) });
        let (queue, messages) = mpsc::unbounded_channel();
        let (settle, settled) = watch::channel(false);
        let worker = Worker { scripts: Scripts::new(options.fault), options, shared: shared.clone(), messages, settle };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new()
            .name("redis-announcer".to_owned())
            .spawn(move || runtime.block_on(worker.run()))?;
        Ok(Self { queue: Some(queue), shared, settled, thread: Some(thread) })
    }

    /// The read model has reached these sequences, by these events, in each project's order.
    pub fn committed(&self, reached: Vec<(Uuid, i64)>, events: Vec<Arc<TicketEvent>>) {
        self.tell(Message::Committed { reached, events, telling: Telling::default() });
    }

    fn tell(&self, message: Message) {
        let weight = message.weight();
        if self.shared.waiting.load(Ordering::Acquire) + weight > QUEUE {
            self.shared.lost.store(true, Ordering::Release);
        } else {
            self.shared.waiting.fetch_add(weight, Ordering::AcqRel);
            self.put(message);
        }
    }

    /// Something may have been written of which nothing was told: the sink has just started, or taken over.
    pub fn anew(&self) {
        self.put(Message::Anew);
    }

    /// Whether everything up to some moment has been told, and nothing has gone wrong since.
    #[must_use]
    pub fn settled(&self) -> watch::Receiver<bool> {
        self.settled.clone()
    }

    /// Waits until what was handed over before this has been told, or thrown away for a new epoch.
    pub async fn flushed(&self) {
        let (done, told) = oneshot::channel();
        self.put(Message::Flush(done));
        let _ = told.await;
    }

    /// How Redis is, as the last calls went.
    #[must_use]
    pub fn remote(&self) -> Remote {
        self.shared.link.remote()
    }

    fn put(&self, message: Message) {
        // The worker ends only when this does.
        let _ = self.queue.as_ref().map(|queue| queue.send(message));
    }
}

impl Announce for RedisAnnouncer {
    fn anew<'a>(&'a self, _reached: &'a [(Uuid, i64)]) -> BoxFuture<'a, ()> {
        Self::anew(self);
        Box::pin(std::future::ready(()))
    }

    fn committed<'a>(&'a self, batch: &'a Announcement) -> BoxFuture<'a, ()> {
        let telling = Telling::begin(&self.shared.tracing, &batch.traces);
        self.tell(Message::Committed { reached: batch.projects.clone(), events: batch.events.clone(), telling });
        Box::pin(std::future::ready(()))
    }
}

impl Drop for RedisAnnouncer {
    fn drop(&mut self) {
        self.queue.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Worker {
    options: RedisOptions,
    scripts: Scripts,
    shared: Arc<Shared>,
    messages: mpsc::UnboundedReceiver<Message>,
    settle: watch::Sender<bool>,
}

impl Worker {
    async fn run(mut self) {
        let mut dirty = true;
        loop {
            if dirty || self.shared.lost.load(Ordering::Acquire) {
                dirty = !self.start_anew().await;
                if !dirty {
                    self.settle.send_replace(true);
                } else if self.messages.is_closed() {
                    // The next sink sets a new epoch.
                    return;
                } else {
                    tokio::time::sleep(PAUSE).await;
                }
                continue;
            }
            match tokio::time::timeout(self.options.heartbeat, self.messages.recv()).await {
                Ok(None) => return,
                Ok(Some(message)) => dirty = !self.tell(message).await,
                Err(_) => dirty = !self.is_alive().await,
            }
            if dirty {
                self.settle.send_replace(false);
                self.shared.link.disconnect();
            }
        }
    }

    /// Throws away what waits and says that anything may have changed. What is put into the queue from now on is told
    /// afterwards, so nothing falls between.
    async fn start_anew(&mut self) -> bool {
        self.shared.lost.store(false, Ordering::Release);
        let mut flushes = Vec::new();
        while let Ok(message) = self.messages.try_recv() {
            self.shared.waiting.fetch_sub(message.weight(), Ordering::AcqRel);
            if let Message::Flush(done) = message {
                flushes.push(done);
            }
        }
        let (key, channel) = (self.options.epoch_key(), self.options.reload_channel());
        let set = |mut to: Connected| async move {
            let mut calls = ::redis::pipe();
            // A server that is full still deletes, and where there is no epoch nothing counts.
            calls.cmd("DEL").arg(&key).ignore();
            calls.cmd("SET").arg(key).arg(new_epoch(&to.run_id)).ignore();
            calls.cmd("PUBLISH").arg(channel).arg("reload").ignore();
            calls.exec_async(&mut to.connection).await
        };
        let done = self.shared.link.call(set).await.is_some();
        answer(flushes);
        done
    }

    /// Tells this and what else waits; `false` if it is not known to have been told.
    async fn tell(&mut self, first: Message) -> bool {
        let (mut reached, mut events, mut flushes) = (AHashMap::new(), Vec::new(), Vec::new());
        let (mut next, mut all_telling) = (Some(first), Telling::default());
        let mut anew = false;
        while let Some(message) = next {
            self.shared.waiting.fetch_sub(message.weight(), Ordering::AcqRel);
            match message {
                Message::Committed { reached: projects, events: more, telling } => {
                    all_telling.join(telling);
                    for (project, sequence) in projects {
                        let known = reached.entry(project).or_insert(sequence);
                        *known = sequence.max(*known);
                    }
                    events.extend(more);
                }
                Message::Anew => anew = true,
                Message::Flush(done) => flushes.push(done),
            }
            next = if anew || events.len() + reached.len() >= AT_ONCE { None } else { self.messages.try_recv().ok() };
        }
        let reached: Vec<(Uuid, i64)> = reached.into_iter().collect();
        // Marks first: who hears of an event and asks must not be given what was before it.
        let told = if anew { false } else { self.mark(&reached).await && self.publish(&events).await };
        if told {
            all_telling.told();
        } else {
            drop(all_telling);
        }
        let told = told || self.start_anew().await;
        answer(flushes);
        told
    }

    async fn mark(&self, reached: &[(Uuid, i64)]) -> bool {
        for some in reached.chunks(AT_ONCE) {
            let mut mark = self.scripts.outdate.key(self.options.epoch_key());
            mark.arg(millis(self.options.mark_ttl));
            for (project, sequence) in some {
                mark.key(self.options.value_key(*project)).arg(*sequence);
            }
            let mark = &mark;
            let call = |mut to: Connected| async move { mark.invoke_async::<i64>(&mut to.connection).await };
            if self.shared.link.call(call).await.is_none() {
                return false;
            }
        }
        true
    }

    async fn publish(&self, events: &[Arc<TicketEvent>]) -> bool {
        for some in events.chunks(AT_ONCE) {
            let mut calls = ::redis::Pipeline::with_capacity(some.len());
            for event in some {
                match encode_event(event) {
                    Ok(text) => {
                        calls.cmd("PUBLISH").arg(self.options.channel(event.project_id())).arg(text).ignore();
                    }
                    Err(error) => {
                        tracing::error!(%error, event = event.event_name(), "an event cannot be written as JSON");
                        return false;
                    }
                }
            }
            let calls = &calls;
            let call = |mut to: Connected| async move { calls.exec_async(&mut to.connection).await };
            if self.shared.link.call(call).await.is_none() {
                return false;
            }
        }
        true
    }

    async fn is_alive(&self) -> bool {
        let ping = |mut to: Connected| async move {
            let answer: RedisResult<()> = ::redis::cmd("PING").exec_async(&mut to.connection).await;
            answer
        };
        self.shared.link.call(ping).await.is_some()
    }
}

/// Those who have gone away do not want to know.
fn answer(flushes: Vec<oneshot::Sender<()>>) {
    for flush in flushes {
        let _ = flush.send(());
    }
}
