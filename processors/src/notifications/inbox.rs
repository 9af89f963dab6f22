//! The processors of the inboxes.

use std::sync::Arc;

use schemas::{
    InboxInput, InboxState, Mail, Notification, NotificationCreated, NotificationIntended, NotificationsRead,
    Preferences, ReadingTold, Record as _, UserEvent, UserUpdated, event, ids,
};
use topology::{Context, InitContext, Output, ProcessingError, Processor, Record, TopologyError};
use uuid::Uuid;

use super::mail;
use super::stores::InboxHandles;

/// Name of the repartition that tells inboxes.
pub(crate) const INBOX_INPUTS: &str = "inbox-inputs";
/// Name of the sink of notifications.
pub(crate) const NOTIFICATIONS_SINK: &str = "notifications";

/// Name of the sink of mails.
pub(crate) const MAILS_SINK: &str = "mails";

#[derive(Debug, Clone, Copy)]
struct Inboxes {
    stores: InboxHandles,
    notifications: Output<Uuid, Notification>,
    mails: Output<Uuid, Mail>,
}

/// Makes notifications of what users are to know and want to hear of.
#[derive(Debug, Default)]
pub(crate) struct InboxProcessor {
    wired: Option<Inboxes>,
}

impl Processor for InboxProcessor {
    type KIn = Uuid;
    type VIn = InboxInput;

    fn init(&mut self, ctx: &mut InitContext<'_>) -> Result<(), TopologyError> {
        let (notifications, mails) = (ctx.output(NOTIFICATIONS_SINK)?, ctx.output(MAILS_SINK)?);
        self.wired = Some(Inboxes { stores: InboxHandles::new(ctx)?, notifications, mails });
        Ok(())
    }

    fn process(&mut self, ctx: &mut Context<'_>, record: Record<Uuid, InboxInput>) -> Result<(), ProcessingError> {
        let Some(inboxes) = self.wired else {
            return Err(ProcessingError::record("not_initialised", "process before init"));
        };
        let at = record.timestamp;
        match record.value {
            InboxInput::NotificationIntended(intended) => inboxes.notify(ctx, intended, at),
            InboxInput::ReadingTold(told) => inboxes.read(ctx, &told, at),
        }
    }
}

impl Inboxes {
    /// Makes the notification, and the mail that tells of it, unless the user does not want it or has it.
    fn notify(&self, ctx: &mut Context<'_>, intended: NotificationIntended, at: i64) -> Result<(), ProcessingError> {
        let NotificationIntended { correlation_id, causation_id, user_id, reason, about } = intended;
        let inbox = self.stores.inbox(ctx, user_id)?;
        let Preferences { muted_kinds, muted_projects, .. } = &inbox.preferences;
        if muted_kinds.contains(&about.kind) || muted_projects.contains(&about.project_id) {
            return Ok(());
        }
        let event_id = ids::notification_id(about.event_id, user_id);
        if self.stores.memory.contains(ctx, &event_id)? {
            return Ok(());
        }
        self.stores.memory.put(ctx, &event_id, MADE.to_vec())?;
        let sequence = self.stores.next(ctx, user_id, &inbox)?;
        let made = NotificationCreated {
            event_id,
            correlation_id,
            causation_id,
            published_at: at,
            version: NotificationCreated::VERSION,
            source: event::SOURCE.to_owned(),
            user_id,
            sequence,
            about,
            reason,
        };
        if let Some(mail) = mail::of_notification(&inbox, &made) {
            ctx.forward(self.mails, Record::new(user_id, mail, at));
        }
        ctx.forward(self.notifications, Record::new(user_id, made.into(), at));
        Ok(())
    }

    /// Says that the user has read, if there is something that it could mean.
    fn read(&self, ctx: &mut Context<'_>, told: &ReadingTold, at: i64) -> Result<(), ProcessingError> {
        let ReadingTold { correlation_id, causation_id, user_id, notification_id, up_to } = *told;
        let inbox = self.stores.inbox(ctx, user_id)?;
        if inbox.sequence == 0 {
            return Ok(());
        }
        // Nobody has read what is still to come.
        let up_to = if notification_id.is_some() { 0 } else { up_to.min(inbox.sequence) };
        let sequence = self.stores.next(ctx, user_id, &inbox)?;
        let read = NotificationsRead {
            event_id: ids::event_id(causation_id, 0),
            correlation_id,
            causation_id,
            published_at: at,
            version: NotificationsRead::VERSION,
            source: event::SOURCE.to_owned(),
            user_id,
            sequence,
            notification_id,
            up_to,
        };
        ctx.forward(self.notifications, Record::new(user_id, read.into(), at));
        Ok(())
    }
}

impl InboxHandles {
    /// A user's inbox; an empty one for whoever has none yet.
    fn inbox(&self, ctx: &mut Context<'_>, user_id: Uuid) -> Result<Arc<InboxState>, ProcessingError> {
        Ok(self.inboxes.get(ctx, &user_id)?.unwrap_or_default())
    }

    fn next(&self, ctx: &mut Context<'_>, user_id: Uuid, inbox: &InboxState) -> Result<i64, ProcessingError> {
        let sequence = inbox.sequence + 1;
        self.inboxes.put(ctx, &user_id, InboxState { sequence, ..inbox.clone() })?;
        Ok(sequence)
    }
}

/// What the memory holds: that the notification was made.
const MADE: &[u8] = b"1";

/// Keeps who users are and what they want to hear of, and welcomes them. A record without a value erases it.
#[derive(Debug, Default)]
pub(crate) struct PreferencesProcessor {
    wired: Option<(InboxHandles, Output<Uuid, Mail>)>,
}

impl Processor for PreferencesProcessor {
    type KIn = Uuid;
    type VIn = Option<UserEvent>;

    fn init(&mut self, ctx: &mut InitContext<'_>) -> Result<(), TopologyError> {
        self.wired = Some((InboxHandles::new(ctx)?, ctx.output(MAILS_SINK)?));
        Ok(())
    }

    fn process(
        &mut self,
        ctx: &mut Context<'_>,
        record: Record<Uuid, Option<UserEvent>>,
    ) -> Result<(), ProcessingError> {
        let Some((stores, mails)) = self.wired else {
            return Err(ProcessingError::record("not_initialised", "process before init"));
        };
        let old = stores.inbox(ctx, record.key)?;
        let user = record.value.map(UserEvent::into_user);
        if let Some(mail) = user.as_ref().and_then(|user| mail::of_welcome(&old, user)) {
            ctx.forward(mails, Record::new(record.key, mail, record.timestamp));
        }
        let UserUpdated { email, name, preferences, .. } = user.unwrap_or_default();
        let new = InboxState { sequence: old.sequence, preferences, address: email.unwrap_or_default(), name };
        if new == *old {
            return Ok(());
        }
        stores.inboxes.put(ctx, &record.key, new)
    }
}
