//! The mailer's topology on the embedded broker: what is sent when, what is tried again, what is given up, and what happens if it
//! dies in between. Whoever takes the mails is a double here, as it has to fail on command; real servers are in `tests/mailing.rs`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "a test may fail where it stands"
)]

#[path = "../dead_letters/faulty.rs"]
#[allow(dead_code, reason = "shared with the tests of dead letters, which use the rest")]
mod faulty;
mod office;

use std::collections::BTreeMap;
use std::time::Duration;

use connectors::mail::Failure;
use schemas::MailResult;
use topology::Step;

use office::{Office, START};

fn passing() -> Failure {
    Failure::Passing("451 in a minute".to_owned())
}

#[test]
fn should_hand_over_each_mail_once_in_their_order_and_say_so() {
    let mut office = Office::new();
    let ids = office.ask_for(25);
    office.run_until_told_of(25);
    assert_eq!(office.taken(), ids);
    for (result, id) in office.results().into_iter().zip(ids) {
        let MailResult::MailSent(sent) = result else { panic!("{result:?}") };
        assert_eq!((sent.mail_id, sent.attempts), (id, 1));
    }
}

#[test]
fn should_send_no_more_in_a_second_than_it_may() {
    let mut office = Office::new();
    office.ask_for(40);
    // Twenty a second: four at each look, five times a second.
    office.run_for(Duration::from_millis(400));
    let soon = office.taken().len();
    office.run_for(Duration::from_secs(1));
    assert!((4..=8).contains(&soon), "{soon}");
    assert!((soon + 16..=soon + 24).contains(&office.taken().len()), "{soon}, then {}", office.taken().len());
}

#[test]
fn should_send_one_mail_in_a_second_if_that_is_all_it_may() {
    let mut office = Office::with(|config| config.per_second = 1);
    office.ask_for(10);
    office.run_for(Duration::from_secs(5));
    assert!((3..=5).contains(&office.taken().len()), "{}", office.taken().len());
}

#[test]
fn should_not_be_stopped_by_what_is_no_mail() {
    let mut office = Office::new();
    office.scribble();
    let id = office.ask_for(1)[0];
    office.run_until_told_of(1);
    assert_eq!(office.taken(), [id]);
}

#[test]
fn should_hand_over_no_mail_again_when_commits_are_refused() {
    let mut office = Office::new();
    let ids = office.ask_for(10);
    office.refuse_commits(5);
    office.run_until_told_of(10);
    assert_eq!((office.taken(), office.refusals_left()), (ids, 0));
}

#[test]
fn should_send_to_others_while_one_mailbox_takes_nothing() {
    let mut office = Office::new();
    let full = office.ask_for(30);
    office.fail(std::iter::repeat_with(|| Failure::Deferred("452 mailbox full".to_owned())).take(30).collect());
    office.run_for(Duration::from_secs(5));
    assert_eq!(office.tried().len(), 30, "each says something about itself alone");
    let other = office.ask_at("ana@example.org", START + 5_000);
    office.run_until_told_of(1);
    assert_eq!(office.taken(), [other]);
    office.run_until_told_of(31);
    assert_eq!(office.taken().len(), full.len() + 1);
}

#[test]
fn should_try_again_ever_later_until_the_mail_is_taken() {
    let mut office = Office::new();
    let id = office.ask_for(1)[0];
    office.fail(vec![passing(), passing(), passing()]);
    office.run_until_told_of(1);
    let at: Vec<i64> = office.tried().into_iter().map(|(_, at)| at).collect();
    let pauses: Vec<i64> = at.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(pauses.len(), 3);
    for (pause, expected) in pauses.into_iter().zip([30_000, 60_000, 120_000]) {
        // A fifth more or less, and up to the next look.
        assert!((expected * 4 / 5..=expected * 6 / 5 + 300).contains(&pause), "{pause} in the place of {expected}");
    }
    let MailResult::MailSent(sent) = office.results().remove(0) else { panic!("not sent") };
    assert_eq!((sent.mail_id, sent.attempts), (id, 4));
}

#[test]
fn should_give_up_at_once_what_is_refused_and_say_what_the_server_said() {
    let mut office = Office::new();
    let ids = office.ask_for(2);
    office.fail(vec![Failure::Refused("550 nobody of that name".to_owned())]);
    office.run_until_told_of(2);
    let results = office.results();
    let MailResult::MailFailed(failed) = &results[0] else { panic!("{results:?}") };
    assert_eq!((failed.mail_id, failed.attempts, failed.why.as_str()), (ids[0], 1, "550 nobody of that name"));
    assert_eq!(office.taken(), [ids[1]]);
}

#[test]
fn should_send_a_digest_and_give_up_one_of_nothing() {
    let mut office = Office::new();
    let full = office.ask_for_digest(2, 3);
    let empty = office.ask_for_digest(0, 0);
    office.run_until_told_of(2);
    assert_eq!((office.taken(), office.subjects()), (vec![full], vec!["5 updates on your tickets".to_owned()]));
    let failed = office.results().into_iter().find_map(|result| match result {
        MailResult::MailFailed(failed) => Some(failed),
        MailResult::MailSent(_) => None,
    });
    assert_eq!(failed.map(|failed| failed.mail_id), Some(empty));
}

#[test]
fn should_give_up_an_address_that_could_never_be_one() {
    let mut office = Office::new();
    office.ask_at("ana@example.org\r\nRCPT TO:<eve@example.org>", START);
    office.run_until_told_of(1);
    assert!(matches!(office.results().remove(0), MailResult::MailFailed(failed) if failed.attempts == 1));
    assert!(office.tried().is_empty());
}

#[test]
fn should_give_up_what_is_too_old_with_the_last_reason() {
    let mut office = Office::new();
    office.ask_at("ana@example.org", START - 73 * 3_600_000);
    office.run_until_told_of(1);
    let MailResult::MailFailed(failed) = office.results().remove(0) else { panic!("sent") };
    assert_eq!((failed.attempts, failed.why.as_str()), (0, "it was too old when its turn came"));
    // One that is put off for three days.
    office.ask_at("ana@example.org", START);
    office.idle_ms = 10_000;
    let full = || Failure::Deferred("452 mailbox full".to_owned());
    office.fail(std::iter::repeat_with(full).take(1_000).collect());
    office.run_until_told_of(2);
    let MailResult::MailFailed(failed) = office.results().remove(1) else { panic!("sent") };
    assert!(failed.attempts > 70, "an attempt an hour: {}", failed.attempts);
    assert!(failed.why.contains("452 mailbox full"), "{}", failed.why);
}

#[test]
fn should_leave_a_server_alone_that_takes_nothing_and_then_send_all() {
    let mut office = Office::new();
    let ids = office.ask_for(10);
    office.fail(vec![Failure::Broken("535 who are you?".to_owned())]);
    office.run_for(Duration::from_secs(20));
    assert_eq!(office.tried().len(), 1, "one attempt tells enough");
    office.run_until_told_of(10);
    let mut taken = office.taken();
    taken.sort_unstable();
    let mut ids = ids;
    ids.sort_unstable();
    assert_eq!(taken, ids);
}

#[test]
fn should_not_wear_out_a_server_that_falls_silent_mail_after_mail() {
    let mut office = Office::new();
    office.ask_for(20);
    office.fail(std::iter::repeat_with(passing).take(20).collect());
    office.run_for(Duration::from_secs(20));
    assert_eq!(office.tried().len(), 5, "five in a row tell enough");
}

/// Kills it at each step, at the first few occasions.
#[test]
fn should_lose_no_mail_and_repeat_only_what_was_not_committed_whenever_it_dies() {
    let mut crashes = BTreeMap::new();
    let mut repeated = 0;
    for step in Step::ALL {
        for occasion in 0..6 {
            let mut office = Office::new();
            office.crash_at(step, occasion);
            let ids = office.ask_for(10);
            office.fail(vec![passing()]);
            let crashed = office.run_until_crash_or_told_of(10);
            let taken_before = office.taken();
            let told_before = office.results().len();
            if crashed {
                *crashes.entry(step).or_insert(0) += 1;
                office.restart();
                office.run_until_told_of(10);
            }
            let taken = office.taken();
            let mut results: Vec<_> = office.results().iter().map(MailResult::mail_id).collect();
            results.sort_unstable();
            let mut all = ids.clone();
            all.sort_unstable();
            assert_eq!(results, all, "{step:?} {occasion}: each mail ends once");
            for id in &ids {
                let times = taken.iter().filter(|taken| *taken == id).count();
                assert!((1..=2).contains(&times), "{step:?} {occasion}: {id} was taken {times} times");
                if times == 2 {
                    repeated += 1;
                    let place = taken_before.iter().position(|taken| taken == id).unwrap();
                    assert!(place >= told_before, "{step:?} {occasion}: {id} is repeated although that was committed");
                }
            }
        }
    }
    for step in [Step::BeforeProcess, Step::BeforeProduce, Step::BeforeCommit, Step::AfterCommit, Step::AfterStoreWrite]
    {
        assert!(crashes.get(&step).is_some_and(|count| *count >= 2), "{step:?} was not reached: {crashes:?}");
    }
    assert!(repeated > 0, "it never died between handing over and the commit");
}
