//! Reads the fields of a JSON object one by one, with errors that name the field and say what was expected.
//!
//! Requests and native commands go through here rather than through derived deserialisation, whose messages name a type
//! of ours but not the client's field. [`Fields::finish`] refuses whatever was not asked for.

use serde_json::{Map, Value};
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, OffsetDateTime};
use uuid::Uuid;

use schemas::ids;

/// The fields of an object that have not been read yet.
#[derive(Debug)]
pub(crate) struct Fields {
    left: Map<String, Value>,
    asked: Vec<&'static str>,
}

/// A field that is missing, unknown or of the wrong shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FieldError {
    pub(crate) code: &'static str,
    pub(crate) field: String,
    pub(crate) detail: String,
}

impl FieldError {
    pub(crate) fn invalid(field: &str, expected: &str) -> Self {
        let detail = format!("`{field}` must be {expected}");
        Self { code: "field_invalid", field: field.to_owned(), detail }
    }

    /// The same, of an object in an array.
    fn within(self, array: &str, at: usize) -> Self {
        let (field, detail) = (format!("{array}[{at}].{}", self.field), format!("in `{array}[{at}]`: {}", self.detail));
        Self { field, detail, ..self }
    }

    pub(crate) fn missing(field: &str) -> Self {
        Self { code: "field_missing", field: field.to_owned(), detail: format!("`{field}` is required") }
    }
}

type Result<T> = std::result::Result<T, FieldError>;

impl Fields {
    pub(crate) fn new(object: Map<String, Value>) -> Self {
        Self { left: object, asked: Vec::with_capacity(16) }
    }

    /// Takes a field out; `null` counts as absent.
    fn take(&mut self, name: &'static str) -> Option<Value> {
        self.asked.push(name);
        self.left.remove(name).filter(|value| !value.is_null())
    }

    /// Takes the first of these that is there, as it is.
    pub(crate) fn take_any<const N: usize>(&mut self, names: [&'static str; N]) -> Option<Value> {
        names.into_iter().find_map(|name| self.take(name))
    }

    /// Whether the field is there and `null`: the way to empty something in a PATCH.
    pub(crate) fn is_null(&self, name: &str) -> bool {
        self.left.get(name).is_some_and(Value::is_null)
    }

    pub(crate) fn opt_string(&mut self, name: &'static str) -> Result<Option<String>> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(FieldError::invalid(name, "a string")),
        }
    }

    pub(crate) fn string(&mut self, name: &'static str) -> Result<String> {
        self.opt_string(name)?.ok_or_else(|| FieldError::missing(name))
    }

    /// A text that is empty if it is not there.
    pub(crate) fn text(&mut self, name: &'static str) -> Result<String> {
        Ok(self.opt_string(name)?.unwrap_or_default())
    }

    pub(crate) fn opt_bool(&mut self, name: &'static str) -> Result<Option<bool>> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(value)),
            Some(_) => Err(FieldError::invalid(name, "true or false")),
        }
    }

    pub(crate) fn opt_i64(&mut self, name: &'static str) -> Result<Option<i64>> {
        let Some(value) = self.take(name) else { return Ok(None) };
        whole(&value).map(Some).ok_or_else(|| FieldError::invalid(name, "a whole number"))
    }

    pub(crate) fn opt_i32(&mut self, name: &'static str) -> Result<Option<i32>> {
        let Some(value) = self.opt_i64(name)? else { return Ok(None) };
        i32::try_from(value).map(Some).map_err(|_| FieldError::invalid(name, "a whole number below 2147483648"))
    }

    pub(crate) fn opt_strings(&mut self, name: &'static str) -> Result<Option<Vec<String>>> {
        let expected = || FieldError::invalid(name, "an array of strings");
        let Some(value) = self.take(name) else { return Ok(None) };
        let Value::Array(items) = value else { return Err(expected()) };
        let strings = items.into_iter().map(|item| match item {
            Value::String(text) => Ok(text),
            _ => Err(expected()),
        });
        strings.collect::<Result<_>>().map(Some)
    }

    /// A list that is empty if it is not there.
    pub(crate) fn strings(&mut self, name: &'static str) -> Result<Vec<String>> {
        Ok(self.opt_strings(name)?.unwrap_or_default())
    }

    /// An array of objects, each read by `read`.
    pub(crate) fn opt_objects<T>(
        &mut self,
        name: &'static str,
        read: impl Fn(&mut Self) -> Result<T>,
    ) -> Result<Option<Vec<T>>> {
        let expected = || FieldError::invalid(name, "an array of objects");
        let Some(value) = self.take(name) else { return Ok(None) };
        let Value::Array(items) = value else { return Err(expected()) };
        let each = items.into_iter().enumerate().map(|(at, item)| {
            let Value::Object(object) = item else { return Err(expected()) };
            let mut fields = Self::new(object);
            read(&mut fields).and_then(|read| fields.finish().map(|()| read)).map_err(|error| error.within(name, at))
        });
        each.collect::<Result<_>>().map(Some)
    }

    pub(crate) fn opt_uuid(&mut self, name: &'static str) -> Result<Option<Uuid>> {
        let Some(text) = self.opt_string(name)? else { return Ok(None) };
        Uuid::try_parse(&text).map(Some).map_err(|_| FieldError::invalid(name, "a UUID"))
    }

    /// A string under exactly one of several names, and the name that it has.
    pub(crate) fn one_string_of<const N: usize>(
        &mut self,
        names: [&'static str; N],
    ) -> Result<Option<(&'static str, String)>> {
        let mut found: Option<(&'static str, String)> = None;
        for name in names {
            let Some(text) = self.opt_string(name)? else { continue };
            if let Some((first, _)) = &found {
                let detail = format!("give `{first}` or `{name}`, not both");
                return Err(FieldError { code: "field_invalid", field: name.to_owned(), detail });
            }
            found = Some((name, text));
        }
        Ok(found)
    }

    /// A person under either of two names: an id, an e-mail or `source:login`.
    pub(crate) fn opt_person(&mut self, name: &'static str, other: &'static str) -> Result<Option<Uuid>> {
        let Some((name, text)) = self.one_string_of([name, other])? else { return Ok(None) };
        person_id(&text).map(Some).ok_or_else(|| FieldError::invalid(name, PERSON))
    }

    /// A moment: RFC 3339, a plain date (its first moment, UTC), or milliseconds since 1970-01-01T00:00Z.
    pub(crate) fn opt_time(&mut self, name: &'static str) -> Result<Option<i64>> {
        let time = match self.take(name) {
            None => return Ok(None),
            Some(number @ Value::Number(_)) => whole(&number),
            Some(Value::String(text)) => parse_time(&text),
            Some(_) => None,
        };
        let expected = "a time such as \"2026-01-31T12:00:00Z\", a date, or milliseconds since 1970";
        // Years 1 to 9999: what can be written back as RFC 3339.
        let in_range = time.filter(|ms| (-62_135_596_800_000..=253_402_300_799_999).contains(ms));
        in_range.map(Some).ok_or_else(|| FieldError::invalid(name, expected))
    }

    pub(crate) fn time(&mut self, name: &'static str) -> Result<i64> {
        self.opt_time(name)?.ok_or_else(|| FieldError::missing(name))
    }

    /// Refuses fields that nobody asked for.
    pub(crate) fn finish(self) -> Result<()> {
        let Some(unknown) = self.left.keys().find(|name| !self.asked.contains(&name.as_str())) else { return Ok(()) };
        let shown: String = unknown.chars().take(60).collect();
        let mut known = self.asked;
        known.sort_unstable();
        known.dedup();
        let detail = format!("`{shown}` is not known here; known are {}", known.join(", "));
        Err(FieldError { code: "field_unknown", field: shown, detail })
    }
}

/// A whole number; JSON does not tell `7.0` from `7`.
fn whole(value: &Value) -> Option<i64> {
    /// Up to here a floating-point number tells whole ones apart.
    const LAST: f64 = 9_007_199_254_740_991.0;
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and in range")]
    let written = |number: f64| (number.fract() == 0.0 && number.abs() <= LAST).then_some(number as i64);
    value.as_i64().or_else(|| value.as_f64().and_then(written))
}

/// What [`person_id`] takes, for messages.
pub(crate) const PERSON: &str = "a user's id, an e-mail address or source:login";

/// The user key of an e-mail or a `source:login`; none for anything else.
pub(crate) fn user_key(text: &str) -> Option<String> {
    let text = text.trim();
    if text.is_empty() || text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return None;
    }
    if let Some((source, login)) = text.split_once(':') {
        return (!source.is_empty() && !login.is_empty()).then(|| ids::placeholder_key(source, login));
    }
    text.contains('@').then(|| text.to_lowercase())
}

/// The id of a person given as an id, an e-mail or `source:login`.
pub(crate) fn person_id(text: &str) -> Option<Uuid> {
    Uuid::try_parse(text.trim()).ok().or_else(|| user_key(text).map(|key| ids::user_id(&key)))
}

/// RFC 3339, or a plain date.
pub(crate) fn parse_time(text: &str) -> Option<i64> {
    let time = OffsetDateTime::parse(text, &Rfc3339).ok().or_else(|| {
        let date = Date::parse(text, format_description!("[year]-[month]-[day]")).ok()?;
        Some(date.midnight().assume_utc())
    })?;
    i64::try_from(time.unix_timestamp_nanos().div_euclid(1_000_000)).ok()
}

/// A moment as RFC 3339 with milliseconds, UTC.
pub(crate) fn format_time(ms: i64) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000).ok();
    time.and_then(|time| time.format(format).ok()).unwrap_or_else(|| ms.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fields(value: &Value) -> Fields {
        Fields::new(value.as_object().unwrap().clone())
    }

    #[test]
    fn should_say_which_field_is_wrong_and_what_was_expected() {
        let mut read = fields(&json!({"a": 1, "b": "x", "c": ["y", 2], "d": 3.5, "e": 5_000_000_000_i64, "f": "no"}));
        assert_eq!(read.string("a").unwrap_err().detail, "`a` must be a string");
        assert_eq!(read.opt_bool("b").unwrap_err().detail, "`b` must be true or false");
        assert_eq!(read.strings("c").unwrap_err().detail, "`c` must be an array of strings");
        assert_eq!(read.opt_i64("d").unwrap_err().detail, "`d` must be a whole number");
        assert_eq!(read.opt_i32("e").unwrap_err().field, "e");
        assert_eq!(read.opt_uuid("f").unwrap_err().detail, "`f` must be a UUID");
        assert_eq!(read.string("g").unwrap_err().code, "field_missing");
    }

    #[test]
    fn should_refuse_a_field_that_nobody_asked_for_and_list_those_known() {
        let mut read = fields(&json!({"title": "x", "titel": "y"}));
        read.string("title").unwrap();
        read.text("description").unwrap();
        let error = read.finish().unwrap_err();
        assert_eq!((error.code, error.field.as_str()), ("field_unknown", "titel"));
        assert!(error.detail.ends_with("known are description, title"), "{}", error.detail);
    }

    #[test]
    fn should_read_times_in_each_form_and_write_them_back() {
        for (given, ms) in [
            (json!("2026-01-31T12:00:00Z"), 1_769_860_800_000),
            (json!("2026-01-31T13:00:00.123456+01:00"), 1_769_860_800_123),
            (json!("2026-01-31"), 1_769_817_600_000),
            (json!(1_769_860_800_000_i64), 1_769_860_800_000),
            (json!(1_769_860_800_000.0), 1_769_860_800_000),
            (json!("1969-12-31T23:59:59.9999Z"), -1),
        ] {
            assert_eq!(fields(&json!({ "t": given })).time("t"), Ok(ms), "{given}");
        }
        assert_eq!(format_time(1_769_860_800_123), "2026-01-31T12:00:00.123Z");
        for junk in [json!("soon"), json!(true), json!(i64::MAX), json!("2026-02-30"), json!(1.5)] {
            assert!(fields(&json!({ "t": junk })).time("t").is_err(), "{junk}");
        }
    }

    #[test]
    fn should_map_people_to_their_ids() {
        let id = Uuid::from_u128(5);
        assert_eq!(person_id(&id.to_string()), Some(id));
        assert_eq!(person_id("Ada@Example.org"), Some(ids::user_id("ada@example.org")));
        assert_eq!(person_id("github:OctoCat"), Some(ids::user_id("github:octocat")));
        for junk in ["", "ada", ":x", "x:", "a b@c", "a\tb@c"] {
            assert_eq!(person_id(junk), None, "{junk:?}");
        }
    }

    #[test]
    fn should_say_in_which_object_of_an_array_a_field_is_wrong() {
        let names = |value: Value| fields(&value).opt_objects("states", |state| state.string("name"));
        assert_eq!(
            names(json!({ "states": [{ "name": "A" }, { "name": "B" }] })),
            Ok(Some(vec!["A".into(), "B".into()]))
        );
        assert_eq!(names(json!({})), Ok(None));
        let error = names(json!({ "states": [{ "name": "A" }, { "name": 7 }] })).unwrap_err();
        assert_eq!((error.field.as_str(), error.code), ("states[1].name", "field_invalid"));
        assert_eq!(error.detail, "in `states[1]`: `name` must be a string");
        assert_eq!(names(json!({ "states": [{ "name": "A", "x": 1 }] })).unwrap_err().field, "states[0].x");
        assert_eq!(names(json!({ "states": ["A"] })).unwrap_err().detail, "`states` must be an array of objects");
    }

    #[test]
    fn should_tell_null_from_absent() {
        let read = fields(&json!({"dueDate": null}));
        assert!(read.is_null("dueDate"));
        assert!(!read.is_null("other"));
    }
}
