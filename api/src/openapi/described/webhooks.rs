//! `/webhooks`, `/projects/{id}/webhooks`, and deliveries.

use schemas::reader::DELIVERY_STATES;

use crate::openapi::bodies::{NewWebhook, WebhookChange};
use crate::openapi::examples;
use crate::openapi::operation::{Operation, Tag};
use crate::openapi::parameters::Query;

/// Refusals of an address and of what is to be told.
const FIELDS: &[&str] = &["url_invalid", "kind_unknown"];

/// Whoever may not change a project's webhooks.
const OWN: &[&str] = &["webhook_not_found", "insufficient_role"];

fn new_webhook() -> NewWebhook {
    NewWebhook { url: "https://example.org/hook".to_owned(), kinds: Some(vec!["ticket.created".to_owned()]) }
}

pub(crate) fn list() -> Operation {
    Operation::new("listWebhooks", Tag::Webhooks, "The caller's own webhooks").gives(
        200,
        "The webhooks.",
        &examples::list(examples::webhook()),
    )
}

pub(crate) fn create() -> Operation {
    let mine = NewWebhook { kinds: Some(vec!["notification".to_owned()]), ..new_webhook() };
    made(Operation::new("createWebhook", Tag::Webhooks, "Makes a webhook of the caller's own")).takes(&mine)
}

pub(crate) fn list_of_project() -> Operation {
    Operation::new("listProjectWebhooks", Tag::Webhooks, "The webhooks of a project")
        .gives(200, "The webhooks.", &examples::list(examples::webhook()))
        .refuses(&["project_not_found", "insufficient_role"])
}

pub(crate) fn create_in_project() -> Operation {
    made(Operation::new("createProjectWebhook", Tag::Webhooks, "Makes a webhook of a project"))
        .takes(&new_webhook())
        .refuses(&["project_not_found", "insufficient_role"])
}

fn made(operation: Operation) -> Operation {
    operation
        .about("Its secret is in this answer and in no other.")
        .gives(201, "The webhook, with its secret.", &examples::webhook_with_secret())
        .with(201, &["Location"])
        .refuses(&["too_many_webhooks", "idempotency_key_reused"])
        .refuses(FIELDS)
}

pub(crate) fn read() -> Operation {
    Operation::new("getWebhook", Tag::Webhooks, "A webhook")
        .gives(200, "The webhook.", &examples::webhook())
        .refuses(OWN)
}

pub(crate) fn update() -> Operation {
    let body = WebhookChange { url: None, kinds: Some(vec!["ticket.created".to_owned()]) };
    Operation::new("updateWebhook", Tag::Webhooks, "Changes a webhook")
        .takes(&body)
        .gives(200, "The webhook as it is then.", &examples::webhook())
        .refuses(OWN)
        .refuses(FIELDS)
}

pub(crate) fn delete() -> Operation {
    Operation::new("deleteWebhook", Tag::Webhooks, "Deletes a webhook").gives_nothing(204, "It is gone.").refuses(OWN)
}

pub(crate) fn rotate() -> Operation {
    Operation::new("rotateWebhookSecret", Tag::Webhooks, "Draws a new secret")
        .about("The one before counts no more.")
        .gives(200, "The webhook, with its new secret.", &examples::webhook_with_secret())
        .refuses(OWN)
}

pub(crate) fn list_deliveries() -> Operation {
    Operation::new("listDeliveries", Tag::Webhooks, "What became of what a webhook was told")
        .about("In the last seven days; those that were begun last first.")
        .query([Query::one_of("state", "What became of them.", &DELIVERY_STATES)])
        .paged()
        .gives(200, "A page of deliveries.", &examples::list(examples::delivery()))
        .refuses(OWN)
}

pub(crate) fn read_delivery() -> Operation {
    Operation::new("getDelivery", Tag::Webhooks, "A delivery, once it was tried")
        .gives(200, "The delivery.", &examples::delivery())
        .refuses(OWN)
        .refuses(&["delivery_not_found"])
}

pub(crate) fn replay() -> Operation {
    Operation::new("replayDelivery", Tag::Webhooks, "Delivers once more")
        .gives(202, "It was asked for; `Location` shows it once it was tried.", &examples::replay())
        .with(202, &["Location"])
        .refuses(OWN)
        .refuses(&["delivery_not_found", "body_too_large"])
}
