//! Ids of commands, derived from what the command says, so that sending it again is the same command.

use uuid::Uuid;

/// The name space of every id an import derives.
const NAMESPACE: Uuid = Uuid::from_bytes(*b"syncroboard:impt");

/// Every line that an import sends begins with this, and 36 characters of id and a quote follow.
const OPENING: &[u8] = b"{\"commandId\":\"";

/// The id of a command with this content; `ordinal` counts the identical ones before it in the same input.
pub(super) fn of_content(content: &[u8], ordinal: u32) -> Uuid {
    let id = Uuid::new_v5(&NAMESPACE, content);
    if ordinal == 0 { id } else { Uuid::new_v5(&id, format!("copy {ordinal}").as_bytes()) }
}

/// The id under which a command is asked again after its remembered rejection: a chain that is the same in every run.
pub(super) fn again(id: Uuid) -> Uuid {
    Uuid::new_v5(&id, b"again")
}

/// Writes the id into a line that begins with the field `commandId`; false if it does not.
#[must_use]
pub(super) fn stamp(line: &mut [u8], id: Uuid) -> bool {
    let end = OPENING.len() + uuid::fmt::Hyphenated::LENGTH;
    match line.get_mut(..end) {
        Some(head) if head.starts_with(OPENING) => {
            id.hyphenated().encode_lower(&mut head[OPENING.len()..]);
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_derive_the_same_id_in_every_run() {
        assert_eq!(of_content(b"a", 0).to_string(), of_content(b"a", 0).to_string());
        assert_ne!(of_content(b"a", 0), of_content(b"a", 1));
        assert_ne!(of_content(b"a", 0), of_content(b"b", 0));
        // Written out: a change here would import everything twice for those who import again.
        assert_eq!(of_content(b"a", 0).to_string(), "0ee43a23-5fbd-5025-80f0-92b3fd59528f");
    }

    #[test]
    fn should_stamp_only_lines_that_have_room_for_an_id() {
        let mut line = format!("{{\"commandId\":\"{}\",\"x\":1}}", Uuid::nil()).into_bytes();
        let id = of_content(b"a", 0);
        assert!(stamp(&mut line, id));
        assert_eq!(String::from_utf8(line).unwrap(), format!("{{\"commandId\":\"{id}\",\"x\":1}}"));
        assert!(!stamp(&mut b"{\"x\":1}".to_vec(), id));
    }
}
