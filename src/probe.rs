//! Asks a part again and again whether it is there, so that `/readyz` can say so at once.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long after an answer to ask again.
const PERIOD: Duration = Duration::from_secs(1);

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// What is known of a part. Asking ends with it.
pub(crate) struct Probe {
    name: &'static str,
    known: Arc<Mutex<Known>>,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Default)]
struct Known {
    asked_at: Option<Instant>,
    failed: Option<String>,
}

impl Probe {
    /// Begins to ask. A question that does not come back is never asked twice at once.
    pub(crate) fn start<F>(name: &'static str, ask: impl Fn() -> F + Send + 'static) -> Self
    where
        F: Future<Output = Result<(), String>> + Send,
    {
        Self::every(PERIOD, name, ask)
    }

    fn every<F>(period: Duration, name: &'static str, ask: impl Fn() -> F + Send + 'static) -> Self
    where
        F: Future<Output = Result<(), String>> + Send,
    {
        let known = Arc::new(Mutex::new(Known::default()));
        let task = tokio::spawn({
            let known = Arc::clone(&known);
            async move {
                loop {
                    lock(&known).asked_at = Some(Instant::now());
                    let failed = ask().await.err();
                    *lock(&known) = Known { asked_at: None, failed };
                    tokio::time::sleep(period).await;
                }
            }
        });
        Self { name, known, task }
    }

    /// What is wrong with the part; `None` if it has answered.
    pub(crate) fn missing(&self) -> Option<String> {
        let known = lock(&self.known);
        if let Some(why) = &known.failed {
            return Some(format!("{}: {why}", self.name));
        }
        let waits = known.asked_at.map(|asked| asked.elapsed()).filter(|waits| *waits > PATIENCE)?;
        Some(format!("{}: no answer for {} s", self.name, waits.as_secs()))
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock(known: &Mutex<Known>) -> MutexGuard<'_, Known> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[tokio::test]
    async fn should_say_what_is_missing_until_it_answers_again() {
        let there = Arc::new(AtomicBool::new(true));
        let (told, mut asked) = tokio::sync::mpsc::unbounded_channel();
        let probe = Probe::every(Duration::from_millis(1), "Kafka", {
            let there = Arc::clone(&there);
            move || {
                told.send(()).unwrap();
                let answer = there.load(Ordering::SeqCst).then_some(()).ok_or_else(|| "gone".to_owned());
                async { answer }
            }
        });
        for (now, missing) in [(true, None), (false, Some("Kafka: gone")), (true, None)] {
            there.store(now, Ordering::SeqCst);
            while asked.try_recv().is_ok() {}
            // The second question from here on was asked when the first had its answer.
            for _ in 0..2 {
                asked.recv().await.unwrap();
            }
            assert_eq!(probe.missing().as_deref(), missing);
        }
    }
}
