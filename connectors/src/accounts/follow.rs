//! All webhooks, kept at hand by whoever delivers: loaded once, and again whenever they have changed.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{Accounts, AccountsError};
use crate::webhook::Hook;

/// How often to ask whether they have changed: what was registered counts after that at the latest.
const PERIOD: Duration = Duration::from_secs(1);

/// Hands all webhooks over when they are known and each time that they have changed, from a task of its own. While the database does not
/// answer, what was handed over last counts; why it does not is logged once.
///
/// Must be called in a Tokio runtime. It ends with what it returns.
#[must_use = "it ends when this is dropped"]
pub fn follow(accounts: Arc<dyn Accounts>, on_change: impl Fn(Vec<Hook>) + Send + Sync + 'static) -> Following {
    let (tell, state) = watch::channel(State::Waits(None));
    let task = tokio::spawn(async move {
        let mut known = None;
        loop {
            match renew(&*accounts, known, &on_change).await {
                Ok(revision) => {
                    known = Some(revision);
                    let before = tell.send_replace(State::Follows);
                    if matches!(before, State::Waits(Some(_)) | State::Fails) {
                        tracing::info!("webhooks can be read again");
                    }
                }
                Err(error) => fail(&tell, &error),
            }
            tokio::time::sleep(PERIOD).await;
        }
    });
    Following { state, task }
}

/// Hands the webhooks over unless they are as they were at this revision; the revision that they have now, or one before it.
async fn renew(
    accounts: &dyn Accounts,
    known: Option<i64>,
    on_change: &impl Fn(Vec<Hook>),
) -> Result<i64, AccountsError> {
    // First, so that what changes in between is found the next time.
    let revision = accounts.changes().await?;
    if known != Some(revision) {
        on_change(accounts.hooks().await?);
    }
    Ok(revision)
}

fn fail(tell: &watch::Sender<State>, error: &AccountsError) {
    tell.send_if_modified(|state| {
        let why = error.to_string();
        match state {
            State::Waits(told) if told.as_ref() != Some(&why) => {
                tracing::warn!("webhooks are not known yet, trying again every second: {why}");
                *told = Some(why);
            }
            State::Follows => {
                tracing::warn!("webhooks cannot be read, those known before count, trying again every second: {why}");
                *state = State::Fails;
            }
            State::Waits(_) | State::Fails => return false,
        }
        true
    });
}

enum State {
    /// None were read yet, for this reason.
    Waits(Option<String>),
    Follows,
    /// They were read before.
    Fails,
}

/// What keeps webhooks at hand; it ends when this is dropped.
pub struct Following {
    state: watch::Receiver<State>,
    task: JoinHandle<()>,
}

impl Following {
    /// Why there are no webhooks yet; `None` once they were handed over.
    #[must_use]
    pub fn missing(&self) -> Option<String> {
        match &*self.state.borrow() {
            State::Waits(why) => Some(why.clone().unwrap_or_else(|| "webhooks are being read".to_owned())),
            State::Follows | State::Fails => None,
        }
    }

    /// Waits until they were handed over for the first time.
    pub async fn loaded(&self) {
        let known = |state: &State| !matches!(state, State::Waits(_));
        // An error would mean that the task is gone, which is only so when this is.
        let _ = self.state.clone().wait_for(known).await;
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.task.abort();
    }
}
