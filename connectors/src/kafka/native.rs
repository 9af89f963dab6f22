//! The calls into librdkafka that rdkafka's safe interface does not offer; the only unsafe code of the project.
//!
//! Six things are missing there: the topic and offset of an end-of-partition event, without which a position stays behind
//! the transaction markers and lag never shows 0; a consumer group's metadata made from its parts; a wake-up of a
//! poll that waits; whether a group of the consumer protocol has members, and how many; producing to a topic that is known already,
//! in the place of one that is looked up by its name for each record; and telling a client of its bootstrap servers once more.
//! Records are read in place on the way, without an allocation each.
#![allow(unsafe_code, reason = "this module is the border to librdkafka; each block says why it is sound")]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::client::{Client, ClientContext};
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka_sys as sys;
use topology::EncodeHeaders;
use topology::RecordRef;
use topology::broker::{GroupMetadata, TopicPartition};

/// A consumer's queue: records, errors and rebalances, in order.
pub(super) struct Queue(*mut sys::rd_kafka_queue_t);

// SAFETY: librdkafka's queues may be used from any thread, and by several at once.
unsafe impl Send for Queue {}
// SAFETY: as above.
unsafe impl Sync for Queue {}

/// What a queue has for its consumer.
pub(super) enum Event<'a> {
    Record(Record<'a>),
    /// All there is of a partition has been read; the next record will have this offset or a higher one.
    End(TopicPartition, i64),
    Assign(Vec<TopicPartition>),
    Revoke(Vec<TopicPartition>),
    Error(QueueError),
    /// A line of librdkafka's log: syslog's level, where it comes from, and what it says.
    Log(i32, &'a str, &'a str),
    Other,
}

/// An error that concerns the consumer or one of its partitions.
pub(super) struct QueueError {
    pub(super) code: RDKafkaErrorCode,
    pub(super) message: String,
    pub(super) partition: Option<TopicPartition>,
}

/// A record inside librdkafka's buffer.
#[derive(Clone, Copy)]
pub(super) struct Record<'a> {
    message: &'a sys::rd_kafka_message_t,
}

impl Queue {
    /// The queue of a consumer that has a group; `None` if librdkafka has none for it.
    pub(super) fn of<C: ConsumerContext>(consumer: &BaseConsumer<C>) -> Option<Self> {
        // SAFETY: the client lives for the length of the call; the queue that is returned counts its own reference.
        let queue = unsafe { sys::rd_kafka_queue_get_consumer(consumer.client().native_ptr()) };
        (!queue.is_null()).then_some(Self(queue))
    }

    /// Hands the next event to `take`; `None` if there is none in time, or the poll was woken.
    pub(super) fn poll<R>(&self, timeout: Duration, take: impl FnOnce(Event<'_>) -> R) -> Option<R> {
        // Rounded up: a wait of less than a millisecond must not become a busy loop.
        let ms = c_int::try_from(timeout.as_micros().div_ceil(1_000)).unwrap_or(c_int::MAX);
        // SAFETY: the queue is alive as long as self.
        let event = unsafe { sys::rd_kafka_queue_poll(self.0, ms) };
        if event.is_null() {
            return None;
        }
        let event = OwnedEvent(event);
        Some(take(event.read()))
    }

    /// Ends a poll that waits now, or the next one.
    pub(super) fn wake(&self) {
        // SAFETY: the queue is alive as long as self.
        unsafe { sys::rd_kafka_queue_yield(self.0) }
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: gives back the reference that `of` took.
        unsafe { sys::rd_kafka_queue_destroy(self.0) }
    }
}

/// Gives a client bootstrap servers, as its configuration did; it looks for brokers there if it has none.
pub(super) fn add_brokers<C: ClientContext>(client: &Client<C>, servers: &str) {
    // Without a zero, or the client would not have been made.
    if let Ok(servers) = CString::new(servers) {
        // SAFETY: client and string live for the length of the call.
        unsafe { sys::rd_kafka_brokers_add(client.native_ptr(), servers.as_ptr()) };
    }
}

struct OwnedEvent(*mut sys::rd_kafka_event_t);

impl OwnedEvent {
    fn read(&self) -> Event<'_> {
        // SAFETY (all blocks): the event is alive as long as self, and all that is borrowed from it is bound to self.
        match unsafe { sys::rd_kafka_event_type(self.0) } {
            sys::RD_KAFKA_EVENT_FETCH => {
                // SAFETY: a message belongs to its event.
                let message = unsafe { sys::rd_kafka_event_message_next(self.0).as_ref() };
                message.map_or(Event::Other, |message| Event::Record(Record { message }))
            }
            sys::RD_KAFKA_EVENT_ERROR => self.error(),
            sys::RD_KAFKA_EVENT_LOG => {
                let (mut facility, mut message, mut level) = (std::ptr::null(), std::ptr::null(), 0);
                // SAFETY: the strings belong to the event.
                unsafe {
                    sys::rd_kafka_event_log(self.0, &raw mut facility, &raw mut message, &raw mut level);
                    Event::Log(level, text(facility), text(message))
                }
            }
            sys::RD_KAFKA_EVENT_REBALANCE => {
                // SAFETY: the list belongs to the event.
                let partitions = unsafe { read_list(sys::rd_kafka_event_topic_partition_list(self.0)) };
                // SAFETY: as above.
                match unsafe { sys::rd_kafka_event_error(self.0) } {
                    sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => Event::Assign(partitions),
                    _ => Event::Revoke(partitions),
                }
            }
            _ => Event::Other,
        }
    }

    fn error(&self) -> Event<'_> {
        // SAFETY: the event is alive, what it answers is copied, and the place is given back.
        unsafe {
            let code = RDKafkaErrorCode::from(sys::rd_kafka_event_error(self.0));
            let place = sys::rd_kafka_event_topic_partition(self.0);
            let read = place.as_ref().map(|p| (TopicPartition::new(text(p.topic), number(p.partition)), p.offset));
            if !place.is_null() {
                sys::rd_kafka_topic_partition_destroy(place);
            }
            match (code, read) {
                (RDKafkaErrorCode::PartitionEOF, Some((partition, offset))) => Event::End(partition, offset),
                (code, read) => Event::Error(QueueError {
                    code,
                    message: text(sys::rd_kafka_event_error_string(self.0)).to_owned(),
                    partition: read.map(|(partition, _)| partition),
                }),
            }
        }
    }
}

impl Drop for OwnedEvent {
    fn drop(&mut self) {
        // SAFETY: the event came from the queue and is given back once.
        unsafe { sys::rd_kafka_event_destroy(self.0) }
    }
}

impl<'a> Record<'a> {
    pub(super) fn topic(&self) -> &'a str {
        // SAFETY: a message holds its topic, whose name lives as long.
        unsafe { text(sys::rd_kafka_topic_name(self.message.rkt)) }
    }

    pub(super) fn partition(&self) -> u32 {
        number(self.message.partition)
    }

    pub(super) fn offset(&self) -> i64 {
        self.message.offset
    }

    /// Milliseconds since the Unix epoch; -1 if the record has none.
    pub(super) fn timestamp(&self) -> i64 {
        let mut kind = sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: the message is alive.
        unsafe { sys::rd_kafka_message_timestamp(self.message, &raw mut kind) }
    }

    pub(super) fn key(&self) -> Option<&'a [u8]> {
        // SAFETY: pointer and length are librdkafka's own, alive as long as the message.
        unsafe { bytes(self.message.key, self.message.key_len) }
    }

    pub(super) fn value(&self) -> Option<&'a [u8]> {
        // SAFETY: as for the key.
        unsafe { bytes(self.message.payload, self.message.len) }
    }
}

/// Written into a batch as they lie in librdkafka's buffer.
impl EncodeHeaders for Record<'_> {
    fn encode(&self, out: &mut Vec<u8>) {
        let mut headers = std::ptr::null_mut();
        // SAFETY: the headers that are answered belong to the message.
        let found = unsafe { sys::rd_kafka_message_headers(self.message, &raw mut headers) };
        if found != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR || headers.is_null() {
            return topology::encode_headers(0, std::iter::empty(), out);
        }
        // SAFETY: as above.
        let count = unsafe { sys::rd_kafka_header_cnt(headers) };
        let header = |index| {
            let (mut name, mut value, mut len) = (std::ptr::null(), std::ptr::null(), 0);
            // SAFETY: the index is below the count; name and value live as long as the message.
            unsafe {
                sys::rd_kafka_header_get_all(headers, index, &raw mut name, &raw mut value, &raw mut len);
                (text(name), bytes(value, len))
            }
        };
        topology::encode_headers(count, (0..count).map(header), out);
    }
}

/// A topic as a producer knows it. It refers to the producer's client, so the client must not end before it.
pub(super) struct Topic(*mut sys::rd_kafka_topic_t);

// SAFETY: librdkafka's topics may be used from any thread, and by several at once.
unsafe impl Send for Topic {}

impl Topic {
    /// `None` if librdkafka does not take the name.
    pub(super) fn of<C: rdkafka::ClientContext>(client: &rdkafka::client::Client<C>, name: &str) -> Option<Self> {
        let name = CString::new(name).ok()?;
        // SAFETY: the client and the name, which is copied, live for the call; without a configuration the client's own counts.
        let topic = unsafe { sys::rd_kafka_topic_new(client.native_ptr(), name.as_ptr(), std::ptr::null_mut()) };
        (!topic.is_null()).then_some(Self(topic))
    }

    /// Hands a record over for a partition; `opaque` comes back with its delivery.
    pub(super) fn produce<C: rdkafka::ClientContext>(
        &self,
        client: &rdkafka::client::Client<C>,
        partition: i32,
        record: &RecordRef<'_>,
        opaque: usize,
    ) -> Result<(), RDKafkaErrorCode> {
        use sys::rd_kafka_vtype_t as Kind;
        let (key, key_len) = parts(record.key);
        let (value, value_len) = parts(record.value);
        // SAFETY: topic and client are alive; key and value are copied by the call. Each argument has the type that its tag
        // stands for. The headers become librdkafka's own if it takes the record, and are given back if it does not.
        unsafe {
            let headers = headers(record);
            let code = sys::rd_kafka_producev(
                client.native_ptr(),
                Kind::RD_KAFKA_VTYPE_RKT,
                self.0,
                Kind::RD_KAFKA_VTYPE_PARTITION,
                partition,
                Kind::RD_KAFKA_VTYPE_MSGFLAGS,
                sys::RD_KAFKA_MSG_F_COPY,
                Kind::RD_KAFKA_VTYPE_VALUE,
                value,
                value_len,
                Kind::RD_KAFKA_VTYPE_KEY,
                key,
                key_len,
                Kind::RD_KAFKA_VTYPE_OPAQUE,
                opaque as *mut c_void,
                Kind::RD_KAFKA_VTYPE_TIMESTAMP,
                record.timestamp,
                Kind::RD_KAFKA_VTYPE_HEADERS,
                headers,
                Kind::RD_KAFKA_VTYPE_END,
            );
            if let Err(code) = good(code) {
                if !headers.is_null() {
                    sys::rd_kafka_headers_destroy(headers);
                }
                return Err(code);
            }
        }
        Ok(())
    }
}

impl Drop for Topic {
    fn drop(&mut self) {
        // SAFETY: gives back the reference that `of` took.
        unsafe { sys::rd_kafka_topic_destroy(self.0) }
    }
}

/// A record's headers as librdkafka has them; null where there are none.
fn headers(record: &RecordRef<'_>) -> *mut sys::rd_kafka_headers_t {
    if record.headers.is_empty() {
        return std::ptr::null_mut();
    }
    let size = |bytes: &[u8]| isize::try_from(bytes.len()).unwrap_or(isize::MAX);
    // SAFETY: name and value are copied, with the lengths that are said.
    unsafe {
        let headers = sys::rd_kafka_headers_new(4);
        for (name, value) in record.headers.iter() {
            let (bytes, _) = parts(value);
            let name_size = size(name.as_bytes());
            sys::rd_kafka_header_add(headers, name.as_ptr().cast(), name_size, bytes, value.map_or(0, size));
        }
        headers
    }
}

fn parts(bytes: Option<&[u8]>) -> (*const c_void, usize) {
    bytes.map_or((std::ptr::null(), 0), |bytes| (bytes.as_ptr().cast(), bytes.len()))
}

/// What a transactional call answers when it does not go well.
pub(super) struct TransactionError {
    pub(super) code: RDKafkaErrorCode,
    pub(super) message: String,
    pub(super) requires_abort: bool,
    pub(super) retriable: bool,
}

/// Adds offsets to a producer's open transaction on behalf of a group's member.
pub(super) fn send_offsets<C: rdkafka::ClientContext>(
    client: &rdkafka::client::Client<C>,
    offsets: &TopicPartitionList,
    group: &GroupMetadata,
) -> Result<(), TransactionError> {
    let strings = CString::new(group.group.as_str()).ok().zip(CString::new(group.member.as_str()).ok());
    let generation = i32::try_from(group.generation).ok();
    let Some(((name, member), generation)) = strings.zip(generation) else {
        return Err(TransactionError {
            code: RDKafkaErrorCode::InvalidArgument,
            message: format!("{group:?} is no group's metadata"),
            requires_abort: true,
            retriable: false,
        });
    };
    // SAFETY: all pointers are alive for the calls; the metadata and the error are given back once.
    unsafe {
        let metadata = if group.member.is_empty() {
            sys::rd_kafka_consumer_group_metadata_new(name.as_ptr())
        } else {
            let nobody = std::ptr::null();
            sys::rd_kafka_consumer_group_metadata_new_with_genid(name.as_ptr(), generation, member.as_ptr(), nobody)
        };
        let error = sys::rd_kafka_send_offsets_to_transaction(client.native_ptr(), offsets.ptr(), metadata, -1);
        sys::rd_kafka_consumer_group_metadata_destroy(metadata);
        if error.is_null() {
            return Ok(());
        }
        let read = TransactionError {
            code: RDKafkaErrorCode::from(sys::rd_kafka_error_code(error)),
            message: text(sys::rd_kafka_error_string(error)).to_owned(),
            requires_abort: sys::rd_kafka_error_txn_requires_abort(error) != 0,
            retriable: sys::rd_kafka_error_is_retriable(error) != 0,
        };
        sys::rd_kafka_error_destroy(error);
        Err(read)
    }
}

/// A consumer's membership as it stands.
pub(super) fn group_metadata<C: ConsumerContext>(consumer: &BaseConsumer<C>) -> Option<GroupMetadata> {
    // SAFETY: the client lives for the call; the metadata is read before it is given back, once.
    unsafe {
        let metadata = sys::rd_kafka_consumer_group_metadata(consumer.client().native_ptr());
        if metadata.is_null() {
            return None;
        }
        let read = GroupMetadata {
            group: text(sys::rd_kafka_consumer_group_metadata_group_id(metadata)).to_owned(),
            member: text(sys::rd_kafka_consumer_group_metadata_member_id(metadata)).to_owned(),
            generation: sys::rd_kafka_consumer_group_metadata_generation_id(metadata).into(),
        };
        sys::rd_kafka_consumer_group_metadata_destroy(metadata);
        Some(read)
    }
}

/// Something asked of an administrator's client, until it is answered.
struct Asked {
    options: *mut sys::rd_kafka_AdminOptions_t,
    queue: *mut sys::rd_kafka_queue_t,
    timeout_ms: c_int,
}

impl Asked {
    fn new<C: rdkafka::ClientContext>(
        client: &rdkafka::client::Client<C>,
        what: sys::rd_kafka_admin_op_t,
        timeout: Duration,
    ) -> Self {
        let timeout_ms = c_int::try_from(timeout.as_millis()).unwrap_or(c_int::MAX);
        let (rk, mut why) = (client.native_ptr(), [0; 128]);
        // SAFETY: the client lives for the calls; options and queue are given back once, by `drop`.
        unsafe {
            let options = sys::rd_kafka_AdminOptions_new(rk, what);
            // It refuses only what is not between 0 and an hour, and then keeps its own of a minute; `answer` waits no longer either way.
            sys::rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms, why.as_mut_ptr(), why.len());
            Self { options, queue: sys::rd_kafka_queue_new(rk), timeout_ms }
        }
    }

    /// What was answered; an error also if nothing was.
    fn answer(&self) -> Result<OwnedEvent, RDKafkaErrorCode> {
        // SAFETY: the queue is alive as long as self.
        let event = unsafe { sys::rd_kafka_queue_poll(self.queue, self.timeout_ms) };
        if event.is_null() {
            return Err(RDKafkaErrorCode::OperationTimedOut);
        }
        let event = OwnedEvent(event);
        // SAFETY: the event is alive.
        good(unsafe { sys::rd_kafka_event_error(event.0) }).map(|()| event)
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        // SAFETY: they were made by `new`; librdkafka keeps its own reference to a queue that it still answers to.
        unsafe {
            sys::rd_kafka_AdminOptions_destroy(self.options);
            sys::rd_kafka_queue_destroy(self.queue);
        }
    }
}

/// How many members a group has, whatever its protocol; `None` if there is no such group.
pub(super) fn members<C: rdkafka::ClientContext>(
    client: &rdkafka::client::Client<C>,
    group: &str,
    timeout: Duration,
) -> Result<Option<usize>, RDKafkaErrorCode> {
    use sys::rd_kafka_consumer_group_state_t::RD_KAFKA_CONSUMER_GROUP_STATE_EMPTY as EMPTY;
    let Ok(name) = CString::new(group) else { return Ok(None) };
    let asked = Asked::new(client, sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS, timeout);
    let mut names = [name.as_ptr()];
    // SAFETY: client, name, options and queue live for the call, which copies what it keeps.
    unsafe {
        let rk = client.native_ptr();
        sys::rd_kafka_DescribeConsumerGroups(rk, names.as_mut_ptr(), names.len(), asked.options, asked.queue);
    }
    let answer = asked.answer()?;
    // SAFETY: the answer is alive, and all that is read of it belongs to it.
    unsafe {
        let (result, mut count) = (sys::rd_kafka_event_DescribeConsumerGroups_result(answer.0), 0);
        if result.is_null() {
            return Err(RDKafkaErrorCode::Fail);
        }
        let groups = sys::rd_kafka_DescribeConsumerGroups_result_groups(result, &raw mut count);
        if groups.is_null() || count == 0 {
            return Err(RDKafkaErrorCode::Fail);
        }
        let group = *groups;
        match good(sys::rd_kafka_error_code(sys::rd_kafka_ConsumerGroupDescription_error(group))) {
            Err(RDKafkaErrorCode::GroupIdNotFound) => Ok(None),
            Err(code) => Err(code),
            Ok(()) => {
                let empty = sys::rd_kafka_ConsumerGroupDescription_state(group) == EMPTY;
                let members = sys::rd_kafka_ConsumerGroupDescription_member_count(group);
                Ok((empty || members > 0).then_some(members))
            }
        }
    }
}

/// Whether the brokers list a group as one that has members, whatever its protocol.
pub(super) fn is_listed_with_members<C: rdkafka::ClientContext>(
    client: &rdkafka::client::Client<C>,
    group: &str,
    timeout: Duration,
) -> Result<bool, RDKafkaErrorCode> {
    use sys::rd_kafka_consumer_group_state_t as State;
    let asked = Asked::new(client, sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPS, timeout);
    // SAFETY: client, options and queue live for the call, which copies what it keeps.
    unsafe { sys::rd_kafka_ListConsumerGroups(client.native_ptr(), asked.options, asked.queue) };
    let answer = asked.answer()?;
    // SAFETY: the answer is alive, and all that is read of it belongs to it; a count comes with each list.
    unsafe {
        let (result, mut count) = (sys::rd_kafka_event_ListConsumerGroups_result(answer.0), 0);
        if result.is_null() {
            return Err(RDKafkaErrorCode::Fail);
        }
        let groups = sys::rd_kafka_ListConsumerGroups_result_valid(result, &raw mut count);
        let groups = if groups.is_null() { &[] } else { std::slice::from_raw_parts(groups, count) };
        let has_members = |state| {
            !matches!(state, State::RD_KAFKA_CONSUMER_GROUP_STATE_EMPTY | State::RD_KAFKA_CONSUMER_GROUP_STATE_DEAD)
        };
        let is_listed = groups.iter().any(|listed| {
            text(sys::rd_kafka_ConsumerGroupListing_group_id(*listed)) == group
                && has_members(sys::rd_kafka_ConsumerGroupListing_state(*listed))
        });
        // Of those brokers that did not answer, one may know more.
        let errors = sys::rd_kafka_ListConsumerGroups_result_errors(result, &raw mut count);
        if !is_listed && !errors.is_null() && count > 0 {
            good(sys::rd_kafka_error_code(*errors))?;
        }
        Ok(is_listed)
    }
}

fn good(code: sys::rd_kafka_resp_err_t) -> Result<(), RDKafkaErrorCode> {
    if code == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR { Ok(()) } else { Err(code.into()) }
}

/// # Safety
/// The list must be alive, or null.
unsafe fn read_list(list: *const sys::rd_kafka_topic_partition_list_t) -> Vec<TopicPartition> {
    // SAFETY: the caller's promise; `cnt` elements follow `elems`.
    unsafe {
        let Some(list) = list.as_ref() else { return Vec::new() };
        if list.elems.is_null() {
            return Vec::new();
        }
        let elements = std::slice::from_raw_parts(list.elems, usize::try_from(list.cnt).unwrap_or_default());
        elements.iter().map(|e| TopicPartition::new(text(e.topic), number(e.partition))).collect()
    }
}

/// # Safety
/// The pointer must be null or a C string that lives as long as `'a`. What is not UTF-8 reads as empty.
unsafe fn text<'a>(pointer: *const c_char) -> &'a str {
    if pointer.is_null() {
        return "";
    }
    // SAFETY: the caller's promise.
    unsafe { CStr::from_ptr(pointer) }.to_str().unwrap_or_default()
}

/// # Safety
/// The pointer must be null or have `len` bytes that live as long as `'a`.
unsafe fn bytes<'a>(pointer: *const c_void, len: usize) -> Option<&'a [u8]> {
    // SAFETY: the caller's promise.
    (!pointer.is_null()).then(|| unsafe { std::slice::from_raw_parts(pointer.cast(), len) })
}

fn number(partition: i32) -> u32 {
    u32::try_from(partition).unwrap_or_default()
}
