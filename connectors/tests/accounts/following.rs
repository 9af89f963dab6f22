//! Webhooks kept at hand while the database comes and goes.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use connectors::accounts::{
    Accounts, AccountsError, Answer, NewWebhook, Owner, PostgresAccounts, Webhook, WebhookChange, follow, migrate,
};
use connectors::postgres::Grants;
use connectors::webhook::Hook;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use uuid::Uuid;

use crate::home::{WEB, new, schema};
use crate::support::database::OwnDatabase;

#[tokio::test]
async fn whoever_follows_waits_for_the_tables_and_says_why() {
    let database = OwnDatabase::new().await;
    let accounts = PostgresAccounts::open(schema(&database)).expect("the address is one");
    let not_ready = accounts.ready().await.expect_err("there are no tables");
    assert!(matches!(&not_ready, AccountsError::NotMigrated { found: 0, wanted: 1, .. }), "{not_ready}");
    assert!(not_ready.to_string().contains("schema accounts") && not_ready.to_string().contains("sink migrate"));
    let (tell, mut told) = unbounded_channel();
    let following = follow(accounts.clone(), move |hooks| tell.send(hooks).expect("the test listens"));
    // Read before the first question is answered, or after.
    assert!(following.missing().is_some());
    migrate(&schema(&database), &Grants::default()).await.expect("migrated");
    accounts.ready().await.expect("ready");
    following.loaded().await;
    assert_eq!(following.missing(), None);
    assert_eq!(told.recv().await.expect("handed over"), []);
}

/// What a test says of a database: its revision, which is negative while it is away. Tells when it is asked.
struct Told {
    revision: AtomicI64,
    asked: UnboundedSender<()>,
}

impl Accounts for Told {
    fn changes(&self) -> Answer<'_, i64> {
        let revision = self.revision.load(Ordering::SeqCst);
        self.asked.send(()).expect("the test listens");
        let answer = if revision < 0 { Err(AccountsError::Unavailable("away".to_owned())) } else { Ok(revision) };
        Box::pin(async { answer })
    }

    fn hooks(&self) -> Answer<'_, Vec<Hook>> {
        let number = u128::from(self.revision.load(Ordering::SeqCst).unsigned_abs());
        let NewWebhook { id, owner, url, kinds, at, .. } = new(WEB, number);
        let hook = Hook { id, owner_id: owner.id(), url, secret: String::new(), kinds, created_at: at };
        Box::pin(async { Ok(vec![hook]) })
    }

    fn create_webhook<'a>(&'a self, _: &'a NewWebhook) -> Answer<'a, Webhook> {
        unreachable!("nobody asks for it")
    }

    fn webhooks_of(&self, _: Owner) -> Answer<'_, Vec<Webhook>> {
        unreachable!("nobody asks for it")
    }

    fn webhook(&self, _: Uuid) -> Answer<'_, Option<Webhook>> {
        unreachable!("nobody asks for it")
    }

    fn update_webhook<'a>(&'a self, _: Uuid, _: &'a WebhookChange, _: i64) -> Answer<'a, Option<Webhook>> {
        unreachable!("nobody asks for it")
    }

    fn rotate_secret(&self, _: Uuid, _: i64) -> Answer<'_, Option<Webhook>> {
        unreachable!("nobody asks for it")
    }

    fn delete_webhook(&self, _: Uuid) -> Answer<'_, bool> {
        unreachable!("nobody asks for it")
    }
}

#[tokio::test]
async fn what_was_handed_over_last_counts_while_the_database_is_away() {
    let ((ask, mut asked), (tell, mut told)) = (unbounded_channel(), unbounded_channel());
    let accounts = Arc::new(Told { revision: AtomicI64::new(-1), asked: ask });
    let following = follow(accounts.clone(), move |hooks: Vec<Hook>| tell.send(hooks[0].id).expect("listened to"));
    // The second question is asked when the first was answered and what follows from it is done.
    for _ in 0..2 {
        asked.recv().await.expect("asked");
    }
    assert_eq!(following.missing().as_deref(), Some("accounts: away"));
    accounts.revision.store(1, Ordering::SeqCst);
    assert_eq!(told.recv().await, Some(new(WEB, 1).id));
    for revision in [-1, 1] {
        accounts.revision.store(revision, Ordering::SeqCst);
        while asked.try_recv().is_ok() {}
        for _ in 0..2 {
            asked.recv().await.expect("asked");
        }
        assert_eq!(following.missing(), None, "those that were known count");
        assert!(told.try_recv().is_err(), "nothing has changed");
    }
    // A database that was restored may be at an earlier revision, which is a change too.
    for revision in [3, 2] {
        accounts.revision.store(revision, Ordering::SeqCst);
        assert_eq!(told.recv().await, Some(new(WEB, u128::from(revision.unsigned_abs())).id));
    }
}
