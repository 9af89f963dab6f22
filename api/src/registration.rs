//! A user seen for the first time is registered before their first command goes on.

use std::collections::HashSet;
use std::time::Instant;

use parking_lot::Mutex;
use schemas::{Outcome, RegisterUser, UserCommand};
use tokio::time::timeout_at;
use topology::trace::Trace;
use uuid::Uuid;

use crate::auth::Identity;
use crate::extract::now_ms;
use crate::problem::Problem;
use crate::state::AppState;

/// Namespace of the ids of these commands: the same user is registered under the same id by every process.
const NAMESPACE_REGISTRATION: Uuid = Uuid::from_u128(0x2b1d_0c1e_7a54_4d0e_9a3f_5e1c_8d20_4c01);

/// How many users are remembered; forgetting one only costs a question to the read model.
const REMEMBERED_USERS: usize = 100_000;

/// Users who are known to be registered.
#[derive(Default)]
pub(crate) struct Registered(Mutex<HashSet<Uuid>>);

impl Registered {
    fn contains(&self, user: Uuid) -> bool {
        self.0.lock().contains(&user)
    }

    fn insert(&self, user: Uuid) {
        let mut users = self.0.lock();
        if users.len() >= REMEMBERED_USERS {
            users.clear();
        }
        users.insert(user);
    }
}

/// Makes sure that the bearer of the token is a user, which costs something only the first time.
pub(crate) async fn ensure(
    state: &AppState,
    identity: &Identity,
    deadline: Instant,
    trace: &Trace,
) -> Result<(), Problem> {
    if state.registered().contains(identity.user_id) {
        return Ok(());
    }
    if state.read_model().user(identity.user_id).await?.is_none() {
        register(state, identity, deadline, trace).await?;
    }
    state.registered().insert(identity.user_id);
    Ok(())
}

async fn register(state: &AppState, identity: &Identity, deadline: Instant, trace: &Trace) -> Result<(), Problem> {
    let command_id = Uuid::new_v5(&NAMESPACE_REGISTRATION, format!("register:{}", identity.email).as_bytes());
    let name =
        if identity.name.is_empty() { identity.email.split('@').next().unwrap_or_default() } else { &identity.name };
    let command = UserCommand::from(RegisterUser {
        command_id,
        actor_id: identity.user_id,
        actor_admin: identity.admin,
        issued_at: now_ms(),
        correlation_id: command_id,
        traceparent: None,
        user_key: identity.email.clone(),
        email: Some(identity.email.clone()),
        name: name.to_owned(),
        source: None,
        login: None,
        admin: identity.admin,
    });
    let mut pending = state.gateway().send_user(&command, trace, None)?;
    let Ok(outcome) = timeout_at(deadline.into(), pending.outcome()).await else {
        return Err(Problem::unavailable("the registration of a new user has no outcome yet"));
    };
    let outcome = outcome?;
    state.metrics().outcome(command.type_name(), &outcome);
    match outcome {
        Outcome::Accepted(_) => Ok(()),
        Outcome::Rejected(rejected) if rejected.rejection == "email_taken" => Ok(()),
        Outcome::Rejected(rejected) => {
            Err(Problem::forbidden("registration_refused", format!("you cannot be registered: {}", rejected.detail)))
        }
        Outcome::Failed(failed) => Err(Problem::unavailable(format!("registration failed: {}", failed.reason))),
    }
}
