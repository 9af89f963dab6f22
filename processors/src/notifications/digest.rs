//! What waits for a user's next digest, and when that is due.
//!
//! A notification that is not mailed at once is gathered: in a store by user and sequence, and the user in another by the time
//! at which the mail with all of it is due. A punctuation sends what is due, some at a time, in one transaction with taking it out of
//! both, so a digest tells of each once, whatever ends the process.

use std::ops::{Bound, ControlFlow};

use schemas::{InboxState, Mail, NotificationCreated};
use topology::{Context, Output, ProcessingError, Record};
use uuid::Uuid;

use super::mail;
use super::stores::InboxHandles;
use super::times::MailTime;
use crate::keys::{DueKey, KeyBytes as _, TicketKey};

/// Most notifications that a digest tells of. It only counts further ones, which are in the inbox all the same.
const DIGEST_ITEMS: i32 = 100;
/// Most digests that one punctuation sends, so that it holds up nothing else: the next one goes on.
const DIGESTS_AT_ONCE: usize = 100;

/// What stands in the store of what is due.
const DUE: &[u8] = b"1";

impl InboxHandles {
    /// Keeps a notification for the digest; the first one says when that is due.
    pub(super) fn gather(
        &self,
        ctx: &mut Context<'_>,
        inbox: &mut InboxState,
        made: &NotificationCreated,
        due: i64,
    ) -> Result<(), ProcessingError> {
        if inbox.digest_due == 0 {
            inbox.digest_due = due;
            self.due.put(ctx, &DueKey(due, made.user_id), DUE.to_vec())?;
        }
        if inbox.gathered == DIGEST_ITEMS {
            inbox.more = inbox.more.saturating_add(1);
            return Ok(());
        }
        inbox.gathered += 1;
        self.gathered.put(ctx, &TicketKey(made.user_id, made.sequence), mail::gathered(made))
    }

    /// Sends the digests that are due.
    pub(super) fn send_due(
        &self,
        ctx: &mut Context<'_>,
        mails: Output<Uuid, Mail>,
        now: i64,
    ) -> Result<(), ProcessingError> {
        let mut due = Vec::new();
        self.due.prefix_scan_after(ctx, &[], Bound::Unbounded, |key, _| {
            let Some(key) = DueKey::read(key).filter(|key| key.0 <= now) else { return ControlFlow::Break(()) };
            due.push(key);
            if due.len() < DIGESTS_AT_ONCE { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        for key in due {
            self.due.delete(ctx, &key)?;
            let DueKey(at, user_id) = key;
            let mut inbox = InboxState::clone(&*self.inbox(ctx, user_id)?);
            let gathered = self.take_gathered(ctx, user_id)?;
            if let Some(mail) = mail::of_digest(&inbox, user_id, gathered) {
                ctx.forward(mails, Record::new(user_id, mail, at));
            }
            (inbox.digest_due, inbox.gathered, inbox.more) = (0, 0, 0);
            self.inboxes.put(ctx, &user_id, inbox)?;
        }
        Ok(())
    }

    /// What was gathered goes out when the user's new choice would have it, or not at all if they want no mail any more.
    pub(super) fn choose_again(
        &self,
        ctx: &mut Context<'_>,
        user_id: Uuid,
        inbox: &mut InboxState,
        now: i64,
    ) -> Result<(), ProcessingError> {
        self.due.delete(ctx, &DueKey(inbox.digest_due, user_id))?;
        inbox.digest_due = match mail::time(inbox, now) {
            MailTime::Now => now,
            MailTime::At(due) => due,
            MailTime::Never => {
                self.take_gathered(ctx, user_id)?;
                (inbox.digest_due, inbox.gathered, inbox.more) = (0, 0, 0);
                return Ok(());
            }
        };
        self.due.put(ctx, &DueKey(inbox.digest_due, user_id), DUE.to_vec())
    }

    fn take_gathered(
        &self,
        ctx: &mut Context<'_>,
        user_id: Uuid,
    ) -> Result<Vec<schemas::GatheredState>, ProcessingError> {
        let (mut keys, mut gathered) = (Vec::new(), Vec::new());
        self.gathered.prefix_scan(ctx, user_id.as_bytes(), |key, value| {
            keys.extend(TicketKey::read(key));
            gathered.push(value);
            ControlFlow::Continue(())
        })?;
        keys.iter().try_for_each(|key| self.gathered.delete(ctx, key))?;
        Ok(gathered)
    }
}
