//! The processors of the inboxes.

use std::sync::Arc;

use schemas::{
    InboxInput, InboxState, Mail, Notification, NotificationCreated, NotificationIntended, NotificationsRead,
    Preferences, ReadingTold, Record as _, UserEvent, UserUpdated, event, ids,
};
use topology::{
    Context, InitContext, Output, ProcessingError, Processor, Punctuation, PunctuationType, Record, TopologyError,
};
use uuid::Uuid;

use super::mail;
use super::stores::InboxHandles;
use super::times::MailTime;

/// Name of the repartition that tells inboxes.
pub(crate) const INBOX_INPUTS: &str = "inbox-inputs";
/// Name of the sink of notifications.
pub(crate) const NOTIFICATIONS_SINK: &str = "notifications";

/// Name of the sink of mails.
pub(crate) const MAILS_SINK: &str = "mails";

/// How often digests that are due are looked for, in milliseconds on the wall.
const LOOK_EVERY_MS: i64 = 1_000;
/// And in stream time: so that what happened long ago is told of day by day, as it would have been then.
const LOOK_EVERY_STREAM_MS: i64 = 60_000;

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
        ctx.schedule(LOOK_EVERY_MS, PunctuationType::WallClockTime);
        ctx.schedule(LOOK_EVERY_STREAM_MS, PunctuationType::StreamTime);
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

    fn punctuate(&mut self, ctx: &mut Context<'_>, which: Punctuation) -> Result<(), ProcessingError> {
        let Some(inboxes) = self.wired else {
            return Err(ProcessingError::record("not_initialised", "punctuate before init"));
        };
        inboxes.stores.send_due(ctx, inboxes.mails, which.timestamp)
    }
}

impl Inboxes {
    /// Makes the notification, and the mail that tells of it, unless the user is deactivated, does not want it or has it.
    fn notify(&self, ctx: &mut Context<'_>, intended: NotificationIntended, at: i64) -> Result<(), ProcessingError> {
        let NotificationIntended { correlation_id, causation_id, user_id, reason, about } = intended;
        let known = self.stores.inbox(ctx, user_id)?;
        let Preferences { muted_kinds, muted_projects, .. } = &known.preferences;
        if known.deactivated || muted_kinds.contains(&about.kind) || muted_projects.contains(&about.project_id) {
            return Ok(());
        }
        let event_id = ids::notification_id(about.event_id, user_id);
        if self.stores.memory.contains(ctx, &event_id)? {
            return Ok(());
        }
        self.stores.memory.put(ctx, &event_id, MADE.to_vec())?;
        let mut inbox = InboxState { sequence: known.sequence + 1, ..InboxState::clone(&*known) };
        let made = NotificationCreated {
            event_id,
            correlation_id,
            causation_id,
            published_at: at,
            version: NotificationCreated::VERSION,
            source: event::SOURCE.to_owned(),
            user_id,
            sequence: inbox.sequence,
            about,
            reason,
        };
        match mail::time(&inbox, at) {
            MailTime::Now => ctx.forward(self.mails, Record::new(user_id, mail::of_notification(&inbox, &made), at)),
            MailTime::At(due) => self.stores.gather(ctx, &mut inbox, &made, due)?,
            MailTime::Never => {}
        }
        self.stores.inboxes.put(ctx, &user_id, inbox)?;
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
        let sequence = inbox.sequence + 1;
        self.stores.inboxes.put(ctx, &user_id, InboxState { sequence, ..InboxState::clone(&*inbox) })?;
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
    pub(super) fn inbox(&self, ctx: &mut Context<'_>, user_id: Uuid) -> Result<Arc<InboxState>, ProcessingError> {
        Ok(self.inboxes.get(ctx, &user_id)?.unwrap_or_default())
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
        let UserUpdated { email, name, preferences, deactivated, .. } = user.unwrap_or_default();
        let address = email.unwrap_or_default();
        let mut new = InboxState { preferences, address, name, deactivated, ..InboxState::clone(&*old) };
        if new == *old {
            return Ok(());
        }
        if new.digest_due != 0 && !mail::same_times(&new, &old) {
            stores.choose_again(ctx, record.key, &mut new, record.timestamp)?;
        }
        stores.inboxes.put(ctx, &record.key, new)
    }
}
