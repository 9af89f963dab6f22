//! `/notifications`, `/mails` and `/preferences`.

use schemas::reader::MAIL_STATES;
use serde_json::json;

use crate::openapi::bodies::{EmailMode, PreferencesChange};
use crate::openapi::examples;
use crate::openapi::operation::{Operation, Tag};
use crate::openapi::parameters::Query;

pub(crate) fn list() -> Operation {
    let unread = Query::new("unread", "Leaves out what was read.", json!({ "type": "boolean", "default": false }));
    Operation::new("listNotifications", Tag::Notifications, "What the caller is told of")
        .about("Newest first. `unread` is counted up to 1,000.")
        .query([unread])
        .paged()
        .gives(200, "A page of notifications.", &examples::inbox())
}

pub(crate) fn read_one() -> Operation {
    Operation::new("readNotification", Tag::Notifications, "Marks a notification as read")
        .gives(200, "The notification.", &examples::notification())
        .refuses(&["notification_not_found"])
        .command(&[&["insufficient_role", "user_unknown"]])
}

pub(crate) fn read_all() -> Operation {
    Operation::new("readAllNotifications", Tag::Notifications, "Marks all notifications as read that there are by now")
        .gives(200, "How many have come since.", &examples::unread())
        .command(&[&["insufficient_role", "user_unknown"]])
}

pub(crate) fn list_mails() -> Operation {
    Operation::new("listMails", Tag::Notifications, "The mails that the caller was sent")
        .about("The last asked for first.")
        .query([
            Query::one_of("state", "What became of them.", &MAIL_STATES),
            Query::person("userId", "Another person, for administrators", &[]),
        ])
        .paged()
        .gives(200, "A page of mails.", &examples::list(examples::mail()))
        .refuses(&["user_not_found"])
}

pub(crate) fn read_preferences() -> Operation {
    Operation::new("getPreferences", Tag::Notifications, "What the caller wants to hear of").gives(
        200,
        "The preferences.",
        &examples::preferences(),
    )
}

pub(crate) fn update_preferences() -> Operation {
    let body = PreferencesChange {
        email: Some(EmailMode::Daily),
        email_hour: Some(7),
        time_zone: Some("Europe/Madrid".to_owned()),
        ..PreferencesChange::default()
    };
    let refusals = &[
        "insufficient_role",
        "user_unknown",
        "kind_unknown",
        "too_many_projects",
        "locale_unknown",
        "email_mode_unknown",
        "email_hour_invalid",
        "time_zone_unknown",
        "quiet_hours_invalid",
    ];
    Operation::new("updatePreferences", Tag::Notifications, "Says what the caller wants to hear of")
        .takes(&body)
        .gives(200, "The preferences as they are then.", &examples::preferences())
        .command(&[refusals])
}
