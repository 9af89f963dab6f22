//! Looking into the stores of an application: of one that does not run, or of one that runs and is held for the while.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::time::Duration;

use crate::broker::Broker;
use crate::config::StreamsConfig;
use crate::errors::StreamsError;
use crate::metrics::Instruments;
use crate::open::open_task;
use crate::restore::Restorer;
use crate::streams::prepare;
use crate::task::Task;
use crate::topology::Topology;

/// Entries are passed from a held thread in pieces of so many.
const PIECE: usize = 1_024;

type Entry = (Vec<u8>, Vec<u8>);

/// The stores of an application that does not run, each brought up to its changelog's end. Nothing is processed.
pub struct Inspection(Vec<Task>);

impl Inspection {
    /// Opens and restores every task. Fails if the application runs, since its stores are then locked.
    pub fn open(topology: &Topology, config: &StreamsConfig, broker: &dyn Broker) -> Result<Self, StreamsError> {
        let metrics = Instruments::new(&Arc::default(), "inspection", (config.clock)());
        let mut tasks = Vec::new();
        let mut restorer = Restorer::new(config.steps.clone());
        for plan in &prepare(topology, config, broker)?.tasks {
            for partition in 0..plan.partitions {
                let mut task = open_task(topology, config, plan, partition, &metrics)?;
                restorer.begin(&mut task, broker)?;
                while !restorer.is_done(task.id()) {
                    restorer.step(&mut [&mut task], broker, Duration::from_secs(1), usize::MAX)?;
                }
                tasks.push(task);
            }
        }
        Ok(Self(tasks))
    }

    /// Hands over every entry of a store, as bytes; no order across partitions.
    pub fn entries(&self, store: &str, each: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), StreamsError> {
        self.0.iter().try_for_each(|task| entries(task, store, each))
    }
}

fn entries(task: &Task, store: &str, each: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), StreamsError> {
    let Some(id) = task.state().store_id(store) else { return Ok(()) };
    let scanned = task.state().prefix(id, &[], &mut |key, value| {
        each(key, value);
        ControlFlow::Continue(())
    });
    scanned.map_err(|source| StreamsError::State { task: task.id().clone(), source })
}

/// A running application whose threads have committed and stand still until this is dropped.
pub struct Held {
    threads: Vec<Sender<Dump>>,
    tasks: usize,
}

struct Dump {
    store: String,
    to: SyncSender<Result<Vec<Entry>, StreamsError>>,
}

/// What a thread needs to be held.
pub(crate) struct Hold {
    commands: Receiver<Dump>,
    /// Told how many tasks the thread has, once it stands.
    ready: SyncSender<usize>,
}

impl Held {
    /// Makes one hold a thread, has `give` hand them out, and waits until all threads stand; `None` if one ended.
    pub(crate) fn begin(threads: usize, give: impl FnOnce(Vec<Hold>)) -> Option<Self> {
        let (ready, stands) = sync_channel(threads);
        let (senders, holds) = (0..threads)
            .map(|_| {
                let (sender, commands) = channel();
                (sender, Hold { commands, ready: ready.clone() })
            })
            .unzip();
        drop(ready);
        give(holds);
        let tasks = (0..threads).map(|_| stands.recv()).sum::<Result<usize, _>>().ok()?;
        Some(Self { threads: senders, tasks })
    }

    /// How many tasks are held: fewer than there are as long as other instances, or none yet, have the rest.
    #[must_use]
    pub fn tasks(&self) -> usize {
        self.tasks
    }

    /// Hands over every entry of a store, as bytes; no order across partitions.
    pub fn entries(&self, store: &str, each: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), StreamsError> {
        let gone = || StreamsError::Thread("it ended while it was held".to_owned());
        for thread in &self.threads {
            let (to, pieces) = sync_channel(4);
            thread.send(Dump { store: store.to_owned(), to }).map_err(|_| gone())?;
            for piece in pieces {
                piece?.iter().for_each(|(key, value)| each(key, value));
            }
        }
        Ok(())
    }
}

impl Hold {
    /// Stands still and answers until the holder is gone.
    pub(crate) fn stand<'t>(self, tasks: impl Fn() -> Vec<&'t Task>) {
        if self.ready.send(tasks().len()).is_err() {
            return;
        }
        for Dump { store, to } in self.commands {
            for task in tasks() {
                let mut piece = Vec::with_capacity(PIECE);
                let done = entries(task, &store, &mut |key, value| {
                    piece.push((key.to_vec(), value.to_vec()));
                    if piece.len() == PIECE {
                        // Whoever no longer listens misses nothing.
                        let _ = to.send(Ok(std::mem::take(&mut piece)));
                    }
                });
                let _ = to.send(done.map(|()| piece));
            }
        }
    }
}
