//! Mails from the real binary: by real mail servers (MailDev, whose API shows what it took; aiosmtpd, which refuses what it is told to),
//! over a kill, and into files.

#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, reason = "a test may fail where it stands")]

#[path = "support/mail_server.rs"]
mod mail_server;
#[path = "support/mod.rs"]
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use mail_server::MailServer;
use serde_json::{Value, json};
use support::services::{OwnKafka, OwnRegistry, services, succeeded, unique};
use support::{Home, Server, http};

/// How long a mail may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The same of one that has been tried in vain for a while: each time the pause doubles.
const LATE: Duration = Duration::from_secs(240);

/// A server, and people who can write to it.
struct Board {
    home: Home,
    server: Server,
    settings: BTreeMap<&'static str, String>,
}

impl Board {
    fn start(mail_url: &str) -> Self {
        let settings = BTreeMap::from([
            ("SYNCROBOARD__MAIL__URL", mail_url.to_owned()),
            ("SYNCROBOARD__MAIL__RETRY_AFTER_MS", "200".to_owned()),
        ]);
        let home = Home::new();
        let server = launch(&home, &settings);
        let mut board = Self { home, server, settings };
        board.server.wait_until_running();
        board
    }

    /// Kills it and starts it again.
    fn restart_after_kill(&mut self) {
        self.server.kill();
        self.server = launch(&self.home, &self.settings);
        self.server.wait_until_running();
    }

    fn token(&self, email: &str) -> String {
        let output = self.home.run(&["token", "--user", email]);
        succeeded(&output, "token").lines().last().unwrap().trim().to_owned()
    }

    fn send(&self, method: &str, path: &str, token: &str, body: &Value) -> Value {
        let request = http().request(method.parse().unwrap(), format!("{}{path}", self.server.url));
        let answer = request.bearer_auth(token).json(body).send().unwrap();
        let status = answer.status();
        let body = answer.text().unwrap();
        assert!(status.is_success(), "{method} {path}: {status} {body}");
        serde_json::from_str(&body).unwrap_or_default()
    }

    /// Ada has a project, and these people, whom nobody has mailed yet, are its members. Gives Ada's token.
    fn project(&self, members: &[&str]) -> String {
        let ada = self.token("ada@example.org");
        self.send("POST", "/projects", &ada, &json!({ "key": "WEB", "name": "The web site" }));
        for member in members {
            // Whoever writes for the first time becomes known.
            self.send("PATCH", "/preferences", &self.token(member), &json!({ "locale": "en" }));
            self.send("POST", "/projects/WEB/members", &ada, &json!({ "email": member }));
        }
        ada
    }

    /// Somebody's mails of which this became, as soon as there are so many.
    fn mails_of(&self, token: &str, state: &str, count: usize) -> Vec<Value> {
        let end = Instant::now() + PATIENCE;
        loop {
            let page = self.send("GET", &format!("/mails?state={state}"), token, &Value::Null);
            let items = page["items"].as_array().unwrap();
            if items.len() == count {
                return items.clone();
            }
            assert!(Instant::now() < end, "{page}");
            std::thread::yield_now();
        }
    }

    /// Mails that were written to files.
    fn mails(&self) -> Vec<Written> {
        let files = std::fs::read_dir(self.home.data().join("mails")).unwrap().map(|entry| entry.unwrap().path());
        let mails = files.filter(|path| path.extension().is_some_and(|extension| extension == "eml"));
        mails.map(|path| Written(std::fs::read_to_string(path).unwrap())).collect()
    }

    /// The mail with this code in its subject, as soon as it is written.
    fn mail_about(&self, code: &str) -> Written {
        let end = Instant::now() + PATIENCE;
        loop {
            let found = self.mails().into_iter().find(|mail| mail.0.contains(&format!("Subject: [{code}]")));
            if let Some(mail) = found {
                return mail;
            }
            assert!(Instant::now() < end, "no mail about {code}");
            std::thread::yield_now();
        }
    }

    fn ticket(&self, token: &str, title: &str, assignee: &str) {
        let assignee = schemas::ids::user_id(assignee);
        let ticket = json!({ "title": title, "assigneeId": assignee });
        self.send("POST", "/projects/WEB/tickets", token, &ticket);
    }
}

/// A mail in a file.
struct Written(String);

impl Written {
    /// What follows in the line that begins so.
    fn header(&self, beginning: &str) -> String {
        let line = self.0.lines().find_map(|line| line.strip_prefix(beginning));
        line.unwrap_or_else(|| panic!("no {beginning}: {}", self.0)).to_owned()
    }
}

fn launch(home: &Home, settings: &BTreeMap<&'static str, String>) -> Server {
    Home::spawn(home.command(&["dev", "--listen", "127.0.0.1:0"]).envs(settings))
}

fn text<'v>(value: &'v Value, path: &str) -> &'v str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

#[test]
fn should_mail_by_smtp_what_happens_in_the_language_of_whoever_reads_it() {
    let post = MailServer::start();
    let board = Board::start(&post.url);
    let ada = board.project(&["bob@example.org", "later@example.org", "nobody@example.org"]);
    board.send("PATCH", "/preferences", &board.token("later@example.org"), &json!({ "locale": "es" }));
    // Those who want none.
    board.send("PATCH", "/preferences", &board.token("bob@example.org"), &json!({ "email": "none" }));
    board.ticket(&ada, "not to be mailed", "bob@example.org");
    board.send("PATCH", "/preferences", &board.token("bob@example.org"), &json!({ "email": "immediate" }));
    board.ticket(&ada, "Naïve — «quoted»", "bob@example.org");
    board.ticket(&ada, "Una cosa", "later@example.org");
    board.ticket(&ada, "Nobody reads this", "nobody@example.org");
    // Three are welcomed and two are told, in whatever order; the fourth of them has no mailbox.
    let mut mails: BTreeMap<(String, String), Value> = BTreeMap::new();
    while mails.len() < 5 {
        let mail = post.next();
        let kind = if mail["headers"].get("references").is_some() { "told" } else { "welcome" };
        let known = mails.insert((text(&mail, "/to/0").to_owned(), kind.to_owned()), mail);
        assert!(known.is_none(), "{known:?} came twice");
    }
    let mail = |to: &str, kind: &str| &mails[&(to.to_owned(), kind.to_owned())];
    for who in ["ada@example.org", "bob@example.org", "later@example.org"] {
        assert_eq!(text(mail(who, "welcome"), "/from"), "no-reply@localhost.localdomain");
    }
    let told = mail("bob@example.org", "told");
    assert!(text(told, "/headers/subject").contains("WEB-2"), "{told}");
    for body in ["/bodies/text~1plain", "/bodies/text~1html"] {
        assert!(text(told, body).contains("Naïve — «quoted»"), "{told}");
        assert!(text(told, body).contains("/tickets/"), "{told}");
    }
    let spanish = mail("later@example.org", "told");
    assert!(text(spanish, "/bodies/text~1plain").contains("Una cosa"), "{spanish}");
    assert!(text(spanish, "/bodies/text~1html").contains("lang=\"es\""), "{spanish}");

    // What became of them.
    let nobody = board.token("nobody@example.org");
    let failed = board.mails_of(&nobody, "failed", 2);
    for mail in &failed {
        assert!(text(mail, "/why").contains("550") && text(mail, "/why").contains("nobody of that name"), "{mail}");
        assert_eq!((mail["attempts"].as_u64(), mail["decidedAt"].is_string()), (Some(1), true), "{mail}");
    }
    let kinds: BTreeSet<_> = failed.iter().map(|mail| text(mail, "/kind")).collect();
    assert_eq!(kinds, BTreeSet::from(["notification", "welcome"]));
    let later = board.mails_of(&board.token("later@example.org"), "sent", 2);
    assert!(later.iter().any(|mail| mail["attempts"].as_u64() > Some(1)), "put off once: {later:?}");
    let session = format!("syncroboard_session={nobody}");
    let page = http().get(format!("{}/my/mails", board.server.url)).header("cookie", session).send().unwrap();
    let page = page.text().unwrap();
    assert!(page.contains("nobody of that name") && page.contains(">failed<"), "{page}");
    let admin = board.home.token();
    let verified = board.send("POST", "/verify", &admin, &Value::Null);
    assert_eq!(verified["differences"], json!([]));
}

#[test]
fn should_be_read_back_from_maildev_as_it_was_written() {
    let post = services();
    let board = Board::start(&format!("{}?tls=none", post.smtp));
    let bob = format!("{}@example.org", unique("bob"));
    let ada = board.project(&[&bob]);
    board.ticket(&ada, "Größe <b>", &bob);
    board.send(
        "POST",
        "/tickets/WEB-1/comments",
        &ada,
        &json!({ "content": "a **bold** word & <script>alert(1)</script>" }),
    );
    let end = Instant::now() + PATIENCE;
    let mails: Vec<Value> = loop {
        let all: Vec<Value> = http().get(format!("{}/api/email", post.maildev)).send().unwrap().json().unwrap();
        let his: Vec<Value> = all.into_iter().filter(|mail| text(mail, "/to/0/address") == bob).collect();
        if his.len() == 3 {
            break his;
        }
        assert!(his.len() < 3 && Instant::now() < end, "{his:?}");
    };
    let found = |part: &str| {
        mails.iter().find(|mail| text(mail, "/text").contains(part)).unwrap_or_else(|| panic!("{part}: {mails:?}"))
    };
    let (created, commented) = (found("Größe <b>"), found("bold"));
    assert_eq!(mails.iter().filter(|mail| mail["headers"].get("references").is_none()).count(), 1, "one welcomes");
    for mail in [created, commented] {
        assert_eq!(text(mail, "/subject"), "[WEB-1] Größe <b>");
        assert_eq!(text(mail, "/headers/references"), text(created, "/headers/references"), "one thread");
        assert!(text(mail, "/headers/message-id").ends_with("@localhost.localdomain>"), "{mail}");
        assert_eq!(text(mail, "/headers/auto-submitted"), "auto-generated");
        assert!(text(mail, "/html").contains("Größe &lt;b&gt;"), "{mail}");
    }
    let html = text(commented, "/html");
    assert!(html.contains("<strong>bold</strong>") && !html.contains("<script>"), "{html}");
}

#[test]
fn should_mail_everything_over_a_kill_and_repeat_mails_only_under_the_same_id() {
    let post = MailServer::start();
    let mut board = Board::start(&post.url);
    let ada = board.project(&["bob@example.org"]);
    let tickets = 60;
    for n in 0..tickets {
        board.ticket(&ada, &format!("Ticket {n}"), "bob@example.org");
    }
    let mut taken: BTreeMap<String, usize> = BTreeMap::new();
    let mut subjects: BTreeMap<String, String> = BTreeMap::new();
    let mut take = |mail: &Value| {
        let (id, subject) = (text(mail, "/headers/message-id").to_owned(), text(mail, "/headers/subject").to_owned());
        assert!(!id.is_empty());
        *taken.entry(id.clone()).or_default() += 1;
        if let Some(known) = subjects.insert(id, subject.clone()) {
            assert_eq!(known, subject, "one id, one mail");
        }
        (taken.len(), taken.values().sum::<usize>())
    };
    for _ in 0..12 {
        take(&post.next());
    }
    board.restart_after_kill();
    // Two welcomes beside the tickets.
    let end = Instant::now() + PATIENCE;
    let (mut different, mut all) = (0, 0);
    while different < tickets + 2 {
        assert!(Instant::now() < end, "{different} of {} mails came", tickets + 2);
        (different, all) = take(&post.next());
    }
    println!("{all} mails, of which {} are repeated", all - different);
    // Those between two commits, in each of four partitions, at most.
    assert!(all - different <= 16, "{all} mails for {different}");
}

#[test]
fn should_mail_everything_on_kafka_while_a_mailer_of_its_own_is_killed() {
    let post = MailServer::start();
    let kafka = OwnKafka::new(&[]);
    let settings = BTreeMap::from([
        ("SYNCROBOARD__MAIL__URL", post.url.clone()),
        ("SYNCROBOARD__KAFKA__BOOTSTRAP_SERVERS", kafka.bootstrap().to_owned()),
        ("SYNCROBOARD__KAFKA__SESSION_TIMEOUT_MS", "3000".to_owned()),
        ("SYNCROBOARD__KAFKA__TRANSACTION_TIMEOUT_MS", "4000".to_owned()),
    ]);
    let home = Home::new();
    let dev = ["dev", "--listen", "127.0.0.1:0", "--kafka", kafka.bootstrap()];
    let mut server = Home::spawn(home.command(&dev).envs(&settings));
    server.wait_until_running();
    let start = |home: &Home| {
        let mut mailer = Home::spawn(home.command(&["mailer"]).envs(&settings));
        mailer.wait_until_running();
        mailer
    };
    // It shares the partitions with the one in `dev`.
    let mut mailer = start(&home);
    let board = Board { home, server, settings: settings.clone() };
    let members: Vec<String> = (0..12).map(|n| format!("user{n}@example.org")).collect();
    let ada = board.project(&members.iter().map(String::as_str).collect::<Vec<_>>());
    let tickets = 60;
    for n in 0..tickets {
        board.ticket(&ada, &format!("Ticket {n}"), &members[n % members.len()]);
    }
    let mut ids = BTreeSet::new();
    let mut take = |count: usize| {
        let end = Instant::now() + PATIENCE;
        while ids.len() < count {
            assert!(Instant::now() < end, "{} of {count} mails came", ids.len());
            ids.insert(text(&post.next(), "/headers/message-id").to_owned());
        }
    };
    take(20);
    mailer.kill();
    let mut mailer = start(&board.home);
    // Everybody is welcomed too.
    take(tickets + members.len() + 1);
    mailer.stop();
}

/// What was taken, by its Message-ID: the subject, and how often.
#[derive(Default)]
struct Taken(BTreeMap<String, (String, usize)>);

impl Taken {
    fn note(&mut self, mail: &Value) {
        let (id, subject) = (text(mail, "/headers/message-id").to_owned(), text(mail, "/headers/subject").to_owned());
        let (known, times) = self.0.entry(id).or_insert((subject.clone(), 0));
        assert_eq!(*known, subject, "one id, one mail");
        *times += 1;
    }

    fn note_all(&mut self, mails: &[Value]) {
        mails.iter().for_each(|mail| self.note(mail));
    }

    fn until(&mut self, count: usize, post: &MailServer) {
        let end = Instant::now() + LATE;
        while self.0.len() < count {
            let mail = post.next_within(end.saturating_duration_since(Instant::now()));
            self.note(&mail.unwrap_or_else(|| panic!("{} of {count} mails came", self.0.len())));
        }
    }
}

#[test]
fn should_mail_everything_whatever_becomes_of_the_mail_server_while_worker_and_mailer_are_killed() {
    let mut post = MailServer::start();
    let port = post.port.clone();
    let kafka = OwnKafka::new(&[]);
    let settings = BTreeMap::from([
        ("SYNCROBOARD__MAIL__URL", post.url.clone()),
        ("SYNCROBOARD__MAIL__TIMEOUT_MS", "2000".to_owned()),
        ("SYNCROBOARD__KAFKA__PARTITIONS", "2".to_owned()),
        ("SYNCROBOARD__MAIL__RETRY_AFTER_MS", "200".to_owned()),
        ("SYNCROBOARD__KAFKA__BOOTSTRAP_SERVERS", kafka.bootstrap().to_owned()),
        ("SYNCROBOARD__KAFKA__SESSION_TIMEOUT_MS", "3000".to_owned()),
        ("SYNCROBOARD__KAFKA__TRANSACTION_TIMEOUT_MS", "4000".to_owned()),
    ]);
    let home = Home::new();
    let dev = ["dev", "--listen", "127.0.0.1:0", "--kafka", kafka.bootstrap()];
    let mut server = Home::spawn(home.command(&dev).envs(&settings));
    server.wait_until_running();
    let board = Board { home, server, settings: settings.clone() };
    let start = |part: &str| Home::spawn(board.home.command(&[part]).envs(&settings));
    let mut parts = ["worker", "mailer"].map(&start);
    parts.iter_mut().for_each(Server::wait_until_running);
    let members: Vec<String> = (0..12).map(|n| format!("cut{n}@example.org")).collect();
    let ada = board.project(&members.iter().map(String::as_str).collect::<Vec<_>>());
    // Everybody is welcomed; of each of these mails the server's answer is lost once.
    let mut expected = members.len() + 1;
    let mut taken = Taken::default();
    taken.until(expected, &post);
    let mut tickets = |how: &str| {
        for (n, member) in members.iter().enumerate() {
            board.ticket(&ada, &format!("Ticket {how} {n}"), member);
        }
        expected += members.len();
        expected
    };
    for how in ["stopped", "killed", "frozen"] {
        let frozen = if how == "frozen" {
            post.signal("STOP");
            Some(post)
        } else {
            taken.note_all(&post.end(if how == "stopped" { "TERM" } else { "KILL" }));
            None
        };
        // What it has said so far says nothing of this.
        parts[1].logged();
        let all = tickets(how);
        println!("{how}: {}", parts[1].wait_for_log("a mail is tried again later"));
        for (process, part) in parts.iter_mut().zip(["worker", "mailer"]) {
            process.kill();
            *process = start(part);
            process.wait_until_running();
        }
        post = frozen.unwrap_or_else(|| MailServer::start_at(Some(&port)));
        // Nothing to one that is new.
        post.signal("CONT");
        taken.until(all, &post);
    }
    // Restarted in the midst of it, and the mailer with it.
    let all = tickets("restarted");
    taken.until(all - members.len() + 3, &post);
    parts[1].kill();
    taken.note_all(&post.end("TERM"));
    assert!(taken.0.len() < all, "everything had been taken");
    post = MailServer::start_at(Some(&port));
    parts[1] = start("mailer");
    parts[1].wait_until_running();
    taken.until(all, &post);
    parts.iter_mut().for_each(Server::stop);
    taken.note_all(&post.end("TERM"));
    assert_eq!(taken.0.len(), all);
    let repeated = taken.0.values().filter(|(_, times)| *times > 1).count();
    println!("{all} mails, of which {repeated} came again");
    // The first server cuts the first that each of the members gets.
    assert!(repeated >= members.len(), "{repeated}");
}

#[test]
fn should_give_out_work_while_neither_a_mail_server_nor_the_registry_answers() {
    let (kafka, registry) = (OwnKafka::new(&[]), OwnRegistry::new());
    let post = MailServer::start();
    let settings = BTreeMap::from([
        ("SYNCROBOARD__MAIL__URL", post.url.clone()),
        ("SYNCROBOARD__SCHEMA_REGISTRY__URL", registry.url().to_owned()),
        ("SYNCROBOARD__KAFKA__TRANSACTION_TIMEOUT_MS", "4000".to_owned()),
    ]);
    let home = Home::new();
    let dev = ["dev", "--listen", "127.0.0.1:0", "--kafka", kafka.bootstrap()];
    let mut server = Home::spawn(home.command(&dev).envs(&settings));
    server.wait_until_running();
    let board = Board { home, server, settings: settings.clone() };
    let ada = board.project(&["bob@example.org"]);
    let bob = board.token("bob@example.org");
    // That he is welcome, of which there is no notification.
    board.mails_of(&bob, "sent", 1);
    drop(post);
    registry.stop();
    let tickets: Vec<String> = (0..12)
        .map(|n| {
            board.send(
                "POST",
                "/projects/WEB/tickets",
                &ada,
                &json!({ "title": format!("Ticket {n}"), "priority": "LOW" }),
            )
        })
        .map(|ticket| text(&ticket, "/code").to_owned())
        .collect();
    let end = Instant::now() + PATIENCE;
    for code in &tickets {
        while board.send("GET", &format!("/tickets/{code}"), &ada, &json!({}))["assigneeId"].is_null() {
            assert!(Instant::now() < end, "nobody has {code}");
        }
    }
    let waiting = loop {
        let mails = board.send("GET", "/mails?state=waiting", &bob, &json!({}));
        let waiting = mails["items"].as_array().map_or(0, Vec::len);
        if waiting > 0 {
            break waiting;
        }
        assert!(Instant::now() < end, "{mails}");
    };
    // They come by another topic than the mails.
    loop {
        let told = board.send("GET", "/notifications", &bob, &json!({}));
        if told["items"].as_array().is_some_and(|told| told.len() >= waiting) {
            break;
        }
        assert!(Instant::now() < end, "{waiting} mails wait: {told}");
    }
}

#[test]
fn should_say_what_a_mailer_needs() {
    let home = Home::new();
    let refused = |settings: &[(&str, &str)]| {
        let output = home.command(&["mailer"]).envs(settings.iter().copied()).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{}", support::text(&output));
        support::text(&output)
    };
    assert!(refused(&[]).contains("kafka.bootstrap_servers"));
    assert!(refused(&[("SYNCROBOARD__KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1")]).contains("mail.url"));
    let mut settings = vec![
        ("SYNCROBOARD__KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1"),
        ("SYNCROBOARD__MAIL__URL", "smtp://127.0.0.1:1"),
    ];
    settings.push(("SYNCROBOARD__MAIL__UNSUBSCRIBE_KEY", "abcd"));
    let said = refused(&settings);
    assert!(said.contains("mail.unsubscribe_key") && said.contains("at least 32"), "{said}");
    // What is missing is said, and nothing where it is there, also as what the API signs with. Something else ends the start.
    settings.pop();
    settings.push(("SYNCROBOARD__MAIL__FROM", "nobody"));
    let missing = "no links to unsubscribe";
    assert!(refused(&settings).contains(missing));
    let long = "ab".repeat(32);
    for key in ["SYNCROBOARD__MAIL__UNSUBSCRIBE_KEY", "SYNCROBOARD__API__SECRET"] {
        let said = refused(&[settings.as_slice(), &[(key, &long)]].concat());
        assert!(said.contains("not a sender") && !said.contains(missing), "{said}");
    }
}

#[test]
fn should_mail_nothing_more_to_whoever_follows_the_link_in_a_mail() {
    let board = Board::start("");
    let ada = board.project(&["bob@example.org"]);
    let bob = board.token("bob@example.org");
    board.ticket(&ada, "Mailed", "bob@example.org");
    let link = board.mail_about("WEB-1").header("List-Unsubscribe: <http://127.0.0.1:8080");
    assert_eq!(board.mail_about("WEB-1").header("List-Unsubscribe-Post: "), "List-Unsubscribe=One-Click");
    let link = format!("{}{}", board.server.url, link.trim_end_matches('>'));
    assert_eq!(http().get(&link).send().unwrap().status(), 200);
    let preferences = || board.send("GET", "/preferences", &bob, &Value::Null);
    assert_eq!(preferences()["email"], "immediate", "a look changes nothing");
    for _ in 0..2 {
        let form = http().post(&link).header("content-type", "application/x-www-form-urlencoded");
        let answer = form.body("List-Unsubscribe=One-Click").send().unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(preferences()["email"], "none");
    }
    board.ticket(&ada, "Not mailed", "bob@example.org");
    // Whether to mail is decided with the notification.
    let end = Instant::now() + PATIENCE;
    while board.send("GET", "/notifications", &bob, &Value::Null)["unread"] != json!(2) {
        assert!(Instant::now() < end, "nobody is told");
        std::thread::yield_now();
    }
    board.send("PATCH", "/preferences", &bob, &json!({ "email": "immediate" }));
    board.ticket(&ada, "Mailed again", "bob@example.org");
    // One after the other, as they go to one person.
    board.mail_about("WEB-3");
    assert!(board.mails().iter().all(|mail| !mail.0.contains("WEB-2")));
}

#[test]
fn should_write_mails_to_files_where_there_is_no_mail_server_and_show_them() {
    let board = Board::start("");
    let ada = board.project(&["bob@example.org"]);
    board.ticket(&ada, "To be read", "bob@example.org");
    let admin = board.home.token();
    let session = |token: &str| format!("syncroboard_session={token}");
    let page = |path: &str, token: &str| {
        let answer = http().get(format!("{}{path}", board.server.url)).header("cookie", session(token)).send().unwrap();
        (answer.status().as_u16(), answer.text().unwrap())
    };
    let end = Instant::now() + PATIENCE;
    let list = loop {
        let (status, list) = page("/dev/mail", &admin);
        assert_eq!(status, 200, "{list}");
        if list.contains("WEB-1") {
            break list;
        }
        assert!(Instant::now() < end, "no mail is shown: {list}");
    };
    let (before, _) = list.split_once("WEB-1").unwrap();
    let (_, link) = before.rsplit_once("href=\"").unwrap();
    let (link, _) = link.split_once('"').unwrap();
    let (status, mail) = page(link, &admin);
    assert_eq!(status, 200);
    assert!(mail.contains("To: ") && mail.contains("bob@example.org") && mail.contains("Message-ID: "), "{mail}");
    assert_eq!(page("/dev/mail", &board.token("bob@example.org")).0, 404, "other people's mails");
    assert_eq!(page("/dev/mail", "").0, 401);
}

#[test]
fn should_refuse_to_start_with_texts_or_a_mail_server_that_make_no_sense() {
    let home = Home::new();
    let refused = |settings: &[(&str, &str)]| {
        let output = home.command(&["dev", "--listen", "127.0.0.1:0"]).envs(settings.iter().copied()).output().unwrap();
        assert_eq!(output.status.code(), Some(3), "{}", support::text(&output));
        support::text(&output)
    };
    std::fs::create_dir_all(home.path().join("texts/en")).unwrap();
    home.file("texts/en/notice.txt", b"Hello\n{{ name }\n");
    let said = refused(&[("SYNCROBOARD__MAIL__TEMPLATES", "texts")]);
    assert!(said.contains("mail.templates") && said.contains("en/notice.txt:2"), "{said}");
    let said = refused(&[("SYNCROBOARD__MAIL__URL", "smtp://user:geheim@:x")]);
    assert!(said.contains("mail.url") && !said.contains("geheim"), "{said}");
    let said = refused(&[("SYNCROBOARD__MAIL__FROM", "nobody")]);
    assert!(said.contains("not a sender"), "{said}");
}
