//! The processors of the inboxes.

use schemas::{
    InboxInput, InboxState, Notification, NotificationCreated, NotificationIntended, NotificationsRead, Preferences,
    ReadingTold, Record as _, UserEvent, event, ids,
};
use topology::{Context, InitContext, Output, ProcessingError, Processor, Record, TopologyError};
use uuid::Uuid;

use super::stores::InboxHandles;

/// Name of the repartition that tells inboxes.
pub(crate) const INBOX_INPUTS: &str = "inbox-inputs";
/// Name of the sink of notifications.
pub(crate) const NOTIFICATIONS_SINK: &str = "notifications";

/// Makes notifications of what users are to know and want to hear of.
#[derive(Debug, Default)]
pub(crate) struct InboxProcessor {
    wired: Option<(InboxHandles, Output<Uuid, Notification>)>,
}

impl Processor for InboxProcessor {
    type KIn = Uuid;
    type VIn = InboxInput;

    fn init(&mut self, ctx: &mut InitContext<'_>) -> Result<(), TopologyError> {
        self.wired = Some((InboxHandles::new(ctx)?, ctx.output(NOTIFICATIONS_SINK)?));
        Ok(())
    }

    fn process(&mut self, ctx: &mut Context<'_>, record: Record<Uuid, InboxInput>) -> Result<(), ProcessingError> {
        let Some((stores, notifications)) = self.wired else {
            return Err(ProcessingError::record("not_initialised", "process before init"));
        };
        let at = record.timestamp;
        let made = match record.value {
            InboxInput::NotificationIntended(intended) => stores.notify(ctx, intended, at)?,
            InboxInput::ReadingTold(told) => stores.read(ctx, &told, at)?,
        };
        if let Some(made) = made {
            ctx.forward(notifications, Record::new(record.key, made, at));
        }
        Ok(())
    }
}

impl InboxHandles {
    /// The notification, unless the user does not want it or has it.
    fn notify(
        &self,
        ctx: &mut Context<'_>,
        intended: NotificationIntended,
        at: i64,
    ) -> Result<Option<Notification>, ProcessingError> {
        let NotificationIntended { correlation_id, causation_id, user_id, reason, about } = intended;
        let inbox = self.inboxes.get(ctx, &user_id)?;
        let Preferences { muted_kinds, muted_projects } =
            inbox.as_deref().map_or(&NOTHING_MUTED, |inbox| &inbox.preferences);
        if muted_kinds.contains(&about.kind) || muted_projects.contains(&about.project_id) {
            return Ok(None);
        }
        let event_id = ids::notification_id(about.event_id, user_id);
        if self.memory.contains(ctx, &event_id)? {
            return Ok(None);
        }
        self.memory.put(ctx, &event_id, MADE.to_vec())?;
        let sequence = self.next(ctx, user_id, inbox.as_deref())?;
        Ok(Some(Notification::from(NotificationCreated {
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
        })))
    }

    /// That the user has read; none if there is nothing that it could mean.
    fn read(
        &self,
        ctx: &mut Context<'_>,
        told: &ReadingTold,
        at: i64,
    ) -> Result<Option<Notification>, ProcessingError> {
        let ReadingTold { correlation_id, causation_id, user_id, notification_id, up_to } = *told;
        let Some(inbox) = self.inboxes.get(ctx, &user_id)?.filter(|inbox| inbox.sequence > 0) else {
            return Ok(None);
        };
        // Nobody has read what is still to come.
        let up_to = if notification_id.is_some() { 0 } else { up_to.min(inbox.sequence) };
        let sequence = self.next(ctx, user_id, Some(&inbox))?;
        Ok(Some(Notification::from(NotificationsRead {
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
        })))
    }

    fn next(&self, ctx: &mut Context<'_>, user_id: Uuid, inbox: Option<&InboxState>) -> Result<i64, ProcessingError> {
        let mut inbox = inbox.cloned().unwrap_or_default();
        inbox.sequence += 1;
        let sequence = inbox.sequence;
        self.inboxes.put(ctx, &user_id, inbox)?;
        Ok(sequence)
    }
}

static NOTHING_MUTED: Preferences = Preferences { muted_kinds: Vec::new(), muted_projects: Vec::new() };

/// What the memory holds: that the notification was made.
const MADE: &[u8] = b"1";

/// Keeps what users want to hear of. A record without a value erases it.
#[derive(Debug, Default)]
pub(crate) struct PreferencesProcessor {
    stores: Option<InboxHandles>,
}

impl Processor for PreferencesProcessor {
    type KIn = Uuid;
    type VIn = Option<UserEvent>;

    fn init(&mut self, ctx: &mut InitContext<'_>) -> Result<(), TopologyError> {
        self.stores = Some(InboxHandles::new(ctx)?);
        Ok(())
    }

    fn process(
        &mut self,
        ctx: &mut Context<'_>,
        record: Record<Uuid, Option<UserEvent>>,
    ) -> Result<(), ProcessingError> {
        let Some(stores) = self.stores else {
            return Err(ProcessingError::record("not_initialised", "process before init"));
        };
        let preferences = record.value.map(|event| event.into_user().preferences).unwrap_or_default();
        let inbox = stores.inboxes.get(ctx, &record.key)?.map(|inbox| (*inbox).clone()).unwrap_or_default();
        if inbox.preferences == preferences {
            return Ok(());
        }
        stores.inboxes.put(ctx, &record.key, InboxState { preferences, ..inbox })
    }
}
