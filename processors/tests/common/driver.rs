//! The pipeline under the test driver, and short ways to talk to it.

use processors::{PipelineConfig, pipeline};
use schemas::topics::{COMMAND_OUTCOMES, TICKET_COMMANDS, TICKET_EVENTS, USER_COMMANDS};
use schemas::{DeactivateUser, Outcome, ReactivateUser, RegisterUser, TicketCommand, TicketEvent, UserCommand, ids};
use topology::{OutputRecord, TestDriver};
use uuid::Uuid;

use super::{ADMIN, AT, OWNER, create_project, with_id};

pub const PARTITIONS: u32 = 4;

pub fn driver() -> TestDriver {
    let topology = pipeline(&PipelineConfig::default()).unwrap();
    TestDriver::new(&topology, PARTITIONS).unwrap()
}

/// With SYNC made by OWNER, and its outcomes read.
pub fn with_project() -> TestDriver {
    let mut driver = driver();
    send(&mut driver, with_id(create_project(OWNER, |_| {}), 1), AT);
    driver.read(COMMAND_OUTCOMES);
    driver
}

pub fn bytes(command: &TicketCommand) -> Vec<u8> {
    let mut bytes = Vec::new();
    command.encode(&mut bytes).unwrap();
    bytes
}

pub fn send(driver: &mut TestDriver, command: TicketCommand, at: i64) {
    driver.pipe(TICKET_COMMANDS, command.project_id().to_string().as_bytes(), &bytes(&command), at).unwrap();
}

pub fn register(driver: &mut TestDriver, id: u128, email: &str) {
    let user_key = email.to_owned();
    let command = UserCommand::from(RegisterUser {
        command_id: Uuid::from_u128(id),
        actor_id: ids::user_id(email),
        email: Some(email.to_owned()),
        user_key,
        ..RegisterUser::default()
    });
    let mut bytes = Vec::new();
    command.encode(&mut bytes).unwrap();
    driver.pipe(USER_COMMANDS, email.as_bytes(), &bytes, AT).unwrap();
}

/// Has an admin deactivate a user, or reactivate them.
pub fn set_activity(driver: &mut TestDriver, id: u128, email: &str, deactivated: bool) {
    let (command_id, user_key) = (Uuid::from_u128(id), email.to_owned());
    let command = if deactivated {
        DeactivateUser { command_id, actor_id: ADMIN, actor_admin: true, user_key, ..Default::default() }.into()
    } else {
        let command = ReactivateUser { command_id, actor_id: ADMIN, actor_admin: true, user_key, ..Default::default() };
        UserCommand::from(command)
    };
    let mut bytes = Vec::new();
    command.encode(&mut bytes).unwrap();
    driver.pipe(USER_COMMANDS, email.as_bytes(), &bytes, AT).unwrap();
}

pub fn outcomes(driver: &mut TestDriver) -> Vec<Outcome> {
    driver.read(COMMAND_OUTCOMES).iter().map(outcome).collect()
}

pub fn outcome(record: &OutputRecord) -> Outcome {
    let outcome = Outcome::decode(record.value.as_deref().unwrap()).unwrap();
    assert_eq!(record.key.as_deref().unwrap(), outcome.command_id().to_string().as_bytes());
    outcome
}

pub fn events(driver: &TestDriver) -> Vec<TicketEvent> {
    let decode = |r: &OutputRecord| TicketEvent::decode(r.value.as_deref().unwrap()).unwrap();
    driver.all(TICKET_EVENTS).iter().map(decode).collect()
}

pub fn numbers(driver: &TestDriver) -> Vec<i64> {
    let number = |e| if let TicketEvent::TicketCreated(e) = e { Some(e.number) } else { None };
    events(driver).into_iter().filter_map(number).collect()
}

pub fn code(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Accepted(_) => "accepted",
        Outcome::Rejected(rejected) => &rejected.rejection,
        Outcome::Failed(_) => "failed",
    }
}

/// Commits and runs until questions and replies are through: each hop becomes visible with a commit.
pub fn settle(driver: &mut TestDriver) {
    for _ in 0..4 {
        driver.commit().unwrap();
        driver.run().unwrap();
    }
    driver.commit().unwrap();
}
