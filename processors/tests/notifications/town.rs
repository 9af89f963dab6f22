//! A project whose events are written to the log as they are, and its people's inboxes.

use processors::INBOXES;
use schemas::topics::{COMMAND_OUTCOMES, EMAIL_OUTBOX, NOTIFICATIONS, TICKET_EVENTS, USER_COMMANDS};
use schemas::*;
use topology::TestDriver;
use uuid::Uuid;

use crate::common::driver::{driver, outcome, register, settle};
use crate::common::{AT, project_id};

/// The topic that the fan-out tells the inboxes by.
pub(crate) const INBOX_INPUTS: &str = "test-inbox-inputs-repartition";

/// A user of that name.
pub(crate) fn user(name: &str) -> Uuid {
    ids::user_id(&email_of(name))
}

fn email_of(name: &str) -> String {
    format!("{name}@example.org")
}

/// An event with its ticket's id and some fields set. The sequence is set when it is written.
macro_rules! event {
    ($record:ident { $($field:ident $(: $value:expr)?),* $(,)? }) => {
        schemas::TicketEvent::from(schemas::$record { $($field $(: $value)?,)* ..Default::default() })
    };
}
pub(crate) use event;

pub(crate) struct Town {
    pub(crate) driver: TestDriver,
    /// When it begins; each event comes a millisecond after the one before.
    pub(crate) at: i64,
    sequence: i64,
}

/// What a notification says, for comparison.
pub(crate) type Told = (String, String, String);

impl Town {
    pub(crate) fn new(members: &[&str]) -> Self {
        Self::with(driver(), members)
    }

    /// Commits are left to the test.
    pub(crate) fn by_hand(members: &[&str]) -> Self {
        Self::with(driver().manual_commit(), members)
    }

    fn with(driver: TestDriver, members: &[&str]) -> Self {
        let mut town = Self { driver, at: AT, sequence: 0 };
        for name in members {
            town.join(name);
        }
        settle(&mut town.driver);
        town
    }

    pub(crate) fn join(&mut self, name: &str) {
        let event =
            event!(ProjectMemberAdded { user_id: user(name), handle: name.to_owned(), role: "member".to_owned() });
        self.write(event);
    }

    /// A ticket that somebody reports, for somebody.
    pub(crate) fn ticket(&mut self, number: i64, reporter: &str, assignee: Option<&str>, description: &str) {
        let created = TicketCreated {
            number,
            ticket_id: Uuid::from_u128(number as u128),
            code: format!("SYNC-{number}"),
            title: format!("Ticket {number}"),
            description: description.to_owned(),
            reporter_id: user(reporter),
            created_by: user(reporter),
            assignee_id: assignee.map(user),
            ..TicketCreated::default()
        };
        self.write(created.into());
    }

    /// Writes an event to the log, and runs as far as commits allow.
    pub(crate) fn write(&mut self, mut event: TicketEvent) -> Uuid {
        self.sequence += 1;
        let event_id = Uuid::from_u128(0xe000 + self.sequence as u128);
        macro_rules! set {
            ($($variant:ident),*) => {
                match &mut event {
                    $(TicketEvent::$variant(e) => {
                        (e.event_id, e.project_id, e.sequence) = (event_id, project_id(), self.sequence);
                        e.published_at = self.at + self.sequence;
                    })*
                }
            };
        }
        set!(
            ProjectCreated,
            ProjectUpdated,
            ProjectMemberAdded,
            ProjectMemberUpdated,
            ProjectMemberRemoved,
            TicketCreated,
            TicketUpdated,
            TicketStatusUpdated,
            TicketAssigned,
            TicketUnassigned,
            TicketWatchAdded,
            TicketWatchRemoved,
            TicketCommented,
            TicketDeleted
        );
        let mut bytes = Vec::new();
        event.encode(&mut bytes).unwrap();
        let key = project_id().to_string();
        self.driver.pipe(TICKET_EVENTS, key.as_bytes(), &bytes, self.at + self.sequence).unwrap();
        event_id
    }

    /// Runs until nothing is written any more.
    pub(crate) fn rest(&mut self) {
        loop {
            let written = |driver: &TestDriver| {
                driver.all("test-fan-out-rest-repartition").len()
                    + driver.all(INBOX_INPUTS).len()
                    + driver.all(NOTIFICATIONS).len()
            };
            let before = written(&self.driver);
            settle(&mut self.driver);
            if written(&self.driver) == before {
                return;
            }
        }
    }

    /// All records of `notifications`, in the order of users, then of their sequence.
    pub(crate) fn all(&mut self) -> Vec<Notification> {
        self.rest();
        let decode = |record: &topology::OutputRecord| {
            let notification = Notification::decode(record.value.as_deref().unwrap()).unwrap();
            assert_eq!(record.key.as_deref(), Some(notification.user_id().to_string().as_bytes()));
            notification
        };
        let mut all: Vec<Notification> = self.driver.all(NOTIFICATIONS).iter().map(decode).collect();
        all.sort_by_key(|notification| (notification.user_id(), notification.sequence()));
        all
    }

    /// All records of `email.outbox`.
    pub(crate) fn mails(&mut self) -> Vec<MailRequested> {
        self.rest();
        let decode = |record: &topology::OutputRecord| {
            let Mail::MailRequested(mail) = Mail::decode(record.value.as_deref().unwrap()).unwrap();
            assert_eq!(record.key.as_deref(), Some(mail.user_id.to_string().as_bytes()));
            mail
        };
        self.driver.all(EMAIL_OUTBOX).iter().map(decode).collect()
    }

    /// Name, reason and kind of all notifications of an event.
    pub(crate) fn told(&mut self, event_id: Uuid, names: &[&str]) -> Vec<Told> {
        let mut told = Vec::new();
        for notification in self.all() {
            let Notification::NotificationCreated(made) = notification else { continue };
            if made.about.event_id == event_id {
                let name = names.iter().find(|name| user(name) == made.user_id).expect("one of these").to_string();
                told.push((name, made.reason, made.about.kind));
            }
        }
        told.sort();
        told
    }

    /// What is told of an event, which is the same to everybody.
    pub(crate) fn about(&mut self, event_id: Uuid) -> Occasion {
        let told = self.all().into_iter().filter_map(|notification| match notification {
            Notification::NotificationCreated(made) if made.about.event_id == event_id => Some(made.about),
            _ => None,
        });
        let told: Vec<Occasion> = told.collect();
        assert!(told.iter().all(|about| *about == told[0]));
        told[0].clone()
    }

    pub(crate) fn register(&mut self, id: u128, name: &str) {
        register(&mut self.driver, id, &email_of(name));
    }

    /// Sends a command about a user, and gives its outcome.
    pub(crate) fn command(&mut self, command: &UserCommand) -> Outcome {
        self.driver.read(COMMAND_OUTCOMES);
        let mut bytes = Vec::new();
        command.encode(&mut bytes).unwrap();
        self.driver.pipe(USER_COMMANDS, command.user_key().as_bytes(), &bytes, self.at + self.sequence).unwrap();
        self.rest();
        outcome(self.driver.read(COMMAND_OUTCOMES).last().expect("an outcome"))
    }

    /// The sequence that the store says a user's inbox has reached.
    pub(crate) fn reached(&mut self, name: &str) -> i64 {
        let stored = self.driver.store_entries(INBOXES).unwrap();
        let inbox = stored.get(&user(name).as_bytes()[..]);
        inbox.map_or(0, |bytes| frame::decode::<InboxState>(bytes).unwrap().sequence)
    }
}

pub(crate) fn preferences(id: u128, name: &str, kinds: Option<&[&str]>, projects: Option<&[Uuid]>) -> UserCommand {
    UserCommand::from(UpdatePreferences {
        command_id: Uuid::from_u128(id),
        actor_id: user(name),
        user_key: email_of(name),
        muted_kinds: kinds.map(|kinds| kinds.iter().map(|kind| (*kind).to_owned()).collect()),
        muted_projects: projects.map(<[Uuid]>::to_vec),
        ..UpdatePreferences::default()
    })
}

/// At what times somebody wants mail: what is to be done with a command that chooses nothing yet.
pub(crate) fn times(id: u128, name: &str, choose: impl FnOnce(&mut UpdatePreferences)) -> UserCommand {
    let mut command = UpdatePreferences {
        command_id: Uuid::from_u128(id),
        actor_id: user(name),
        user_key: email_of(name),
        ..UpdatePreferences::default()
    };
    choose(&mut command);
    command.into()
}

/// In what language, and when, somebody wants mail.
pub(crate) fn mail(id: u128, name: &str, locale: Option<&str>, email: Option<&str>) -> UserCommand {
    times(id, name, |command| (command.locale, command.email) = (locale.map(str::to_owned), email.map(str::to_owned)))
}

pub(crate) fn read(id: u128, name: &str, notification_id: Option<Uuid>, up_to: Option<i64>) -> UserCommand {
    UserCommand::from(ReadNotifications {
        command_id: Uuid::from_u128(id),
        actor_id: user(name),
        user_key: email_of(name),
        notification_id,
        up_to,
        ..ReadNotifications::default()
    })
}
