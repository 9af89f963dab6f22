//! What is promised of accounts, whatever database they are in.

use std::collections::BTreeSet;

use connectors::accounts::{AccountsError, MOST_WEBHOOKS, Owner, Webhook, WebhookChange, follow};
use connectors::webhook::Hook;
use uuid::Uuid;

use crate::home::{ADA, Home, WEB, new};

fn ids(webhooks: &[Webhook]) -> Vec<Uuid> {
    webhooks.iter().map(|webhook| webhook.id).collect()
}

pub(crate) async fn a_webhook_is_found_by_its_id_and_its_owner_and_among_all(home: Home) {
    let accounts = home.open().await;
    let asked = new(WEB, 2);
    let made = accounts.create_webhook(&asked).await.expect("made");
    assert_eq!((made.id, made.owner, &made.url, &made.kinds), (asked.id, WEB, &asked.url, &asked.kinds));
    assert_eq!((made.created_by, made.created_at, made.updated_at), (ADA.id(), 5_002, 5_002));
    assert!(made.secret.starts_with("whsec_") && made.secret.len() == 6 + 43, "{}", made.secret);
    assert_eq!(accounts.webhook(made.id).await.expect("an answer").as_ref(), Some(&made));
    assert_eq!(accounts.webhook(Uuid::nil()).await.expect("an answer"), None);

    let earlier = accounts.create_webhook(&new(WEB, 1)).await.expect("made");
    let own = accounts.create_webhook(&new(ADA, 3)).await.expect("made");
    assert_ne!(earlier.secret, made.secret);
    let of = async |owner| ids(&accounts.webhooks_of(owner).await.expect("an answer"));
    assert_eq!(of(WEB).await, [made.id, earlier.id], "in the order in which they were made, whatever clocks say");
    assert_eq!(of(ADA).await, [own.id]);
    assert!(of(Owner::User(WEB.id())).await.is_empty(), "a user with the id of a project is somebody else");
    let hooks = accounts.hooks().await.expect("an answer");
    assert_eq!(hooks, [made, earlier, own].map(Hook::from));
}

pub(crate) async fn what_is_asked_for_is_changed_and_the_rest_stays(home: Home) {
    let accounts = home.open().await;
    let made = accounts.create_webhook(&new(WEB, 1)).await.expect("made");
    let other = accounts.create_webhook(&new(WEB, 2)).await.expect("made");
    let change = async |change: WebhookChange, at| {
        let changed = accounts.update_webhook(made.id, &change, at).await.expect("changed").expect("it is there");
        assert_eq!(accounts.webhook(made.id).await.expect("an answer").as_ref(), Some(&changed));
        changed
    };
    assert_eq!(change(WebhookChange::default(), 9_000).await, made);
    let moved = change(WebhookChange { url: Some("https://example.org/new".to_owned()), kinds: None }, 9_000).await;
    assert_eq!(moved, Webhook { url: "https://example.org/new".to_owned(), updated_at: 9_000, ..made.clone() });
    // A clock that goes back does not make it older.
    let all = change(WebhookChange { url: None, kinds: Some(vec![]) }, 8_000).await;
    assert_eq!(all, Webhook { kinds: vec![], updated_at: 9_001, ..moved });
    assert_eq!(accounts.webhook(other.id).await.expect("an answer"), Some(other));
    for empty in [false, true] {
        let change = WebhookChange { url: (!empty).then(|| "https://example.org/".to_owned()), kinds: None };
        assert_eq!(accounts.update_webhook(Uuid::nil(), &change, 1).await.expect("an answer"), None);
    }
}

pub(crate) async fn another_secret_takes_the_place_of_the_one_before(home: Home) {
    let accounts = home.open().await;
    let made = accounts.create_webhook(&new(ADA, 1)).await.expect("made");
    let rotated = accounts.rotate_secret(made.id, 9_000).await.expect("rotated").expect("it is there");
    assert_ne!(rotated.secret, made.secret);
    assert!(rotated.secret.starts_with("whsec_"));
    let expected = Webhook { secret: rotated.secret.clone(), updated_at: 9_000, ..made };
    assert_eq!(accounts.hooks().await.expect("an answer"), [Hook::from(expected.clone())]);
    assert_eq!(rotated, expected);
    assert_eq!(accounts.rotate_secret(Uuid::nil(), 1).await.expect("an answer"), None);
}

pub(crate) async fn a_deleted_webhook_is_gone(home: Home) {
    let accounts = home.open().await;
    let made = accounts.create_webhook(&new(ADA, 1)).await.expect("made");
    assert!(accounts.delete_webhook(made.id).await.expect("deleted"));
    assert!(!accounts.delete_webhook(made.id).await.expect("an answer"), "there is none any more");
    assert_eq!(accounts.webhook(made.id).await.expect("an answer"), None);
    assert_eq!(accounts.hooks().await.expect("an answer"), []);
}

pub(crate) async fn the_same_id_again_makes_no_second_webhook(home: Home) {
    let accounts = home.open().await;
    let made = accounts.create_webhook(&new(WEB, 1)).await.expect("made");
    let mut again = new(ADA, 1);
    again.url = "https://example.org/other".to_owned();
    assert_eq!(accounts.create_webhook(&again).await.expect("answered"), made);
    assert_eq!(accounts.hooks().await.expect("an answer").len(), 1);
    // Also for an owner who has as many as there can be.
    for number in 2..=u128::from(MOST_WEBHOOKS) {
        accounts.create_webhook(&new(WEB, number)).await.expect("made");
    }
    assert_eq!(accounts.create_webhook(&new(WEB, 1)).await.expect("answered"), made);
}

pub(crate) async fn an_owner_has_ten_at_most_however_many_are_asked_for_at_once(home: Home) {
    let accounts = home.open().await;
    let asked: Vec<_> = (0..25)
        .map(|number| {
            // As from several processes.
            let accounts = accounts.clone();
            tokio::spawn(async move { accounts.create_webhook(&new(WEB, number)).await })
        })
        .collect();
    let mut made = BTreeSet::new();
    for answer in asked {
        match answer.await.expect("no panic") {
            Ok(webhook) => assert!(made.insert(webhook.id)),
            Err(AccountsError::TooManyWebhooks) => {}
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(made.len(), 10);
    assert_eq!(made, ids(&accounts.webhooks_of(WEB).await.expect("an answer")).into_iter().collect());
    // Each owner has their own ten, and a place that becomes free can be taken.
    accounts.create_webhook(&new(Owner::User(WEB.id()), 100)).await.expect("made");
    let refused = accounts.create_webhook(&new(WEB, 101)).await.expect_err("an eleventh");
    assert_eq!(refused.to_string(), "there are 10 webhooks already, which is the most");
    accounts.delete_webhook(*made.first().expect("ten")).await.expect("deleted");
    accounts.create_webhook(&new(WEB, 101)).await.expect("made");
}

pub(crate) async fn the_revision_moves_with_each_change_and_only_then(home: Home) {
    let accounts = home.open().await;
    let mut last = accounts.changes().await.expect("an answer");
    let mut moved = async || {
        let now = accounts.changes().await.expect("an answer");
        assert!(now >= last, "{now} after {last}");
        std::mem::replace(&mut last, now) != now
    };
    let made = accounts.create_webhook(&new(WEB, 1)).await.expect("made");
    assert!(moved().await);
    let kinds = WebhookChange { url: None, kinds: Some(vec![]) };
    accounts.update_webhook(made.id, &kinds, 1).await.expect("changed");
    assert!(moved().await);
    accounts.rotate_secret(made.id, 1).await.expect("rotated");
    assert!(moved().await);
    // What changes nothing.
    accounts.create_webhook(&new(WEB, 1)).await.expect("answered");
    accounts.update_webhook(made.id, &WebhookChange::default(), 1).await.expect("answered");
    accounts.update_webhook(Uuid::nil(), &kinds, 1).await.expect("answered");
    accounts.rotate_secret(Uuid::nil(), 1).await.expect("answered");
    accounts.delete_webhook(Uuid::nil()).await.expect("answered");
    assert!(!moved().await);
    accounts.delete_webhook(made.id).await.expect("deleted");
    assert!(moved().await);
}

pub(crate) async fn everything_is_there_after_a_restart(home: Home) {
    let accounts = home.open().await;
    let made = accounts.create_webhook(&new(WEB, 1)).await.expect("made");
    let revision = accounts.changes().await.expect("an answer");
    drop(accounts);
    let accounts = home.open().await;
    assert_eq!(accounts.webhook(made.id).await.expect("an answer"), Some(made));
    assert_eq!(accounts.changes().await.expect("an answer"), revision);
}

pub(crate) async fn each_change_is_handed_over(home: Home) {
    let accounts = home.open().await;
    let first = accounts.create_webhook(&new(WEB, 1)).await.expect("made");
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let following = follow(accounts.clone(), move |hooks| tell.send(hooks).expect("the test listens"));
    following.loaded().await;
    assert_eq!(following.missing(), None);
    assert_eq!(told.recv().await.expect("handed over"), [Hook::from(first.clone())]);
    // Written by another process.
    let second = home.open().await.create_webhook(&new(ADA, 2)).await.expect("made");
    assert_eq!(told.recv().await.expect("handed over"), [first.clone(), second].map(Hook::from));
    accounts.delete_webhook(first.id).await.expect("deleted");
    assert_eq!(told.recv().await.expect("handed over").len(), 1);
    drop(following);
    assert_eq!(told.recv().await, None, "it ends with what it has returned");
}
