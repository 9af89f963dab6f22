//! The very bytes, one record of each kind, written down by hand from Avro's specification. They never change.

use schemas::{
    AddMember, CommandAccepted, CreateTicket, Outcome, ProjectCounters, Record, TicketCommand, TicketEvent,
    TicketStatusUpdated, UserLookupReplied, frame,
};
use uuid::Uuid;

const MS: i64 = 1_700_000_000_000;
const MS_BYTES: &[u8] = b"\x80\xa0\xab\xfe\xf9\x62";
const ID_1: &[u8] = b"H00000000-0000-0000-0000-000000000001";
const ID_2: &[u8] = b"H00000000-0000-0000-0000-000000000002";
const ID_3: &[u8] = b"H00000000-0000-0000-0000-000000000003";
const ID_4: &[u8] = b"H00000000-0000-0000-0000-000000000004";
const ID_5: &[u8] = b"H00000000-0000-0000-0000-000000000005";

#[test]
fn should_write_a_command_as_ever() {
    let command = CreateTicket {
        command_id: id(1),
        actor_id: id(2),
        actor_admin: false,
        issued_at: MS,
        correlation_id: id(3),
        traceparent: None,
        project_id: id(4),
        title: "Füße".to_owned(),
        description: String::new(),
        priority: Some("HIGH".to_owned()),
        labels: vec!["ui".to_owned(), "web".to_owned()],
        assignee_id: None,
        due_date: Some(-1),
    };
    let envelope = [ID_1, ID_2, b"\0", MS_BYTES, ID_3, b"\0", ID_4].concat();
    let body = b"\x0cF\xc3\xbc\xc3\x9fe\0\x02\x08HIGH\x04\x04ui\x06web\0\0\x02\x01";
    let wire = [b"\0\0\0\0\x06", &envelope[..], body].concat();
    assert_wire(&command, &wire);
    assert_eq!(TicketCommand::decode(&wire).unwrap(), TicketCommand::CreateTicket(command));
}

#[test]
fn should_write_an_event_as_ever() {
    let event = TicketStatusUpdated {
        event_id: id(5),
        correlation_id: id(3),
        causation_id: id(1),
        published_at: MS,
        version: 1,
        source: "syncroboard".to_owned(),
        project_id: id(4),
        sequence: 42,
        ticket_id: id(2),
        number: 101,
        old_status: "OPEN".to_owned(),
        new_status: "DONE".to_owned(),
        updated_by: id(2),
        comment: None,
        ticket_version: 3,
        timestamp: MS,
        old_open: Some(true),
        new_open: Some(false),
    };
    let envelope = [ID_5, ID_3, ID_1, MS_BYTES, b"\x02\x16syncroboard", ID_4, b"\x54"].concat();
    let wire = [
        b"\0\0\0\0\x77",
        &envelope[..],
        ID_2,
        b"\xca\x01\x08OPEN\x08DONE",
        ID_2,
        b"\0\x06",
        MS_BYTES,
        b"\x02\x01\x02\0",
    ]
    .concat();
    assert_wire(&event, &wire);
    assert_eq!(TicketEvent::decode(&wire).unwrap().event_name(), "ticket.status.updated");
}

#[test]
fn should_write_an_outcome_as_ever() {
    let outcome = CommandAccepted {
        command_id: id(1),
        correlation_id: id(3),
        command_type: "CreateTicket".to_owned(),
        decided_at: MS,
        duplicate: true,
        project_id: Some(id(4)),
        sequence: 42,
        ticket_id: Some(id(5)),
        number: Some(101),
        code: Some("SYNC-101".to_owned()),
        ticket_version: Some(1),
        comment_id: None,
        user_id: None,
        fingerprint: Some(-1),
    };
    let envelope = [ID_1, ID_3, b"\x18CreateTicket", MS_BYTES, b"\x01\x02", ID_4, b"\x54"].concat();
    let first = [&envelope[..], b"\x02", ID_5, b"\x02\xca\x01\x02\x10SYNC-101\x02\x02\0\0"].concat();
    let wire = [b"\0\0\0\0\xcc", &first[..], b"\x02\x01"].concat();
    assert_wire(&outcome, &wire);
    assert!(Outcome::decode(&wire).unwrap().duplicate());
    // What is remembered from before there were fingerprints.
    let before = Outcome::decode(&[b"\0\0\0\0\xc9", &first[..]].concat()).unwrap();
    assert_eq!(before, CommandAccepted { fingerprint: None, ..outcome }.into());
}

#[test]
fn should_write_an_internal_record_and_a_state_as_ever() {
    let command = AddMember {
        command_id: id(1),
        actor_id: id(2),
        issued_at: MS,
        correlation_id: id(3),
        project_id: id(4),
        user_key: "ada@example.org".to_owned(),
        role: "member".to_owned(),
        ..AddMember::default()
    };
    let nested = [ID_1, ID_2, b"\0", MS_BYTES, ID_3, b"\0", ID_4, b"\x1eada@example.org\x0cmember\0\0\0"].concat();
    let reply = UserLookupReplied {
        command,
        reply_to: None,
        user_id: Some(id(5)),
        suggested_handle: Some("ada".to_owned()),
        deactivated: true,
    };
    assert_wire(&reply, &[b"\0\0\0\x01\x38", &nested[..], b"\0\x02", ID_5, b"\x02\x06ada\x01"].concat());

    assert_wire(&ProjectCounters { sequence: 42, last_number: 101 }, b"\0\0\0\x01\x92\x54\xca\x01");
}

fn id(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

fn assert_wire<T: Record + PartialEq + std::fmt::Debug>(value: &T, wire: &[u8]) {
    let mut encoded = Vec::new();
    frame::encode(value, &mut encoded).unwrap();
    assert_eq!(encoded, wire, "{}", String::from_utf8_lossy(&encoded));
    assert_eq!(frame::schema_id(wire).unwrap(), T::SCHEMA_ID);
    assert_eq!(&frame::decode::<T>(wire).unwrap(), value);
}
