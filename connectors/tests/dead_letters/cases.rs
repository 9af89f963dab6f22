//! What holds for a redrive on any broker.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use topology::broker::{Broker, BrokerError, NewRecord, partition_for_key};
use topology::dead_letters::{DeadLetters, Fate, RedriveError};
use topology::{Headers, OMITTED_HEADER, REPLAYS_HEADER};

use crate::faulty::{Call, Fault, Faulty, Hook};
use crate::kit::{BY_KEY, Bench, Failed, PARTITIONS};

const NAMES: [&str; 7] = ["a", "b", "c", "d", "e", "f", "g"];

/// Letters with these keys, in turn on both partitions. Times count from 1: librdkafka takes 0 for "now".
fn seven() -> Vec<Failed<'static>> {
    let failed =
        |(n, key): (u32, _)| Failed { partition: n % PARTITIONS, key, reason: "bad", timestamp: i64::from(n) + 1 };
    (0..).zip(NAMES).map(failed).collect()
}

/// The headers of a record that was put back so often.
fn counted(replays: &str) -> Vec<(String, String)> {
    vec![(REPLAYS_HEADER.to_owned(), replays.to_owned())]
}

/// Each of the seven letters lies in its partition once, in order, with its counter at 1.
fn assert_once(bench: &Bench, what: &str) {
    let mut expected = Vec::new();
    for f in [0, 2, 4, 6, 1, 3, 5].map(|n| seven()[n]) {
        let value = format!("value of {}", f.key);
        expected.push((f.partition, f.timestamp, f.key.to_owned(), value, counted("1")));
    }
    assert_eq!(bench.put_back(), expected, "{what}");
    assert!(bench.letters().iter().all(|(_, redriven)| *redriven), "{what}: {:?}", bench.letters());
}

pub(crate) fn should_put_letters_back_as_they_were_once(broker: &Arc<dyn Broker>, run: &str) {
    let bench = Bench::new(broker, run, "once");
    bench.fail(&seven());
    assert_eq!(bench.run(&bench.redrive()).len(), 7);
    assert_once(&bench, "the first time");
    assert_eq!(bench.run(&bench.redrive()), [], "there is nothing left to do");
    let mut own = Headers::new();
    own.push("own", "x");
    own.push("own", "y");
    bench.fail_with(&seven()[1], 70, &own);
    assert_eq!(bench.run(&bench.redrive()), [("b".to_owned(), bench.at(1))], "only what is new");
    let headers = [("own", "x"), ("own", "y"), (REPLAYS_HEADER, "1")];
    let headers: Vec<_> = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    assert_eq!(bench.put_back().pop().unwrap().4, headers, "its own headers, and the counter");
}

pub(crate) fn should_leave_gaps_for_later_when_it_selects(broker: &Arc<dyn Broker>, run: &str) {
    let bench = Bench::new(broker, run, "select");
    let mut failed = seven();
    failed[2].reason = "other";
    failed[5].reason = "other";
    bench.fail(&failed);
    let mut others = bench.redrive();
    others.selection.reason = Some("other".to_owned());
    let keys = |told: Vec<(String, Fate)>| told.into_iter().map(|(key, _)| key).collect::<Vec<_>>();
    assert_eq!(keys(bench.run(&others)), ["c", "f"]);
    let mut late = bench.redrive();
    (late.selection.since_ms, late.selection.until_ms) = (Some(4), Some(7));
    assert_eq!(keys(bench.run(&late)), ["e", "d"], "c and f are done already");
    let mut some = bench.redrive();
    some.limit = 2;
    assert_eq!(keys(bench.run(&some)), ["a", "g"]);
    let mut one = bench.redrive();
    one.selection.at = Some((1, 0));
    assert_eq!(keys(bench.run(&one)), ["b"]);
    assert!(bench.letters().iter().all(|(_, redriven)| *redriven));
    assert_eq!(bench.put_back().len(), 7);
}

pub(crate) fn should_do_nothing_in_a_dry_run_but_tell_the_same(broker: &Arc<dyn Broker>, run: &str) {
    let bench = Bench::new(broker, run, "dry");
    bench.fail(&seven());
    let letters = DeadLetters::open(&**broker, &bench.topic).unwrap().unwrap();
    let mut told = Vec::new();
    bench.redrive().plan(&letters, &mut |letter, fate| told.push((crate::kit::key(letter), fate.clone()))).unwrap();
    assert_eq!((bench.put_back().len(), told.len()), (0, 7));
    assert_eq!(bench.run(&bench.redrive()), told);
}

pub(crate) fn should_neither_lose_nor_double_a_letter_wherever_it_is_killed(broker: &Arc<dyn Broker>, run: &str) {
    let crash = || BrokerError::Fatal("killed".to_owned());
    let (mut nth, mut over) = (0, false);
    while !over {
        for after in [false, true] {
            let bench = Bench::new(broker, run, "kill");
            bench.fail(&seven());
            let hook: Hook = Arc::new(move |n, _| {
                (n == nth).then(|| if after { Fault::After(crash()) } else { Fault::Before(crash()) })
            });
            let killed = Faulty::new(broker, hook);
            let mut in_twos = bench.redrive();
            in_twos.limit = 2;
            let (_, result) = bench.try_run(&killed, &in_twos);
            over = killed.calls() <= nth;
            assert_eq!(result.is_ok(), over, "killed at call {nth}");
            bench.run(&in_twos);
            bench.run(&bench.redrive());
            assert_once(&bench, &format!("killed {} call {nth}", if after { "after" } else { "before" }));
        }
        nth += 1;
    }
    assert!(nth > 4, "open, begin, two sends and a commit at least: {nth}");
}

pub(crate) fn should_find_out_by_itself_what_a_doubtful_commit_did(broker: &Arc<dyn Broker>, run: &str) {
    for landed in [false, true] {
        let bench = Bench::new(broker, run, "doubt");
        bench.fail(&seven());
        let first = AtomicBool::new(true);
        let hook: Hook = Arc::new(move |_, call| {
            let doubt = || BrokerError::Suspect("who knows".to_owned());
            let now = call == Call::Commit && first.swap(false, Ordering::Relaxed);
            now.then(|| if landed { Fault::After(doubt()) } else { Fault::Before(doubt()) })
        });
        let faulty = Faulty::new(broker, hook);
        let (told, result) = bench.try_run(&faulty, &bench.redrive());
        result.unwrap();
        assert_eq!(told.len(), 7, "each is told once, landed: {landed}");
        assert_once(&bench, &format!("landed: {landed}"));
    }
}

pub(crate) fn should_give_way_to_a_later_redrive(broker: &Arc<dyn Broker>, run: &str) {
    let bench = Arc::new(Bench::new(broker, run, "two"));
    bench.fail(&seven());
    let (other, first) = (Arc::clone(&bench), AtomicBool::new(true));
    let hook: Hook = Arc::new(move |_, call| {
        if call == Call::Commit && first.swap(false, Ordering::Relaxed) {
            assert_eq!(other.run(&other.redrive()).len(), 7);
        }
        None
    });
    let faulty = Faulty::new(broker, hook);
    let (told, result) = bench.try_run(&faulty, &bench.redrive());
    assert!(matches!(result, Err(RedriveError::Overtaken(_))), "{result:?}");
    assert_eq!(told, [], "nothing of it landed");
    assert_once(&bench, "two at once");
}

pub(crate) fn should_stop_at_the_limit_of_replays(broker: &Arc<dyn Broker>, run: &str) {
    let bench = Bench::new(broker, run, "limit");
    bench.fail(&seven()[..1]);
    let mut redrive = bench.redrive();
    redrive.max_replays = 2;
    for replays in 1..=2 {
        assert_eq!(bench.run(&redrive), [("a".to_owned(), bench.at(0))]);
        // It fails again: a new letter, with the counter that the record carries now.
        let mut headers = Headers::new();
        headers.push(REPLAYS_HEADER, replays.to_string());
        assert_eq!(bench.put_back().pop().unwrap().4, counted(&replays.to_string()));
        bench.fail_with(&seven()[0], replays, &headers);
    }
    assert_eq!(bench.run(&redrive), [("a".to_owned(), Fate::AtLimit)]);
    assert_eq!(bench.run(&redrive), [("a".to_owned(), Fate::AtLimit)], "it stays");
    assert_eq!(bench.put_back().len(), 2);
    redrive.max_replays = 3;
    assert_eq!(bench.run(&redrive), [("a".to_owned(), bench.at(0))], "unless more are allowed");
}

pub(crate) fn should_choose_the_partition_by_key_only_where_it_was_the_mistake(broker: &Arc<dyn Broker>, run: &str) {
    let bench = Bench::new(broker, run, "where");
    let right = partition_for_key(b"key", PARTITIONS);
    let wrong = 1 - right;
    let failed = Failed { partition: wrong, key: "key", reason: "bad", timestamp: 1 };
    bench.fail(&[failed, Failed { reason: BY_KEY, ..failed }]);
    let told: Vec<_> = bench.run(&bench.redrive()).into_iter().map(|(_, fate)| fate).collect();
    assert_eq!(told, [bench.at(wrong), bench.at(right)]);
}

pub(crate) fn should_fetch_content_that_was_too_large_for_a_letter(broker: &Arc<dyn Broker>, run: &str) {
    let bench = Bench::new(broker, run, "large");
    let mut own = Headers::new();
    own.push("own", "x");
    let record = NewRecord { timestamp: 5, key: Some(b"large"), value: Some(b"content"), headers: &own };
    let offset = bench.append(&bench.topic, 1, record);
    for source in [offset, offset + 70] {
        let mut headers = Headers::new();
        for (name, value) in [
            ("__streams.errors.exception", "too-large".to_owned()),
            ("__streams.errors.topic", bench.topic.clone()),
            ("__streams.errors.partition", "1".to_owned()),
            ("__streams.errors.offset", source.to_string()),
            (OMITTED_HEADER, "true".to_owned()),
        ] {
            headers.push(name, value);
        }
        bench.append(&bench.dlq(), 1, NewRecord { timestamp: 5, key: None, value: None, headers: &headers });
    }
    let mut told = bench.run(&bench.redrive());
    told.sort_by(|a, b| b.0.cmp(&a.0));
    assert_eq!(told, [("large".to_owned(), bench.at(1)), ("-".to_owned(), Fate::ContentGone)]);
    let again = bench.put_back().pop().unwrap();
    assert_eq!((again.1, &*again.2, &*again.3), (5, "large", "content"));
    assert_eq!(again.4[0], ("own".to_owned(), "x".to_owned()));
}

pub(crate) fn should_not_be_led_into_another_topic(broker: &Arc<dyn Broker>, run: &str) {
    let (bench, other) = (Bench::new(broker, run, "mine"), Bench::new(broker, run, "other"));
    let mut headers = Headers::new();
    headers.push("__streams.errors.topic", other.topic.as_str());
    headers.push("__streams.errors.partition", "0");
    headers.push("__streams.errors.offset", "0");
    bench.append(&bench.dlq(), 0, NewRecord { timestamp: 5, key: Some(b"k"), value: Some(b"v"), headers: &headers });
    bench.append(&bench.dlq(), 0, NewRecord { timestamp: 5, key: Some(b"l"), value: None, headers: &Headers::new() });
    let told = bench.run(&bench.redrive());
    let refused = |fate: &Fate, why: &str| matches!(fate, Fate::Refused(reason) if reason.contains(why));
    assert!(refused(&told[0].1, &other.topic) && refused(&told[1].1, "do not say"), "{told:?}");
    assert_eq!((bench.put_back(), other.put_back()), (vec![], vec![]));
}

pub(crate) fn should_not_let_one_refused_letter_hold_up_the_others(broker: &Arc<dyn Broker>, run: &str) {
    let bench = Bench::new(broker, run, "refuse");
    bench.fail(&seven());
    // The broker refuses whatever has the letter e in it.
    let count = std::sync::atomic::AtomicUsize::new(0);
    let hook: Hook = Arc::new(move |_, call| {
        if call != Call::Commit {
            return None;
        }
        // What it gets: aceg, a, ce, c, eg, e, e, e, g, bd, f.
        let refused = [0, 2, 4, 5, 6, 7].contains(&count.fetch_add(1, Ordering::Relaxed));
        refused.then(|| Fault::Before(BrokerError::Abortable("refused".to_owned())))
    });
    let (told, result) = bench.try_run(&Faulty::new(broker, hook), &bench.redrive());
    result.unwrap();
    let staying: Vec<_> = told.iter().filter(|(_, fate)| !fate.is_redriven()).map(|(key, _)| &**key).collect();
    assert_eq!((told.len(), staying), (7, vec!["e"]));
    assert_eq!(bench.run(&bench.redrive()), [("e".to_owned(), bench.at(0))], "it can be tried again");
}
