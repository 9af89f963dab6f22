//! Moments as other systems write them, to RFC 3339. What the server reads anyway is passed on as it is.

use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, PrimitiveDateTime};

use super::ticket::Unusable;

/// A moment as RFC 3339, or a plain date; an error that names the field if it cannot be read.
pub(super) fn moment(field: &str, text: &str) -> Result<String, Unusable> {
    let text = text.trim();
    read(text).ok_or_else(|| Unusable {
        code: "date_invalid",
        detail: format!("{field}: {text:?} is no date: expected 2024-01-31, 2024-01-31 14:05 or 2024-01-31T14:05:00Z"),
    })
}

fn read(text: &str) -> Option<String> {
    let plain = format_description!("[year]-[month]-[day]");
    if Date::parse(text, plain).is_ok() || time::OffsetDateTime::parse(text, &Rfc3339).is_ok() {
        return Some(text.to_owned());
    }
    // Jira's REST API leaves the colon out of the offset: 2024-01-31T14:05:00.000+0100.
    if let Some((rest, minutes)) = text.len().checked_sub(2).and_then(|at| text.split_at_checked(at)) {
        let whole = format!("{rest}:{minutes}");
        if time::OffsetDateTime::parse(&whole, &Rfc3339).is_ok() {
            return Some(whole);
        }
    }
    // Without an offset: taken as UTC. The last two are what Jira exports by default.
    let formats: [&[_]; 5] = [
        format_description!("[year]-[month]-[day] [hour]:[minute]:[second]"),
        format_description!("[year]-[month]-[day] [hour]:[minute]"),
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]"),
        format_description!(
            "[day padding:none]/[month repr:short case_sensitive:false]/[year] [hour repr:12 padding:none]:[minute] [period case_sensitive:false]"
        ),
        format_description!(
            "[day padding:none]/[month repr:short case_sensitive:false]/[year] [hour padding:none]:[minute]"
        ),
    ];
    let text = with_whole_year(text);
    let moment = formats.iter().find_map(|format| PrimitiveDateTime::parse(&text, format).ok())?;
    moment.assume_utc().format(&Rfc3339).ok()
}

/// `31/Jan/24 2:05 PM` -> `31/Jan/2024 2:05 PM`.
fn with_whole_year(text: &str) -> String {
    let mut parts = text.splitn(3, '/');
    if let (Some(day), Some(month), Some(rest)) = (parts.next(), parts.next(), parts.next())
        && let Some((year, clock)) = rest.split_once(' ')
        && year.len() == 2
    {
        return format!("{day}/{month}/20{year} {clock}");
    }
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("2024-01-31", "2024-01-31")]
    #[case("2024-01-31T14:05:00Z", "2024-01-31T14:05:00Z")]
    #[case("2024-01-31T14:05:00.123+01:00", "2024-01-31T14:05:00.123+01:00")]
    #[case("2024-01-31T14:05:00.000+0100", "2024-01-31T14:05:00.000+01:00")]
    #[case("2024-01-31T14:05:00.000-0030", "2024-01-31T14:05:00.000-00:30")]
    #[case(" 2024-01-31 14:05:09 ", "2024-01-31T14:05:09Z")]
    #[case("2024-01-31 14:05", "2024-01-31T14:05:00Z")]
    #[case("2024-01-31T14:05:09", "2024-01-31T14:05:09Z")]
    #[case("31/Jan/24 2:05 PM", "2024-01-31T14:05:00Z")]
    #[case("1/feb/2024 12:05 am", "2024-02-01T00:05:00Z")]
    #[case("31/Jan/24 14:05", "2024-01-31T14:05:00Z")]
    fn should_read_what_other_systems_write(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(moment("created", text).unwrap(), expected);
    }

    #[rstest]
    #[case("")]
    #[case("yesterday")]
    #[case("2024-02-30")]
    #[case("31/01/2024")]
    #[case("é")]
    #[case("1é")]
    fn should_name_the_field_of_what_is_no_date(#[case] text: &str) {
        let why = moment("created", text).unwrap_err();
        assert_eq!(why.code, "date_invalid");
        assert!(why.detail.starts_with("created: "), "{}", why.detail);
    }
}
