//! Looking for words.

use connectors::read_model::{TicketOrder, TicketQuery, Words};
use connectors::sink::SinkOptions;
use schemas::{TicketDeleted, TicketUpdated, ids};
use uuid::Uuid;

use crate::home::{Home, Kind, Opened};
use crate::support::*;

fn words(text: &str) -> Words {
    Words::parse(text).expect("there are words")
}

/// The numbers of the tickets of a project with these words, in this order.
async fn numbers(model: &Opened, text: &str, order: TicketOrder) -> Vec<i64> {
    let query = TicketQuery { words: Some(words(text)), order, ..TicketQuery::default() };
    let page = model.tickets(ids::project_id("WEB"), &query).await.expect("an answer");
    page.items.iter().map(|ticket| ticket.number).collect()
}

/// The codes of the tickets with these words, page by page.
async fn codes(model: &Opened, member: Option<Uuid>, text: &str) -> Vec<String> {
    let (mut codes, mut after) = (Vec::new(), None);
    loop {
        let page = model.search(member, &words(text), after, 1).await.expect("an answer");
        codes.extend(page.items.into_iter().map(|ticket| ticket.code));
        after = page.next;
        if after.is_none() {
            return codes;
        }
    }
}

pub(crate) async fn should_find_tickets_by_the_words_in_them_and_in_their_comments(kind: Kind) {
    let log = Log::new();
    let home = Home::new(kind, &log).await;
    log.event(project("WEB"));
    log.event(member("WEB", 2, 1, "ana"));
    let mut first = ticket("WEB", 3, 1);
    first.title = "Login-Fehler in src/main.rs".to_owned();
    first.description = "Der «Ñandú» trinkt café, 1.5 l 12abc x_y; don't 日本語".to_owned();
    log.event(first);
    let mut second = ticket("WEB", 4, 2);
    (second.title, second.description) = ("The board flickers".to_owned(), String::new());
    log.event(second);
    log.event(comment("WEB", 5, 2, "Log in again later"));
    log.event(comment("WEB", 6, 2, "Never log out"));
    log.event(project("HR"));
    let mut other = ticket("HR", 2, 1);
    other.title = "Login of new people".to_owned();
    log.event(other);
    let model = home.open().await;
    let _sink = model.start(SinkOptions::default());
    reach(&*model, "WEB", 6).await;
    reach(&*model, "HR", 2).await;

    let id = ids::project_id("WEB").simple().to_string();
    for (text, expected) in [
        ("login", &[1][..]),
        ("LOG", &[2, 1]),
        ("ogin", &[]),
        ("fehler login", &[1]),
        ("src/main.rs", &[1]),
        ("nandu CAFÉ", &[1]),
        ("ÑANDÚ", &[1]),
        ("5", &[1]),
        ("12a", &[1]),
        ("y", &[1]),
        ("日本", &[1]),
        ("don't", &[1]),
        ("board later", &[]),
        ("again log", &[2]),
        ("again never", &[]),
        ("board OR login", &[]),
        ("board* NOT \"login\"", &[]),
        (&id[..6], &[]),
    ] {
        for order in [TicketOrder::Number, TicketOrder::Updated] {
            let mut found = numbers(&model, text, order).await;
            found.sort_unstable_by_key(|number| -number);
            assert_eq!(found, expected, "{text} {order:?}");
        }
    }
    let both = TicketQuery { words: Some(words("log")), status: Some("DONE".to_owned()), ..TicketQuery::default() };
    assert_eq!(model.tickets(ids::project_id("WEB"), &both).await.expect("an answer").items, []);

    let ana = Some(user_id(1));
    assert_eq!(codes(&model, ana, "log").await.len(), 2);
    assert_eq!(codes(&model, ana, "login").await, ["WEB-1"]);
    let mut all = codes(&model, None, "log").await;
    all.sort_unstable();
    assert_eq!(all, ["HR-1", "WEB-1", "WEB-2"]);
    assert_eq!(codes(&model, Some(user_id(9)), "login").await, Vec::<String>::new());

    log.event(TicketUpdated {
        project_id: ids::project_id("WEB"),
        sequence: 7,
        number: 1,
        ticket_id: ticket_id("WEB", 1),
        title: Some("Sign-in fails".to_owned()),
        ..TicketUpdated::default()
    });
    log.event(TicketDeleted {
        project_id: ids::project_id("WEB"),
        sequence: 8,
        number: 2,
        ticket_id: ticket_id("WEB", 2),
        ..TicketDeleted::default()
    });
    reach(&*model, "WEB", 8).await;
    for (text, expected) in [("login", &[][..]), ("sign nandu", &[1]), ("log", &[]), ("board", &[])] {
        assert_eq!(numbers(&model, text, TicketOrder::Number).await, expected, "{text}");
    }
    assert_eq!(codes(&model, None, "log").await, ["HR-1"]);
}

#[test]
fn should_take_no_text_for_words_that_has_none() {
    assert_eq!(Words::parse("  -- !?🎉 "), None);
    assert_eq!(Words::parse("a-b"), Words::parse(" a  b!"));
}
