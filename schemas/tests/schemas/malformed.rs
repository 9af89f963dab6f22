//! Bytes that are no record: each is an error that says what is wrong, never a panic, never much memory.

use proptest::collection::vec;
use proptest::prelude::*;
use schemas::{
    CommandAccepted, CreateTicket, MemberState, Outcome, ProjectCounters, Record, SchemaError, TicketCommand,
    TicketEvent, TicketState, UserCommand, UserEvent, frame,
};

use crate::for_each_record;
use crate::oracle::framed;

#[test]
fn should_refuse_what_is_not_framed() {
    assert!(matches!(frame::schema_id(b""), Err(SchemaError::TooShort { len: 0 })));
    assert!(matches!(frame::schema_id(b"\0\0\0\0"), Err(SchemaError::TooShort { len: 4 })));
    assert!(matches!(frame::schema_id(b"{\"a\":1}"), Err(SchemaError::WrongMagic { found: b'{' })));
    assert!(matches!(TicketCommand::decode(b"\x01"), Err(SchemaError::WrongMagic { found: 1 })));
}

#[test]
fn should_name_an_unknown_schema_id() {
    for id in [0, 99, 100, 511, 70_000, u32::MAX] {
        let error = TicketCommand::decode(&framed(id, b"")).unwrap_err();
        assert!(matches!(error, SchemaError::UnknownSchema { id: named } if named == id), "{error}");
        assert!(error.to_string().contains(&id.to_string()), "{error}");
        assert!(!error.not_yet());
    }
}

#[test]
fn should_refuse_a_record_of_another_kind() {
    let mut wire = Vec::new();
    frame::encode(&CreateTicket::default(), &mut wire).unwrap();
    let error = TicketEvent::decode(&wire).unwrap_err();
    assert_eq!(error.to_string(), "schema id 6 is a CreateTicket, not a TicketEvent");
    assert!(matches!(frame::decode::<CommandAccepted>(&wire), Err(SchemaError::UnexpectedRecord { id: 6, .. })));
}

#[test]
fn should_refuse_bytes_after_the_record() {
    let mut wire = Vec::new();
    frame::encode(&ProjectCounters::default(), &mut wire).unwrap();
    wire.push(0);
    assert!(matches!(frame::decode::<ProjectCounters>(&wire), Err(SchemaError::TrailingBytes { trailing: 1, .. })));
}

#[test]
fn should_refuse_every_truncation_of_every_record() {
    for_each_record!(check_truncations());
}

#[test]
fn should_not_allocate_what_a_length_only_claims() {
    // MemberState: handle, role, capacity, skills, available. The handle claims 2^62 bytes; then the skills claim as many
    // elements, and 2^63 in a block that gives its size.
    let huge = b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01";
    let text = framed(MemberState::SCHEMA_ID, huge);
    assert!(matches!(frame::decode::<MemberState>(&text), Err(SchemaError::Malformed { .. })));
    for count in [&huge[..], b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00"] {
        let array = framed(MemberState::SCHEMA_ID, &[b"\0\0\0", count].concat());
        assert!(matches!(frame::decode::<MemberState>(&array), Err(SchemaError::Malformed { .. })));
    }
    // A negative length is none at all.
    assert!(matches!(frame::decode::<MemberState>(&framed(403, b"\x01")), Err(SchemaError::Malformed { .. })));
}

#[test]
fn should_leave_the_output_as_it_was_if_a_value_cannot_be_written() {
    // No value of these records fails to fit its schema, so a struct that claims another's schema stands in for one.
    let mut out = b"kept".to_vec();
    assert!(matches!(frame::encode(&Misfit { sequence: 1 }, &mut out), Err(SchemaError::Unwritable { .. })));
    assert_eq!(out, b"kept");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn should_never_panic_on_random_bytes(id in 0u32..420, datum in vec(any::<u8>(), 0..200)) {
        decode_as_everything(&framed(id, &datum));
        decode_as_everything(&datum);
    }

    #[test]
    fn should_never_panic_on_a_changed_record(at in 0usize..400, byte in any::<u8>(), which in 0usize..2) {
        let mut wire = Vec::new();
        match which {
            0 => frame::encode(&CreateTicket { labels: vec!["a".into(); 3], ..CreateTicket::default() }, &mut wire),
            _ => frame::encode(&TicketState { due_date: Some(1), ..TicketState::default() }, &mut wire),
        }
        .unwrap();
        let at = at % wire.len();
        wire[at] = byte;
        decode_as_everything(&wire);
    }
}

fn check_truncations<T: Record + Default + std::fmt::Debug>() {
    let mut wire = Vec::new();
    frame::encode(&T::default(), &mut wire).unwrap();
    for length in 0..wire.len() {
        let error = frame::decode::<T>(&wire[..length]).unwrap_err();
        assert!(matches!(error, SchemaError::TooShort { .. } | SchemaError::Malformed { .. }), "{error}");
    }
}

fn decode_as_everything(wire: &[u8]) {
    let _ = TicketCommand::decode(wire);
    let _ = UserCommand::decode(wire);
    let _ = TicketEvent::decode(wire);
    let _ = UserEvent::decode(wire);
    let _ = Outcome::decode(wire);
    for_each_record!(decode(wire));
}

fn decode<T: Record>(wire: &[u8]) {
    let _ = frame::decode::<T>(wire);
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Misfit {
    sequence: i64,
}

impl Record for Misfit {
    const VERSION: i32 = 1;
    const SCHEMA_ID: u32 = ProjectCounters::SCHEMA_ID;
    const NAME: &'static str = "Misfit";
    const AVSC: &'static str = ProjectCounters::AVSC;

    fn published() -> &'static schemas::Published {
        ProjectCounters::published()
    }
}
