//! apache-avro's serde path against `serde_avro_fast`: writing and reading the records of the hot path.
//!
//! Both reuse all that they can: the parsed schema, the writer or reader, the output buffer. `serde_avro_fast` is measured
//! through `frame`, as it is used: five bytes of prefix and the look-up of the schema are in its numbers.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "a test may fail where it stands"
)]
// Criterion's macros make public items without docs.
#![allow(missing_docs)]

use std::hint::black_box;

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::writer::datum::GenericDatumWriter;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use schemas::{CommandAccepted, CreateTicket, Record, TicketCommand, TicketCreated, frame, ids};
use uuid::Uuid;

const MS: i64 = 1_700_000_000_000;

fn serde(criterion: &mut Criterion) {
    compare(criterion, &create_ticket());
    compare(criterion, &ticket_created());
    compare(criterion, &command_accepted());

    // What a processor does first with a record: which of the commands is it?
    let mut wire = Vec::new();
    TicketCommand::from(create_ticket()).encode(&mut wire).unwrap();
    criterion.bench_function("TicketCommand/decode", |bencher| {
        bencher.iter(|| TicketCommand::decode(black_box(&wire)).unwrap());
    });
    criterion.bench_function("ids/ticket_id", |bencher| {
        bencher.iter(|| ids::ticket_id(MS, black_box(id(1)), black_box(id(2))));
    });
}

fn compare<T: Record>(criterion: &mut Criterion, value: &T) {
    let schema = Schema::parse_str(T::AVSC).unwrap();
    let writer = GenericDatumWriter::builder(&schema).human_readable(true).build().unwrap();
    let reader = GenericDatumReader::builder(&schema).human_readable(true).build().unwrap();
    let mut wire = Vec::new();
    frame::encode(value, &mut wire).unwrap();
    let datum = &wire[frame::PREFIX_LEN..];

    let mut group = criterion.benchmark_group(T::NAME);
    group.throughput(Throughput::Bytes(wire.len() as u64));
    let mut out = Vec::with_capacity(wire.len());
    group.bench_function("encode/serde_avro_fast", |bencher| {
        bencher.iter(|| {
            out.clear();
            frame::encode(black_box(value), &mut out).unwrap();
        });
    });
    group.bench_function("encode/apache_avro", |bencher| {
        bencher.iter(|| {
            out.clear();
            writer.write_ser(&mut out, black_box(value)).unwrap();
        });
    });
    group.bench_function("decode/serde_avro_fast", |bencher| {
        bencher.iter(|| frame::decode::<T>(black_box(&wire)).unwrap());
    });
    group.bench_function("decode/apache_avro", |bencher| {
        bencher.iter(|| reader.read_deser::<T>(&mut black_box(datum)).unwrap());
    });
    group.finish();
}

fn create_ticket() -> CreateTicket {
    CreateTicket {
        command_id: id(1),
        actor_id: id(2),
        issued_at: MS,
        correlation_id: id(3),
        project_id: id(4),
        title: "t".repeat(60),
        description: "d".repeat(300),
        priority: Some("HIGH".to_owned()),
        labels: vec!["backend".to_owned(), "bug".to_owned()],
        ..CreateTicket::default()
    }
}

fn ticket_created() -> TicketCreated {
    TicketCreated {
        event_id: id(5),
        correlation_id: id(3),
        causation_id: id(1),
        published_at: MS,
        version: 1,
        source: "syncroboard".to_owned(),
        project_id: id(4),
        sequence: 42,
        ticket_id: id(6),
        number: 101,
        code: "SYNC-101".to_owned(),
        reporter_id: id(2),
        title: "t".repeat(60),
        description: "d".repeat(300),
        priority: "HIGH".to_owned(),
        status: "OPEN".to_owned(),
        labels: vec!["backend".to_owned(), "bug".to_owned()],
        created_by: id(2),
        created_at: MS,
        updated_at: MS,
        timestamp: MS,
        ..TicketCreated::default()
    }
}

fn command_accepted() -> CommandAccepted {
    CommandAccepted {
        command_id: id(1),
        correlation_id: id(3),
        command_type: "CreateTicket".to_owned(),
        decided_at: MS,
        project_id: Some(id(4)),
        sequence: 42,
        ticket_id: Some(id(6)),
        number: Some(101),
        code: Some("SYNC-101".to_owned()),
        ticket_version: Some(1),
        ..CommandAccepted::default()
    }
}

fn id(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

criterion_group!(benches, serde);
criterion_main!(benches);
