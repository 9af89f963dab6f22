//! Cursors as text. Opaque to clients: a letter for the list, then the place.

use connectors::read_model::{DeliveryCursor, MailCursor, SearchCursor, TicketCursor};
use uuid::Uuid;

/// Of a list by number; also of a board's column.
pub(crate) fn by_number(number: i64) -> String {
    format!("n{number}")
}

pub(crate) fn parse_by_number(text: &str) -> Option<i64> {
    text.strip_prefix('n')?.parse().ok()
}

/// Of a list by last change.
pub(crate) fn by_update(cursor: TicketCursor) -> String {
    format!("u{}.{}", cursor.updated_at, cursor.number)
}

pub(crate) fn parse_by_update(text: &str) -> Option<TicketCursor> {
    let (updated_at, number) = text.strip_prefix('u')?.split_once('.')?;
    Some(TicketCursor { number: number.parse().ok()?, updated_at: updated_at.parse().ok()? })
}

/// Of what was found in several projects.
pub(crate) fn by_search(cursor: SearchCursor) -> String {
    format!("w{}.{}", cursor.updated_at, cursor.id)
}

pub(crate) fn parse_by_search(text: &str) -> Option<SearchCursor> {
    let (updated_at, id) = text.strip_prefix('w')?.split_once('.')?;
    Some(SearchCursor { updated_at: updated_at.parse().ok()?, id: Uuid::try_parse(id).ok()? })
}

/// Of a list of comments.
pub(crate) fn by_sequence(sequence: i64) -> String {
    format!("s{sequence}")
}

pub(crate) fn parse_by_sequence(text: &str) -> Option<i64> {
    text.strip_prefix('s')?.parse().ok()
}

/// Of a list of mails.
pub(crate) fn by_mail(cursor: MailCursor) -> String {
    format!("m{}.{}", cursor.requested_at, cursor.id)
}

pub(crate) fn parse_by_mail(text: &str) -> Option<MailCursor> {
    let (requested_at, id) = text.strip_prefix('m')?.split_once('.')?;
    Some(MailCursor { requested_at: requested_at.parse().ok()?, id: Uuid::try_parse(id).ok()? })
}

/// Of a list of deliveries to a webhook.
pub(crate) fn by_delivery(cursor: DeliveryCursor) -> String {
    format!("d{}.{}", cursor.first_at, cursor.id)
}

pub(crate) fn parse_by_delivery(text: &str) -> Option<DeliveryCursor> {
    let (first_at, id) = text.strip_prefix('d')?.split_once('.')?;
    Some(DeliveryCursor { first_at: first_at.parse().ok()?, id: Uuid::try_parse(id).ok()? })
}

/// Of a list of projects.
pub(crate) fn by_key(key: &str) -> String {
    format!("k{key}")
}

pub(crate) fn parse_by_key(text: &str) -> Option<String> {
    text.strip_prefix('k').filter(|key| !key.is_empty()).map(str::to_owned)
}

/// Of a list by id.
pub(crate) fn by_id(id: Uuid) -> String {
    format!("i{id}")
}

pub(crate) fn parse_by_id(text: &str) -> Option<Uuid> {
    Uuid::try_parse(text.strip_prefix('i')?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_read_back_each_cursor_and_no_cursor_of_another_list() {
        let update = TicketCursor { number: 7, updated_at: -5 };
        assert_eq!(parse_by_number(&by_number(7)), Some(7));
        assert_eq!(parse_by_update(&by_update(update)), Some(update));
        assert_eq!(parse_by_sequence(&by_sequence(9)), Some(9));
        let found = SearchCursor { updated_at: 12, id: Uuid::from_u128(5) };
        assert_eq!(parse_by_search(&by_search(found)), Some(found));
        assert_eq!(parse_by_search(&by_update(update)), None);
        let mail = MailCursor { requested_at: 12, id: Uuid::from_u128(5) };
        assert_eq!(parse_by_mail(&by_mail(mail)), Some(mail));
        assert_eq!(parse_by_mail("m12"), None);
        let delivery = DeliveryCursor { first_at: 12, id: Uuid::from_u128(5) };
        assert_eq!(parse_by_delivery(&by_delivery(delivery)), Some(delivery));
        assert_eq!(parse_by_delivery(&by_mail(mail)), None);
        assert_eq!(parse_by_key(&by_key("WEB")).as_deref(), Some("WEB"));
        assert_eq!(parse_by_number(&by_sequence(9)), None);
        assert_eq!(parse_by_update("n7"), None);
        assert_eq!(parse_by_sequence("s"), None);
        assert_eq!(parse_by_key("k"), None);
    }
}
