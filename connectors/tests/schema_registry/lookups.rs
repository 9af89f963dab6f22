//! Ids that turn up in records.

use std::time::Duration;

use connectors::registry::ConfluentRegistry;
use schemas::{CreateTicket, Lookup, Record as _, SchemaRegistry as _};

use crate::proxy::{Mode, Proxy};
use crate::{PATIENCE, block_on, config, connect, foreign, register, register_as};

/// What is finally known of an id.
fn settled(registry: &ConfluentRegistry, id: u32) -> Lookup<'_> {
    registry.schema(id);
    registry.wait_for(id, PATIENCE);
    registry.schema(id)
}

fn of(id: u32) -> String {
    format!("GET /schemas/ids/{id}?")
}

#[test]
fn should_ask_for_an_id_once_whoever_wants_to_know() {
    let proxy = Proxy::new();
    let registry = connect(&proxy).unwrap();
    let id = register(&proxy, "ticket.commands-value", &foreign(CreateTicket::AVSC));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while !matches!(registry.schema(id), Lookup::Known(_)) {
                    registry.wait_for(id, PATIENCE);
                }
            });
        }
    });
    assert!(matches!(registry.schema(id), Lookup::Known(writer) if writer.record() == "CreateTicket"));
    // It is known for ever, whatever becomes of the registry.
    proxy.set(Mode::Refuse);
    assert!(matches!(settled(&registry, id), Lookup::Known(_)));
    assert_eq!(proxy.count(&of(id)), 1);
}

#[test]
fn should_tell_what_does_not_exist_from_what_cannot_be_asked() {
    let proxy = Proxy::new();
    let mut config = config(&proxy);
    config.timeout = Duration::from_millis(200);
    let registry = block_on(ConfluentRegistry::connect_once(&config)).unwrap();
    assert!(matches!(settled(&registry, 999_999), Lookup::Unknown));
    assert!(matches!(registry.schema(999_999), Lookup::Unknown));
    assert_eq!(proxy.count(&of(999_999)), 1, "what does not exist is not asked for again at once");
    assert!(matches!(registry.schema(u32::MAX), Lookup::Unknown), "no registry has it");

    for (mode, why) in [
        (Mode::Refuse, ""),
        (Mode::Hang, "timed out"),
        (Mode::Answer(500, ""), "500"),
        (Mode::Answer(404, "<html>not a registry</html>"), "404"),
        (Mode::Answer(401, ""), "401"),
        (Mode::Answer(200, "not JSON"), ""),
        (Mode::Answer(200, "{}"), ""),
    ] {
        let id = register(&proxy, "ticket.commands-value", &foreign(CreateTicket::AVSC));
        proxy.set(mode.clone());
        let said = failure(&registry, id);
        assert!(said.contains(why), "{mode:?}: {said}");
        proxy.set(Mode::Pass);
        while let Lookup::Unreachable(_) = registry.schema(id) {
            registry.wait_for(id, PATIENCE);
        }
        assert!(matches!(registry.schema(id), Lookup::Known(_)), "after {mode:?}");
    }
}

/// Waits until asking for an id has failed; why.
fn failure(registry: &ConfluentRegistry, id: u32) -> String {
    loop {
        match registry.schema(id) {
            Lookup::Unreachable(said) if said.contains("being asked") => registry.wait_for(id, PATIENCE),
            Lookup::Unreachable(said) => return said,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn should_say_why_no_record_can_be_read_with_a_schema() {
    let proxy = Proxy::new();
    let registry = connect(&proxy).unwrap();
    let not_avro = register_as(
        &proxy,
        "ticket.commands-json",
        "JSON",
        r#"{"$schema":"http://json-schema.org/draft-07/schema","type":"object"}"#,
    );
    assert!(matches!(settled(&registry, not_avro), Lookup::Unusable(why) if why.contains("not Avro")));
    let no_record = register(&proxy, "ticket.commands-key", r#"{"type":"string"}"#);
    assert!(
        matches!(settled(&registry, no_record), Lookup::Unusable(why) if why.contains("not the schema of a record"))
    );

    let referring = 123_456;
    let answer = r#"{"schema":"{\"type\":\"record\",\"name\":\"CreateTicket\",\"fields\":[]}",
        "references":[{"name":"x.Mood","subject":"mood","version":1}]}"#;
    proxy.set(Mode::Answer(200, answer));
    assert!(matches!(settled(&registry, referring), Lookup::Unusable(why) if why.contains("refers to other schemas")));
    let asked = proxy.seen().len();
    for id in [not_avro, no_record, referring] {
        settled(&registry, id);
    }
    assert_eq!(proxy.seen().len(), asked, "a schema does not become usable");
}

#[test]
fn should_answer_one_id_while_another_hangs() {
    let proxy = Proxy::new();
    let registry = connect(&proxy).unwrap();
    let slow = register(&proxy, "ticket.commands-value", &foreign(CreateTicket::AVSC));
    let quick = register(&proxy, "ticket.commands-value", &foreign(CreateTicket::AVSC));
    proxy.set(Mode::HangAt(of(slow)));
    registry.schema(slow);
    proxy.wait_for(&of(slow), 1);
    assert!(matches!(settled(&registry, quick), Lookup::Known(_)));
    assert!(matches!(registry.schema(slow), Lookup::Unreachable(_)));
    // Dropping it ends the thread, whatever it waits for.
    drop(registry);
}
