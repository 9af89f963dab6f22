//! Mails as files.

use std::fs;

use uuid::Uuid;

use crate::mail::{Content, Deliver, Failure, Files, Letter, Notice};
use crate::{MAIL, NOW, comment, composed, letter, notice};

#[test]
fn should_write_a_mail_as_it_is_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut files = Files::new(dir.path().join("out/mails")).unwrap();
    let mail = composed(&letter("es", Content::Notice(comment("¿Qué tal?"))));
    files.deliver(&mail).unwrap();
    let path = dir.path().join(format!("out/mails/{MAIL}.eml"));
    assert_eq!(fs::read(&path).unwrap(), mail.bytes);

    fs::write(&path, "read, and marked by somebody").unwrap();
    files.deliver(&mail).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "read, and marked by somebody");
    assert_eq!(fs::read_dir(dir.path().join("out/mails")).unwrap().count(), 1, "nothing unfinished is left");
}

#[test]
fn should_list_mails_as_people_read_them_the_newest_first() {
    let dir = tempfile::tempdir().unwrap();
    let mut files = Files::new(dir.path()).unwrap();
    let long = "ñandú ".repeat(20).trim_end().to_owned();
    let titles =
        ["Short", "Año nuevo en Córdoba: la máquina de café de la tercera planta ya no funciona", long.as_str()];
    for (title, n) in titles.iter().zip(0_u8..) {
        let notice = Notice { title: (*title).to_owned(), ..notice("ticket.created", "watcher") };
        let id = Uuid::from_u128(n.into());
        let (name, at) = ("Ada Núñez".to_owned(), NOW + i64::from(n) * 1000);
        files.deliver(&composed(&Letter { id, at, name, ..letter("es", Content::Notice(notice)) })).unwrap();
    }
    fs::write(dir.path().join("notes.txt"), "not a mail").unwrap();
    fs::write(dir.path().join(format!("{MAIL}.eml")), "not a mail either").unwrap();
    fs::write(dir.path().join(".unfinished"), "To: x\r\n").unwrap();

    let listed = Files::list(dir.path()).unwrap();
    let ids: Vec<u128> = listed.iter().map(|mail| mail.id.as_u128()).collect();
    assert_eq!(ids, [2, 1, 0]);
    for mail in &listed {
        let n = usize::try_from(mail.id.as_u128()).unwrap();
        assert_eq!(mail.subject, format!("[SYNC-101] {}", titles[n]));
        assert_eq!(mail.to, "Ada Núñez <ada@example.org>");
        assert_eq!(mail.at, NOW + i64::try_from(n).unwrap() * 1000);
        assert!(mail.path.is_file());
    }
}

#[test]
fn should_say_that_no_mail_can_be_written_where_the_directory_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let mut files = Files::new(dir.path().join("mails")).unwrap();
    fs::remove_dir(dir.path().join("mails")).unwrap();
    let failure = files.deliver(&composed(&letter("en", Content::Welcome))).unwrap_err();
    assert!(matches!(failure, Failure::Broken(_)), "{failure}");
}
