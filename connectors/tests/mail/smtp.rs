//! Handing mails to a mail server that takes them, refuses them, or falls silent.

use std::time::Duration;

use mail_parser::MessageParser;

use crate::mail::{Content, Deliver, Failure, Letter, Smtp, SmtpConfig};
use crate::server::{Encryption, HANG_UP, Identity, MailServer, PATIENCE, SILENCE, Script};
use crate::{comment, composed, letter};

const PASSWORD: &str = "s3cret/word";
const ACCEPTS: Script = &[];
const CAN_ENCRYPT: Script = &[("EHLO", "250-test\r\n250-STARTTLS\r\n250 AUTH PLAIN")];

fn smtp(url: String, timeout: Duration) -> Smtp {
    let mut config = SmtpConfig::new(url);
    config.timeout = timeout;
    Smtp::new(&config).unwrap()
}

fn with_login(server: &MailServer) -> Smtp {
    smtp(format!("smtp://syncro:{}@{}", PASSWORD.replace('/', "%2F"), server.address), PATIENCE)
}

fn welcome() -> crate::mail::Composed {
    composed(&letter("en", Content::Welcome))
}

/// How a mail fares with a server that keeps to this script.
fn outcome(scripts: &'static [Script], timeout: Duration) -> Result<(), Failure> {
    let server = MailServer::start(scripts);
    let outcome = smtp(format!("smtp://{}", server.address), timeout).deliver(&welcome());
    server.heard();
    outcome
}

#[test]
fn should_hand_over_a_mail_as_it_was_composed() {
    let server = MailServer::start(&[ACCEPTS]);
    let mail = composed(&letter("es", Content::Notice(comment("¡Adiós!\n.\n..dos\n. tres\n...\n\nFin – 終"))));
    with_login(&server).deliver(&mail).unwrap();

    let heard = server.heard();
    assert_eq!(heard.bare, 0);
    assert_eq!(heard.mails, [[mail.bytes.as_slice(), b"\r\n"].concat()]);
    let (sent, got) = (MessageParser::new().parse(&mail.bytes), MessageParser::new().parse(&heard.mails[0]));
    let (sent, got) = (sent.unwrap(), got.unwrap());
    assert_eq!(got.subject(), sent.subject());
    assert_eq!((got.body_text(0), got.body_html(0)), (sent.body_text(0), sent.body_html(0)));
    let text = got.body_text(0).unwrap().replace("\r\n", "\n");
    assert!(text.contains("\n¡Adiós!\n.\n..dos\n. tres\n...\n\nFin – 終\n"), "{text}");

    let begins: Vec<&str> = heard.commands.iter().filter_map(|command| command.split(' ').next()).collect();
    assert_eq!(begins, ["EHLO", "AUTH", "MAIL", "RCPT", "DATA", "QUIT"]);
    assert_eq!(heard.commands[2], "MAIL FROM:<no-reply@mail.example.org>");
    assert_eq!(heard.commands[3], "RCPT TO:<ada@example.org>");
}

#[test]
fn should_hand_over_the_next_mail_on_the_same_connection_even_after_a_refusal() {
    let server = MailServer::start(&[&[("RCPT TO:<gone@", "550 no such user")]]);
    let mut smtp = smtp(format!("smtp://{}/board.example.org", server.address), PATIENCE);
    smtp.deliver(&welcome()).unwrap();
    let gone = composed(&Letter { to: "gone@example.org".to_owned(), ..letter("en", Content::Welcome) });
    assert!(matches!(smtp.deliver(&gone), Err(Failure::Refused(_))));
    smtp.deliver(&welcome()).unwrap();
    drop(smtp);

    let heard = server.heard();
    assert_eq!(heard.mails.len(), 2);
    assert_eq!(heard.commands.iter().filter(|command| *command == "EHLO board.example.org").count(), 1);
}

#[test]
fn should_connect_again_when_the_server_has_closed_a_connection_that_was_kept() {
    let server = MailServer::start(&[&[("RSET", HANG_UP)], ACCEPTS]);
    let mut smtp = smtp(format!("smtp://{}", server.address), PATIENCE);
    smtp.deliver(&welcome()).unwrap();
    smtp.deliver(&welcome()).unwrap();
    drop(smtp);
    assert_eq!((server.heard().mails.len(), server.heard().mails.len()), (1, 1));
}

#[test]
fn should_try_again_after_what_passes() {
    for (case, scripts) in [
        ("421 at the greeting", &[&[("greeting", "421 too busy")] as Script] as &'static [Script]),
        ("421 at EHLO", &[&[("EHLO", "421 shutting down")]]),
        ("452 at MAIL", &[&[("MAIL", "452 disk full")]]),
        ("421 at RCPT", &[&[("RCPT", "421 shutting down")]]),
        ("nonsense at the greeting", &[&[("greeting", "hello there")]]),
        ("hangs up at once", &[&[("greeting", HANG_UP)]]),
        ("hangs up at RCPT", &[&[("RCPT", HANG_UP)]]),
        ("hangs up after the last dot", &[&[(".", HANG_UP)]]),
    ] {
        let outcome = outcome(scripts, PATIENCE);
        assert!(matches!(outcome, Err(Failure::Passing(_))), "{case}: {outcome:?}");
    }
}

#[test]
fn should_put_off_what_the_server_does_not_take_now_without_blaming_the_server() {
    for (case, scripts) in [
        ("451 at RCPT", &[&[("RCPT", "451 greylisted")] as Script] as &'static [Script]),
        ("450 at DATA", &[&[("DATA", "450 not now")]]),
        ("451 after the mail", &[&[(".", "451 scanner is down")]]),
    ] {
        let outcome = outcome(scripts, PATIENCE);
        assert!(matches!(outcome, Err(Failure::Deferred(_))), "{case}: {outcome:?}");
    }
}

#[test]
fn should_not_wait_for_ever_for_a_server_that_falls_silent() {
    for (case, scripts) in [
        ("greeting", &[&[("greeting", SILENCE)] as Script] as &'static [Script]),
        ("RCPT", &[&[("RCPT", SILENCE)]]),
        ("after the last dot", &[&[(".", SILENCE)]]),
    ] {
        let outcome = outcome(scripts, Duration::from_millis(100));
        assert!(matches!(outcome, Err(Failure::Passing(_))), "{case}: {outcome:?}");
    }
}

#[test]
fn should_give_up_on_what_the_server_refuses_for_good() {
    for (case, scripts) in [
        ("550 at RCPT", &[&[("RCPT", "550-no such user\r\n550 here")] as Script] as &'static [Script]),
        ("554 at DATA", &[&[("DATA", "554 no valid recipients")]]),
        ("554 after the mail", &[&[(".", "554 looks like spam")]]),
        ("552 after the mail", &[&[(".", "552 too large")]]),
    ] {
        let outcome = outcome(scripts, PATIENCE);
        assert!(matches!(outcome, Err(Failure::Refused(_))), "{case}: {outcome:?}");
    }
    let Err(Failure::Refused(reason)) = outcome(&[&[("RCPT", "550-no such user\r\n550 here")]], PATIENCE) else {
        panic!("not refused");
    };
    assert!(reason.starts_with("recipient: ") && reason.contains("550") && reason.contains("no such user"), "{reason}");
}

#[test]
fn should_say_so_when_the_server_refuses_whoever_asks() {
    for (case, scripts) in [
        ("554 at the greeting", &[&[("greeting", "554 not you")] as Script] as &'static [Script]),
        ("550 at MAIL", &[&[("MAIL", "550 sender not allowed")]]),
        ("530 at MAIL", &[&[("MAIL", "530 must issue STARTTLS first")]]),
        ("530 at RCPT", &[&[("RCPT", "530 log in first")]]),
    ] {
        let outcome = outcome(scripts, PATIENCE);
        assert!(matches!(outcome, Err(Failure::Broken(_))), "{case}: {outcome:?}");
    }
}

#[test]
fn should_say_so_when_the_login_is_refused_and_not_tell_the_password() {
    for (answers, is_broken) in [
        (&[&[("AUTH", "535 5.7.8 bad credentials")] as Script] as &'static [Script], true),
        (&[&[("EHLO", "250 test")]], true),
        (&[&[("AUTH", "454 try later")]], false),
    ] {
        let server = MailServer::start(answers);
        let failure = with_login(&server).deliver(&welcome()).unwrap_err();
        assert_eq!(matches!(failure, Failure::Broken(_)), is_broken, "{failure}");
        assert!(is_broken || matches!(failure, Failure::Passing(_)), "{failure}");
        assert!(!failure.to_string().contains("s3cret"), "{failure}");
        assert!(server.heard().mails.is_empty());
    }
}

#[test]
fn should_send_nothing_in_the_clear_where_encryption_is_required() {
    for url in ["smtp://syncro:s3cret@{}?tls=required", "smtps://syncro:s3cret@{}"] {
        let server = MailServer::start(&[ACCEPTS]);
        let failure = smtp(url.replace("{}", &server.address.to_string()), PATIENCE).deliver(&welcome()).unwrap_err();
        assert!(matches!(failure, Failure::Broken(_)), "{url}: {failure}");
        let heard = server.heard();
        assert!(heard.mails.is_empty() && !heard.commands.iter().any(|command| command.starts_with("AUTH")));
    }
    let server = MailServer::start(&[ACCEPTS]);
    smtp(format!("smtp://{}?tls=opportunistic", server.address), PATIENCE).deliver(&welcome()).unwrap();
    assert_eq!(server.heard().mails.len(), 1);
}

#[test]
fn should_hand_over_a_mail_under_tls_to_a_server_it_trusts_and_nothing_to_another() {
    let (ours, other) = (Identity::new(), Identity::new());
    for (encryption, begins) in [
        (Encryption::FromTheStart, ["EHLO", "AUTH", "MAIL", "RCPT", "DATA", "QUIT"].as_slice()),
        (Encryption::StartTls, &["EHLO", "STARTTLS", "EHLO", "AUTH", "MAIL", "RCPT", "DATA", "QUIT"]),
    ] {
        for (trusted, is_trusted) in [(&ours, true), (&other, false)] {
            let server = MailServer::start_with_tls(&[CAN_ENCRYPT], encryption, &ours);
            let mut config = SmtpConfig::new(match encryption {
                Encryption::FromTheStart => format!("smtps://syncro:s3cret@{}", server.address),
                Encryption::StartTls => format!("smtp://syncro:s3cret@{}?tls=required", server.address),
            });
            config.ca_pem = Some(trusted.certificate.clone());
            let outcome = Smtp::new(&config).unwrap().deliver(&welcome());
            let heard = server.heard();
            let commands: Vec<&str> = heard.commands.iter().filter_map(|line| line.split(' ').next()).collect();
            if is_trusted {
                assert_eq!((outcome, commands.as_slice(), heard.mails.len()), (Ok(()), begins, 1), "{encryption:?}");
            } else {
                assert!(matches!(outcome, Err(Failure::Broken(_))), "{encryption:?}: {outcome:?}");
                assert!(!commands.contains(&"AUTH") && heard.mails.is_empty(), "{encryption:?}: {commands:?}");
            }
        }
    }
}

#[test]
fn should_try_again_where_nobody_listens() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let outcome = smtp(format!("smtp://{address}"), PATIENCE).deliver(&welcome());
    assert!(matches!(outcome, Err(Failure::Passing(_))), "{outcome:?}");
}

#[test]
fn should_write_to_addresses_in_all_scripts_where_the_server_can() {
    let mail = composed(&Letter { to: "josé@ejemplo.org".to_owned(), ..letter("es", Content::Welcome) });
    let server = MailServer::start(&[&[("EHLO", "250-test\r\n250-8BITMIME\r\n250 SMTPUTF8")]]);
    smtp(format!("smtp://{}", server.address), PATIENCE).deliver(&mail).unwrap();
    let heard = server.heard();
    assert_eq!(heard.commands[1], "MAIL FROM:<no-reply@mail.example.org> SMTPUTF8 BODY=8BITMIME");
    assert_eq!(heard.commands[2], "RCPT TO:<josé@ejemplo.org>");

    let server = MailServer::start(&[ACCEPTS]);
    let outcome = smtp(format!("smtp://{}", server.address), PATIENCE).deliver(&mail);
    assert!(matches!(outcome, Err(Failure::Refused(_))), "{outcome:?}");
    assert!(server.heard().mails.is_empty());
}

#[test]
fn should_refuse_a_url_that_says_nothing_useful_without_repeating_the_password() {
    for url in [
        "",
        "mail.example.org",
        "smtp:///",
        "http://syncro:s3cret@mail.example.org",
        "smtp://syncro:s3cret@mail.example.org:99999",
        "smtp://syncro:s3cret@mail.example.org?tls=maybe",
        "smtps://syncro:s3cret@mail.example.org?tls=none",
        "smtp://syncro:s3cret@mail.example.org?tls=required&tls=none",
        "smtp://syncro:s3cret@mail.example.org?timeout=1",
        "smtp://syncro@mail.example.org",
        "smtp://:s3cret@mail.example.org",
        "smtp://syncro:s3cret%FF@mail.example.org",
        "smtp://syncro:s3cret@mail.example.org/a%0D%0AMAIL",
        "smtp://syncro:1/s3cret@mail.example.org",
        "smtp://syncro:1?s3cret@mail.example.org",
        "smtp://syncro:1#s3cret@mail.example.org",
        "smtp://syncro:s3cret/1@mail.example.org",
        "s3cret:smtp",
    ] {
        let config = SmtpConfig::new(url);
        let error = Smtp::new(&config).err().unwrap_or_else(|| panic!("{url} is taken"));
        assert!(!format!("{error} {error:?} {config:?}").contains("s3cret"), "{error:?}");
    }
    let mut config = SmtpConfig::new("smtps://mail.example.org");
    config.ca_pem = Some("-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----".to_owned());
    assert!(Smtp::new(&config).is_err());
    for url in ["smtp://[::1]:2525", "smtp://localhost", "smtps://a%40b:c%3A@mail.example.org/board-1.example.org"] {
        assert!(Smtp::new(&SmtpConfig::new(url)).is_ok(), "{url}");
    }
}
