//! apache-avro as the oracle: arbitrary values of a schema, and another reader and writer than the one under test.

use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::schema::UuidSchema;
use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use apache_avro::{Schema, Uuid};
use proptest::collection::vec;
use proptest::prelude::*;
use schemas::Record;

pub(crate) fn schema_of<T: Record>() -> Schema {
    Schema::parse_str(T::AVSC).unwrap()
}

pub(crate) fn write(schema: &Schema, value: &Value) -> Vec<u8> {
    GenericDatumWriter::builder(schema).build().unwrap().write_value_to_vec(value.clone()).unwrap()
}

pub(crate) fn read(schema: &Schema, mut datum: &[u8]) -> Value {
    let value = GenericDatumReader::builder(schema).build().unwrap().read_value(&mut datum).unwrap();
    assert!(datum.is_empty(), "{} bytes left", datum.len());
    value
}

pub(crate) fn framed(id: u32, datum: &[u8]) -> Vec<u8> {
    [&[0], &id.to_be_bytes()[..], datum].concat()
}

/// Any value that the schema allows: empty, awkward and long texts, the ends of numbers, each branch of a union.
pub(crate) fn any_value(schema: &Schema) -> BoxedStrategy<Value> {
    match schema {
        Schema::Null => Just(Value::Null).boxed(),
        Schema::Boolean => any::<bool>().prop_map(Value::Boolean).boxed(),
        Schema::Int => prop_oneof![any::<i32>(), Just(i32::MIN), Just(i32::MAX)].prop_map(Value::Int).boxed(),
        Schema::Long => any_long().prop_map(Value::Long).boxed(),
        Schema::TimestampMillis => any_long().prop_map(Value::TimestampMillis).boxed(),
        Schema::String => any_text().prop_map(Value::String).boxed(),
        Schema::Uuid(UuidSchema::String) => any::<u128>().prop_map(|bits| Value::Uuid(Uuid::from_u128(bits))).boxed(),
        Schema::Array(array) => vec(any_value(&array.items), 0..4).prop_map(Value::Array).boxed(),
        Schema::Union(union) => {
            let branches: Vec<_> = union.variants().iter().map(any_value).collect();
            (0..branches.len())
                .prop_flat_map(move |index| {
                    branches[index]
                        .clone()
                        .prop_map(move |value| Value::Union(u32::try_from(index).unwrap(), Box::new(value)))
                })
                .boxed()
        }
        Schema::Record(record) => {
            let names: Vec<String> = record.fields.iter().map(|field| field.name.clone()).collect();
            let values: Vec<_> = record.fields.iter().map(|field| any_value(&field.schema)).collect();
            values.prop_map(move |values| Value::Record(names.iter().cloned().zip(values).collect())).boxed()
        }
        other => panic!("no record uses {other:?}"),
    }
}

fn any_long() -> impl Strategy<Value = i64> + Clone {
    prop_oneof![4 => any::<i64>(), 1 => Just(i64::MIN), 1 => Just(i64::MAX), 2 => -70i64..70]
}

fn any_text() -> impl Strategy<Value = String> + Clone {
    prop_oneof![
        4 => vec(any::<char>(), 0..40).prop_map(String::from_iter),
        1 => Just(String::new()),
        1 => Just("\0\u{202e}👩‍👩‍👧‍👦 Größe <script>'\"".to_owned()),
        1 => Just("ß".repeat(32 * 1024)),
    ]
}
