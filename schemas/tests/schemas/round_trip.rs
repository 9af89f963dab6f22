//! What one side writes the other reads, for every record and against another implementation of Avro.

use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use proptest::test_runner::{Config, TestRunner};
use schemas::{EmbeddedRegistry, Record, frame};

use crate::for_each_record;
use crate::oracle::{any_value, framed, read, schema_of, write};

#[test]
fn should_read_what_the_oracle_wrote_and_write_the_same_bytes() {
    for_each_record!(check_record(48));
}

#[test]
fn should_append_to_what_is_there() {
    let mut out = b"before".to_vec();
    frame::encode(&schemas::ProjectCounters { sequence: 42, last_number: 101 }, &mut out).unwrap();
    assert_eq!(out, b"before\x00\x00\x00\x01\x92\x54\xca\x01");
}

fn check_record<T: Record + PartialEq + std::fmt::Debug>(cases: u32) {
    let schema = schema_of::<T>();
    let writer = GenericDatumWriter::builder(&schema).human_readable(true).build().unwrap();
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(cases) });
    let outcome = runner.run(&any_value(&schema), |value: Value| {
        let wire = framed(T::SCHEMA_ID, &write(&schema, &value));

        let decoded: T = frame::decode(&wire).unwrap();
        let mut encoded = Vec::new();
        frame::encode(&decoded, &mut encoded).unwrap();

        assert_eq!(encoded, wire, "{} is written otherwise than the oracle writes it", T::NAME);
        assert_eq!(read(&schema, &encoded[frame::PREFIX_LEN..]), value);
        assert_eq!(writer.write_ser_to_vec(&decoded).unwrap(), encoded[frame::PREFIX_LEN..]);
        assert_eq!(frame::decode::<T>(&encoded).unwrap(), decoded);
        let (schema, json) = frame::to_json(&EmbeddedRegistry, &wire).unwrap();
        assert_eq!((schema.record(), json), (T::NAME, serde_json::Value::try_from(value).unwrap()));
        Ok(())
    });
    outcome.unwrap();
}
