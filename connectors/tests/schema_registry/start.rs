//! What happens at the start: registering, checking, waiting.

use std::net::TcpListener;

use connectors::registry::{ConfluentRegistry, RegistryConfig, RegistryError};
use schemas::subjects::{Subject, subjects};
use schemas::{CreateTicket, Lookup, Record as _, SchemaRegistry as _};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::proxy::{Mode, Proxy};
use crate::{block_on, call, config, connect, edited, register};

const CREATE_TICKET: &str = "ticket.commands-io.syncroboard.CreateTicket";

#[test]
fn should_register_every_schema_and_find_the_same_ids_the_next_time() {
    let proxy = Proxy::new();
    let first = connect(&proxy).unwrap();
    let mut names: Vec<String> = subjects().iter().map(Subject::name).collect();
    names.sort();
    let mut registered: Vec<String> = serde_json::from_value(call(&proxy, "GET", "/subjects", None)).unwrap();
    registered.sort();
    assert_eq!(registered, names);
    for subject in subjects() {
        let name = subject.name();
        assert_eq!(call(&proxy, "GET", &format!("/config/{name}"), None)["compatibilityLevel"], "FULL_TRANSITIVE");
        let version = call(&proxy, "GET", &format!("/subjects/{name}/versions/latest"), None);
        assert_eq!(version["version"], 1, "{name}");
        let id = first.wire_id(subject.schema.id());
        assert_eq!(version["id"], id, "{name}");
        assert!(matches!(first.schema(id), Lookup::Known(writer) if writer.record() == subject.schema.record()));
    }
    assert_eq!(proxy.count("GET /schemas/ids/"), 0, "what was registered need not be asked");

    let posts = proxy.seen().len();
    let second = connect(&proxy).unwrap();
    let changes = proxy.seen().split_off(posts).into_iter().filter(|seen| {
        seen.call.starts_with("PUT") || (seen.call.starts_with("POST") && seen.call.ends_with("/versions"))
    });
    assert_eq!(changes.map(|seen| seen.call).collect::<Vec<_>>(), Vec::<String>::new());
    for subject in subjects() {
        assert_eq!(second.wire_id(subject.schema.id()), first.wire_id(subject.schema.id()));
    }
}

#[test]
fn should_agree_on_ids_when_two_start_at_once() {
    let proxy = Proxy::new();
    let (first, second) = std::thread::scope(|scope| {
        let other = scope.spawn(|| connect_until_it_works(&proxy));
        (connect_until_it_works(&proxy), other.join().unwrap())
    });
    for subject in subjects() {
        assert_eq!(first.wire_id(subject.schema.id()), second.wire_id(subject.schema.id()));
    }
    let versions = call(&proxy, "GET", &format!("/subjects/{CREATE_TICKET}/versions"), None);
    assert_eq!(versions, json!([1]));
}

/// As a process does: the registry may stumble over two who make the same subject.
fn connect_until_it_works(proxy: &Proxy) -> std::sync::Arc<ConfluentRegistry> {
    block_on(ConfluentRegistry::connect(&config(proxy), |_| {})).unwrap()
}

#[test]
fn should_register_a_new_version_beside_an_older_compatible_one() {
    let proxy = Proxy::new();
    let older = edited(CreateTicket::AVSC, |schema| {
        schema["fields"].as_array_mut().unwrap().retain(|field| field["name"] != "dueDate");
    });
    let older_id = register(&proxy, CREATE_TICKET, &older);
    let registry = connect(&proxy).unwrap();
    assert_ne!(registry.wire_id(CreateTicket::SCHEMA_ID), older_id);
    assert_eq!(call(&proxy, "GET", &format!("/subjects/{CREATE_TICKET}/versions"), None), json!([1, 2]));
}

#[test]
fn should_name_subject_version_and_difference_of_a_schema_that_does_not_go_together() {
    let proxy = Proxy::new();
    let retyped = edited(CreateTicket::AVSC, |schema| schema["fields"][7]["type"] = json!("long"));
    register(&proxy, CREATE_TICKET, &retyped);
    let error = connect(&proxy).unwrap_err();
    assert!(!error.is_transient());
    let text = error.to_string();
    for part in ["version 1", CREATE_TICKET, "the field title is \"long\" there, \"string\" here"] {
        assert!(text.contains(part), "{text:?} should name {part:?}");
    }
}

#[test]
fn should_only_check_where_it_may_not_register() {
    let proxy = Proxy::new();
    let mut checking = config(&proxy);
    checking.auto_register = false;
    let connect_only = || block_on(ConfluentRegistry::connect_once(&checking));
    let error = connect_only().unwrap_err().to_string();
    assert!(error.contains("it has no version"), "{error}");
    assert_eq!(call(&proxy, "GET", "/subjects", None), json!([]), "nothing was registered");

    // Someone else registers them, in a layout of their own.
    for subject in subjects() {
        let compact: Value = serde_json::from_str(subject.schema.avsc()).unwrap();
        register(&proxy, &subject.name(), &compact.to_string());
    }
    let registry = connect_only().unwrap();
    let latest = call(&proxy, "GET", &format!("/subjects/{CREATE_TICKET}/versions/latest"), None);
    assert_eq!(latest["id"], registry.wire_id(CreateTicket::SCHEMA_ID));
    assert_eq!(proxy.count("PUT"), 0, "compatibility is not its business either");

    let other = Proxy::new();
    let wider = edited(CreateTicket::AVSC, |schema| {
        schema["fields"].as_array_mut().unwrap().retain(|field| field["name"] != "labels");
    });
    for subject in subjects() {
        let avsc = if subject.name() == CREATE_TICKET { &*wider } else { subject.schema.avsc() };
        register(&other, &subject.name(), avsc);
    }
    checking.url = other.url();
    let error = block_on(ConfluentRegistry::connect_once(&checking)).unwrap_err();
    assert!(matches!(&error, RegistryError::NotRegistered { subject, .. } if subject == CREATE_TICKET), "{error}");
    assert!(error.to_string().contains("version 1 differs: the field labels is missing there"), "{error}");
}

#[test]
fn should_wait_for_a_registry_that_is_not_there_and_say_why() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let config = RegistryConfig::new(format!("http://{address}"));
    block_on(async {
        let (tell, mut told) = mpsc::unbounded_channel();
        let connecting = tokio::spawn(async move {
            ConfluentRegistry::connect(&config, |error| drop(tell.send((error.is_transient(), error.to_string()))))
                .await
        });
        let (transient, why) = told.recv().await.unwrap();
        assert!(transient && why.to_lowercase().contains("connection refused"), "{why}");
        told.recv().await.unwrap();
        // Something in its place that is no registry is not it either.
        let proxy = Proxy::on(TcpListener::bind(address).unwrap());
        proxy.set(Mode::Answer(404, "<html>no such page</html>"));
        while !told.recv().await.unwrap().1.contains("404") {}
        proxy.set(Mode::Answer(503, r#"{"error_code":50301,"message":"not yet"}"#));
        while !told.recv().await.unwrap().1.contains("not yet") {}
        proxy.set(Mode::Pass);
        assert!(connecting.await.unwrap().is_ok());
    });
}

#[test]
fn should_not_wait_for_a_registry_that_refuses_who_asks() {
    let proxy = Proxy::new();
    for mode in [Mode::Answer(401, ""), Mode::Answer(403, r#"{"error_code":40301,"message":"not you"}"#)] {
        proxy.set(mode);
        let error = connect(&proxy).unwrap_err();
        assert!(matches!(error, RegistryError::Refused { .. }), "{error}");
    }
}

#[test]
fn should_send_user_and_password_with_every_call_and_print_them_nowhere() {
    let proxy = Proxy::new();
    let mut config = config(&proxy);
    config.username = Some("ana".to_owned());
    config.password = Some("s3cret".to_owned());
    block_on(ConfluentRegistry::connect_once(&config)).unwrap();
    let seen = proxy.seen();
    // "ana:s3cret" in Base64.
    assert!(!seen.is_empty() && seen.iter().all(|s| s.authorization.as_deref() == Some("Basic YW5hOnMzY3JldA==")));
    assert!(!format!("{config:?}").contains("s3cret"));
    proxy.set(Mode::Answer(401, ""));
    let error = block_on(ConfluentRegistry::connect_once(&config)).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("s3cret"));
}

#[test]
fn should_refuse_an_address_that_cannot_be_one() {
    for (url, why) in [
        ("", "no address"),
        ("registry:8081", "no http address"),
        ("https://registry:8081", "TLS is a proxy's business"),
        ("http://ana:s3cret@localhost:1", "keys of their own"),
    ] {
        let error = block_on(ConfluentRegistry::connect_once(&RegistryConfig::new(url))).unwrap_err();
        assert!(matches!(&error, RegistryError::Config(text) if text.contains(why)), "{url}: {error}");
        assert!(!error.to_string().contains("s3cret"));
    }
}
