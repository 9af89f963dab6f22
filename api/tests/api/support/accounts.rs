//! An accounts database that is away; a real one is asked in `tests/apart/cases`.

use connectors::accounts::{Accounts, AccountsError, Answer, NewWebhook, Owner, Webhook, WebhookChange};
use connectors::webhook::Hook;
use uuid::Uuid;

pub(crate) struct AccountsAway;

fn away<T: Send + 'static>() -> Answer<'static, T> {
    Box::pin(async { Err(AccountsError::Unavailable("cannot connect to 10.0.0.7".to_owned())) })
}

impl Accounts for AccountsAway {
    fn create_webhook<'a>(&'a self, _: &'a NewWebhook) -> Answer<'a, Webhook> {
        away()
    }

    fn webhooks_of(&self, _: Owner) -> Answer<'_, Vec<Webhook>> {
        away()
    }

    fn webhook(&self, _: Uuid) -> Answer<'_, Option<Webhook>> {
        away()
    }

    fn update_webhook<'a>(&'a self, _: Uuid, _: &'a WebhookChange, _: i64) -> Answer<'a, Option<Webhook>> {
        away()
    }

    fn rotate_secret(&self, _: Uuid, _: i64) -> Answer<'_, Option<Webhook>> {
        away()
    }

    fn delete_webhook(&self, _: Uuid) -> Answer<'_, bool> {
        away()
    }

    fn hooks(&self) -> Answer<'_, Vec<Hook>> {
        away()
    }

    fn changes(&self) -> Answer<'_, i64> {
        away()
    }
}
