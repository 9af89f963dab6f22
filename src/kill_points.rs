//! Named points at which a process stays until it is killed, for tests that kill it exactly there. Compiled only with the
//! feature `kill-points`; the binary that people run has none of this.
//!
//! `SYNCROBOARD_KILL_POINT` names one by the part and its own name for it, as `sink:AfterCommit` or `worker:BeforeStoreWrite`;
//! `sink:AfterCommit:3` is the third time that it is reached. The thread that reaches it says so on standard output and goes
//! no further, so that a test can look at what is there at that very moment before it kills the process.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use connectors::sink::SinkPoint;
use topology::Steps;

/// The variable that names a point.
const VARIABLE: &str = "SYNCROBOARD_KILL_POINT";

/// What a sink is asked at each of its points.
pub(crate) fn sink() -> Option<Arc<dyn Fn(SinkPoint) -> bool + Send + Sync>> {
    let point = KillPoint::of("sink")?;
    Some(Arc::new(move |at| {
        point.reach(&at);
        false
    }))
}

/// What stream threads are asked at each of their steps.
pub(crate) fn worker() -> Steps {
    let hooked = |point: KillPoint| {
        Steps::hooked(Arc::new(move |at| {
            point.reach(&at);
            Ok(())
        }))
    };
    KillPoint::of("worker").map(hooked).unwrap_or_default()
}

struct KillPoint {
    part: &'static str,
    name: String,
    /// How often it is still passed.
    left: AtomicU32,
}

impl KillPoint {
    /// The point that the variable names, if it is one of this part's.
    fn of(part: &'static str) -> Option<Self> {
        let named = std::env::var(VARIABLE).ok()?;
        let mut words = named.split(':');
        if words.next() != Some(part) {
            return None;
        }
        let name = words.next().unwrap_or_default().to_owned();
        let times: u32 = words.next().and_then(|times| times.parse().ok()).unwrap_or(1);
        Some(Self { part, name, left: AtomicU32::new(times.saturating_sub(1)) })
    }

    fn reach(&self, at: &impl Debug) {
        let passes = |left: u32| left.checked_sub(1);
        if format!("{at:?}") != self.name || self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, passes).is_ok()
        {
            return;
        }
        println!("state=HELD point={}:{}", self.part, self.name);
        loop {
            std::thread::park();
        }
    }
}
