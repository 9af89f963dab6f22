//! The rules of single fields: what a title, a label, a date may be. Each takes what was sent and gives what is kept.
//!
//! Nothing is refused for awkward characters. In fields of one line control characters (line breaks too) become blanks
//! and the ends are trimmed; in long texts only U+0000 is replaced, as no database takes it.

use crate::rejection::Rejection;
use crate::role::Role;

/// Most characters in a title.
pub const TITLE_MAX_CHARS: usize = 200;
/// Most characters in the name of a project or a user.
pub const NAME_MAX_CHARS: usize = 200;
/// Most bytes of UTF-8 in a description.
pub const DESCRIPTION_MAX_BYTES: usize = 64 * 1024;
/// Most bytes of UTF-8 in a comment.
pub const CONTENT_MAX_BYTES: usize = 32 * 1024;
/// Most labels on a ticket.
pub const LABELS_MAX: usize = 20;
/// Most characters in a label or a skill.
pub const LABEL_MAX_CHARS: usize = 50;
/// Most skills of a member.
pub const SKILLS_MAX: usize = 50;
/// Most projects that a user mutes.
pub const MUTED_PROJECTS_MAX: usize = 1_000;
/// Most characters in a handle.
pub const HANDLE_MAX_CHARS: usize = 64;
/// Greatest capacity of a member.
pub const CAPACITY_MAX: i32 = 1_000_000;
/// Capacity of a member for whom none was given: two urgent tickets.
pub const CAPACITY_DEFAULT: i32 = 10;
/// Most bytes in the source or the id of an external reference.
pub const EXTERNAL_MAX_BYTES: usize = 512;
/// Most bytes in the address of an external reference.
pub const URL_MAX_BYTES: usize = 2048;
/// The last moment of the year 9999, in milliseconds since the Unix epoch: the last that RFC 3339 can write.
pub const DATE_MAX_MS: i64 = 253_402_300_799_999;
/// The priorities, the lowest first.
pub const PRIORITIES: [&str; 4] = ["LOW", "MEDIUM", "HIGH", "URGENT"];
/// The priority of a ticket for which none was given.
pub const PRIORITY_DEFAULT: &str = "MEDIUM";
const EMAIL_MAX_BYTES: usize = 254;

/// A title of 1 to 200 characters.
pub fn title(raw: String) -> Result<String, Rejection> {
    let title = one_line(raw);
    match visible_chars(&title) {
        0 => Err(Rejection::TitleEmpty),
        chars if chars > TITLE_MAX_CHARS => Err(Rejection::TitleTooLong { chars }),
        _ => Ok(title),
    }
}

/// The name of a project or a user, 1 to 200 characters.
pub fn name(raw: String) -> Result<String, Rejection> {
    let name = one_line(raw);
    match visible_chars(&name) {
        0 => Err(Rejection::NameEmpty),
        chars if chars > NAME_MAX_CHARS => Err(Rejection::NameTooLong { chars }),
        _ => Ok(name),
    }
}

/// A description of up to 64 KiB; may be empty.
pub fn description(raw: String) -> Result<String, Rejection> {
    let text = long_text(raw);
    if text.len() > DESCRIPTION_MAX_BYTES {
        return Err(Rejection::DescriptionTooLong { bytes: text.len() });
    }
    Ok(text)
}

/// The content of a comment, 1 byte to 32 KiB.
pub fn content(raw: String) -> Result<String, Rejection> {
    let text = long_text(raw);
    if is_blank(&text) {
        return Err(Rejection::ContentEmpty);
    }
    if text.len() > CONTENT_MAX_BYTES {
        return Err(Rejection::ContentTooLong { bytes: text.len() });
    }
    Ok(text)
}

/// One of the four priorities; MEDIUM if none was given.
pub fn priority(raw: Option<String>) -> Result<String, Rejection> {
    match raw {
        None => Ok(PRIORITY_DEFAULT.to_owned()),
        Some(priority) if PRIORITIES.contains(&priority.as_str()) => Ok(priority),
        Some(priority) => Err(Rejection::PriorityInvalid { priority }),
    }
}

/// Up to 20 labels of 1 to 50 characters; one that repeats is kept once.
pub fn labels(raw: Vec<String>) -> Result<Vec<String>, Rejection> {
    if raw.len() > LABELS_MAX {
        return Err(Rejection::TooManyLabels { count: raw.len() });
    }
    let mut labels: Vec<String> = Vec::with_capacity(raw.len());
    for label in raw {
        let label = one_line(label);
        if !(1..=LABEL_MAX_CHARS).contains(&visible_chars(&label)) {
            return Err(Rejection::LabelInvalid { label });
        }
        if !labels.contains(&label) {
            labels.push(label);
        }
    }
    Ok(labels)
}

/// Up to 50 skills of 1 to 50 characters; one that repeats is kept once.
pub fn skills(raw: Vec<String>) -> Result<Vec<String>, Rejection> {
    if raw.len() > SKILLS_MAX {
        return Err(Rejection::SkillInvalid);
    }
    let mut skills: Vec<String> = Vec::with_capacity(raw.len());
    for skill in raw {
        let skill = one_line(skill);
        if !(1..=LABEL_MAX_CHARS).contains(&visible_chars(&skill)) {
            return Err(Rejection::SkillInvalid);
        }
        if !skills.contains(&skill) {
            skills.push(skill);
        }
    }
    Ok(skills)
}

/// A moment between 1970 and 9999, in milliseconds since the Unix epoch.
pub fn date(field: &'static str, value: i64) -> Result<i64, Rejection> {
    if (0..=DATE_MAX_MS).contains(&value) { Ok(value) } else { Err(Rejection::DateInvalid { field, value }) }
}

/// The capacity of a member; 10 if none was given.
pub fn capacity(raw: Option<i32>) -> Result<i32, Rejection> {
    let capacity = raw.unwrap_or(CAPACITY_DEFAULT);
    if (0..=CAPACITY_MAX).contains(&capacity) { Ok(capacity) } else { Err(Rejection::CapacityInvalid { capacity }) }
}

/// A role's name.
pub fn role(raw: &str) -> Result<Role, Rejection> {
    Role::parse(raw).ok_or_else(|| Rejection::RoleInvalid { role: raw.to_owned() })
}

/// A project's key: `^[A-Z][A-Z0-9]{1,9}$`.
pub fn is_project_key(key: &str) -> bool {
    let bytes = key.as_bytes();
    (2..=10).contains(&bytes.len())
        && bytes.first().is_some_and(u8::is_ascii_uppercase)
        && bytes.iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

/// A handle that somebody chose: letters, digits, dots, hyphens and underscores, kept in lower case.
pub fn handle(raw: &str) -> Result<String, Rejection> {
    let handle = raw.trim().to_lowercase();
    if (1..=HANDLE_MAX_CHARS).contains(&handle.chars().count()) && handle.chars().all(is_handle_char) {
        Ok(handle)
    } else {
        Err(Rejection::HandleInvalid { handle: raw.to_owned() })
    }
}

/// The handle that an e-mail's local part or a login suggests; none if nothing of it can stand in a handle.
pub fn suggested_handle(local_part_or_login: &str) -> Option<String> {
    let handle: String = local_part_or_login
        .to_lowercase()
        .chars()
        .map(|c| if is_handle_char(c) { c } else { '-' })
        .take(HANDLE_MAX_CHARS)
        .collect();
    let handle = handle.trim_matches('-');
    (!handle.is_empty()).then(|| handle.to_owned())
}

/// An e-mail address in lower case. Only its form is checked: whether it reaches anybody, only a mail can tell.
pub fn email(raw: &str) -> Result<String, Rejection> {
    let email = raw.trim().to_lowercase();
    let good = email.len() <= EMAIL_MAX_BYTES
        && !email.chars().any(|c| c.is_whitespace() || c.is_control())
        && email.split_once('@').is_some_and(|(local, domain)| {
            !local.is_empty() && !domain.contains('@') && !domain.is_empty() && !domain.split('.').any(str::is_empty)
        });
    if good { Ok(email) } else { Err(Rejection::EmailInvalid { email: raw.to_owned() }) }
}

/// Source or login of a placeholder, or source or id of an external reference: not empty, of one piece.
pub fn is_reference(part: &str) -> bool {
    (1..=EXTERNAL_MAX_BYTES).contains(&part.len()) && !part.chars().any(char::is_control)
}

/// The address of an external reference; whoever shows it checks its scheme.
pub fn is_url(url: Option<&str>) -> bool {
    url.is_none_or(|url| url.len() <= URL_MAX_BYTES && !url.chars().any(char::is_control))
}

/// Whether a character may stand in a handle.
pub(crate) fn is_handle_char(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '.' | '-' | '_')
}

/// Text of one line; allocates only if something must change.
pub(crate) fn one_line(raw: String) -> String {
    let bytes = raw.as_bytes();
    let plain = bytes.iter().all(|b| (0x20..0x7f).contains(b));
    if plain && bytes.first() != Some(&b' ') && bytes.last() != Some(&b' ') {
        return raw;
    }
    let line = if raw.chars().any(char::is_control) { raw.replace(char::is_control, " ") } else { raw };
    let trimmed = line.trim();
    if trimmed.len() == line.len() { line } else { trimmed.to_owned() }
}

fn long_text(raw: String) -> String {
    if raw.as_bytes().contains(&0) { raw.replace('\0', "\u{fffd}") } else { raw }
}

/// Number of characters; 0 if none of them can be seen.
fn visible_chars(line: &str) -> usize {
    if line.is_ascii() {
        return line.len();
    }
    if is_blank(line) { 0 } else { line.chars().count() }
}

fn is_blank(text: &str) -> bool {
    // Zero-width characters and joiners, word joiner, byte order mark: nothing that anybody could read or click.
    let unseen =
        |c: char| c.is_whitespace() || c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}');
    text.chars().all(unseen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_keep_a_title_and_make_it_one_line() {
        for (raw, kept) in [
            ("Crash on start", "Crash on start"),
            ("  two\r\nlines\t", "two  lines"),
            ("naïve – \u{1f600}", "naïve – \u{1f600}"),
            ("a\0b", "a b"),
            ("\u{a0}non-breaking\u{a0}", "non-breaking"),
        ] {
            assert_eq!(title(raw.to_owned()).as_deref(), Ok(kept));
        }
    }

    #[test]
    fn should_count_characters_not_bytes() {
        assert!(title("é".repeat(200)).is_ok());
        assert_eq!(title("é".repeat(201)), Err(Rejection::TitleTooLong { chars: 201 }));
        assert!(title("x".repeat(200) + "   ").is_ok());
        assert_eq!(title("x".repeat(201)), Err(Rejection::TitleTooLong { chars: 201 }));
    }

    #[test]
    fn should_refuse_a_title_with_nothing_to_see() {
        for raw in ["", "   ", "\n\t", "\u{200b}\u{feff}", "\u{3000}"] {
            assert_eq!(title(raw.to_owned()), Err(Rejection::TitleEmpty), "{raw:?}");
        }
    }

    #[test]
    fn should_replace_nul_in_long_texts_and_measure_afterwards() {
        assert_eq!(description("a\0b\r\n\tc".to_owned()).as_deref(), Ok("a\u{fffd}b\r\n\tc"));
        assert!(description("x".repeat(DESCRIPTION_MAX_BYTES)).is_ok());
        assert!(description("x".repeat(DESCRIPTION_MAX_BYTES - 1) + "\0").is_err());
        assert_eq!(content("x".repeat(CONTENT_MAX_BYTES + 1)), Err(Rejection::ContentTooLong { bytes: 32_769 }));
    }

    #[test]
    fn should_keep_a_label_once() {
        let raw = ["bug", " bug ", "Bug"].map(str::to_owned).to_vec();
        assert_eq!(labels(raw), Ok(vec!["bug".to_owned(), "Bug".to_owned()]));
    }

    #[test]
    fn should_know_a_project_key() {
        for key in ["AB", "SYNC", "A1", "ABCDEFGHIJ"] {
            assert!(is_project_key(key), "{key}");
        }
        for key in ["", "A", "1A", "ab", "ABCDEFGHIJK", "A-B", "ÄB", "A B"] {
            assert!(!is_project_key(key), "{key}");
        }
    }

    #[test]
    fn should_know_an_e_mail() {
        assert_eq!(email(" Ana.Ruiz@Example.ORG ").as_deref(), Ok("ana.ruiz@example.org"));
        assert!(email("me@localhost").is_ok());
        for raw in ["", "@", "a@", "@b", "a b@c.d", "a@b@c.d", "a@.d", "a@b.", "no at", "a\nb@c"] {
            assert!(email(raw).is_err(), "{raw:?}");
        }
        assert!(email(&format!("{}@b.c", "a".repeat(255))).is_err());
    }

    #[test]
    fn should_suggest_a_handle() {
        assert_eq!(suggested_handle("Ana.Ruiz+work").as_deref(), Some("ana.ruiz-work"));
        assert_eq!(suggested_handle("dependabot[bot]").as_deref(), Some("dependabot-bot"));
        assert_eq!(suggested_handle("+++"), None);
    }
}
