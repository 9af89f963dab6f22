//! The contracts, held to what they promise: the bytes, the evolution, the ids.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "a test may fail where it stands"
)]
// A helper of a test may panic as the test itself may.
#![allow(missing_docs)]

mod evolution;
mod golden;
mod malformed;
mod oracle;
mod round_trip;
mod table;

/// Calls a generic function for each record type, so that no test forgets one. `table` checks that it is complete.
macro_rules! for_each_record {
    (@expand [$($record:ident)*] $function:ident $arguments:tt) => {
        $( $function::<schemas::$record> $arguments; )*
    };
    ($($call:tt)*) => {
        crate::for_each_record!(@expand [
            CreateProject UpdateProject ConfigureAssignment ConfigureWorkflow AddMember UpdateMember RemoveMember CreateTicket ImportTicket EditTicket
            MoveTicket AssignTicket UnassignTicket CommentTicket WatchTicket UnwatchTicket DeleteTicket RegisterUser
            UpdatePreferences ReadNotifications DeactivateUser ReactivateUser UserUpdated
            ProjectCreated ProjectUpdated ProjectMemberAdded ProjectMemberUpdated ProjectMemberRemoved
            TicketCreated TicketUpdated TicketStatusUpdated TicketAssigned TicketUnassigned TicketCommented
            TicketWatchAdded TicketWatchRemoved
            TicketDeleted UserCreated CommandAccepted CommandRejected CommandFailed
            UserLookupRequested UserLookupReplied UserActivityTold ProjectState ProjectCounters MemberState HandleState TicketState
            ExternalState CommentState WatcherState UserState
            PoolTicketChanged PoolMemberChanged PoolProjectChanged PoolProjectLeft AssignmentDeclined AssignmentProposed
            PoolLookupRequested PoolLookupReplied PoolMoved PoolState
            PoolProjectState PoolMembershipState PoolLoadState PoolTicketState PoolGroupState
            NotificationIntended ReadingTold FanOutContinued NotificationCreated NotificationsRead
            MailRequested MailSent MailFailed OutgoingMailState
            ReplayRequested DeliverySucceeded DeliveryFailed OutgoingDeliveryState KeptDeliveryState
            FanOutTicketState FanOutWatcherState FanOutRestState InboxState GatheredState
        ] $($call)*)
    };
}
pub(crate) use for_each_record;
