//! One result line of the bulk endpoint, and what it means for an import.

use serde::Deserialize;

/// A result line: which line of the request, and what became of it.
#[derive(Debug, Clone, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer {
    /// The line of the request, from 1.
    pub(super) line: usize,
    pub(super) status: String,
    pub(super) code: Option<String>,
    pub(super) detail: Option<String>,
    #[serde(default)]
    pub(super) duplicate: bool,
    pub(super) result: Option<AnswerResult>,
}

/// What an accepted command made.
#[derive(Debug, Clone, Deserialize, PartialEq, Eq)]
pub(super) struct AnswerResult {
    /// The ticket's code.
    pub(super) code: Option<String>,
}

/// A ticket that the server has under the reference that was asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KnownTicket {
    pub(super) code: String,
    /// Whether the server compared references, and may have forgotten what else it was asked then.
    pub(super) is_old: bool,
}

/// What an answer means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Carried out just now.
    Applied,
    /// Carried out before.
    Unchanged,
    /// Not carried out; `remembered` if the server decided this in an earlier run.
    Rejected { code: String, detail: String, remembered: bool },
    /// No decision yet: to be asked again.
    Unknown,
}

/// Rejections that depend on the command alone: asking again cannot change them.
const CONTENT_CODES: &[&str] = &[
    "title_empty",
    "title_too_long",
    "description_too_long",
    "content_empty",
    "content_too_long",
    "priority_invalid",
    "too_many_labels",
    "label_invalid",
    "key_invalid",
    "email_invalid",
    "name_empty",
    "name_too_long",
    "role_invalid",
    "capacity_invalid",
    "skill_invalid",
    "handle_invalid",
    "date_invalid",
    "login_invalid",
    "external_reference_invalid",
];

impl Answer {
    /// The ticket that the command made, now or earlier.
    pub(super) fn ticket(&self) -> Option<KnownTicket> {
        if self.status == "accepted" {
            let code = self.result.as_ref()?.code.clone()?;
            return Some(KnownTicket { code, is_old: false });
        }
        // `unchanged: jira WEB-3 was imported before, as OPS-12`
        let detail = self.detail.as_deref().filter(|_| self.code.as_deref() == Some("already_imported"))?;
        let (_, code) = detail.rsplit_once(", as ")?;
        let plain = !code.is_empty() && code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        plain.then(|| KnownTicket { code: code.to_owned(), is_old: true })
    }

    pub(super) fn verdict(self) -> Verdict {
        match self.status.as_str() {
            "accepted" if self.duplicate => Verdict::Unchanged,
            "accepted" => Verdict::Applied,
            "timeout" => Verdict::Unknown,
            // What the server holds under this external reference is what the line says: nothing was to be done.
            "rejected" if self.is_known_and_equal() => Verdict::Unchanged,
            status => {
                let code = self.code.unwrap_or_else(|| status.to_owned());
                Verdict::Rejected { code, detail: self.detail.unwrap_or_default(), remembered: self.duplicate }
            }
        }
    }

    /// The detail of `already_imported` begins with what the server found when it compared the content.
    fn is_known_and_equal(&self) -> bool {
        let differs = self.detail.as_deref().is_some_and(|detail| detail.starts_with("differs"));
        self.code.as_deref() == Some("already_imported") && !differs
    }
}

/// Whether a remembered rejection with this code is worth another question: the state it was about may have changed.
pub(super) fn may_have_changed(code: &str) -> bool {
    code != "already_imported" && !CONTENT_CODES.contains(&code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn rejected(code: &str, remembered: bool) -> Verdict {
        Verdict::Rejected { code: code.into(), detail: "why".into(), remembered }
    }

    #[rstest]
    #[case(r#"{"line":1,"status":"accepted","result":{"number":4}}"#, Verdict::Applied)]
    #[case(r#"{"line":1,"status":"accepted","duplicate":true}"#, Verdict::Unchanged)]
    #[case(r#"{"line":1,"status":"timeout","detail":"why"}"#, Verdict::Unknown)]
    #[case(
        r#"{"line":1,"status":"rejected","code":"title_too_long","detail":"why"}"#,
        rejected("title_too_long", false)
    )]
    #[case(
        r#"{"line":1,"status":"rejected","code":"not_a_member","detail":"why","duplicate":true}"#,
        rejected("not_a_member", true)
    )]
    #[case(
        r#"{"line":1,"status":"rejected","code":"already_imported","detail":"unchanged: as WEB-1"}"#,
        Verdict::Unchanged
    )]
    #[case(r#"{"line":1,"status":"failed","detail":"why"}"#, rejected("failed", false))]
    #[case(r#"{"line":1,"status":"invalid","detail":"why","code":null}"#, rejected("invalid", false))]
    fn should_tell_what_an_answer_means(#[case] line: &str, #[case] expected: Verdict) {
        assert_eq!(serde_json::from_str::<Answer>(line).unwrap().verdict(), expected);
    }

    #[rstest]
    #[case(r#"{"line":1,"status":"accepted","result":{"code":"WEB-4"}}"#, Some(("WEB-4", false)))]
    #[case(r#"{"line":1,"status":"accepted","duplicate":true,"result":{"code":"WEB-4"}}"#, Some(("WEB-4", false)))]
    #[case(r#"{"line":1,"status":"accepted","result":{}}"#, None)]
    #[case(
        r#"{"line":1,"status":"rejected","code":"already_imported","detail":"differs: jira A, as B was imported before, as WEB-1"}"#,
        Some(("WEB-1", true))
    )]
    #[case(r#"{"line":1,"status":"rejected","code":"title_empty","detail":"no title, as WEB-1"}"#, None)]
    fn should_know_which_ticket_it_is_about(#[case] line: &str, #[case] expected: Option<(&str, bool)>) {
        let ticket = serde_json::from_str::<Answer>(line).unwrap().ticket();
        assert_eq!(ticket.as_ref().map(|ticket| (ticket.code.as_str(), ticket.is_old)), expected);
    }

    #[test]
    fn should_report_an_import_that_differs_from_what_is_there() {
        let line = r#"{"line":1,"status":"rejected","code":"already_imported","detail":"differs: as WEB-1"}"#;
        let verdict = serde_json::from_str::<Answer>(line).unwrap().verdict();
        assert!(matches!(verdict, Verdict::Rejected { code, .. } if code == "already_imported"));
    }

    #[test]
    fn should_ask_again_only_where_the_state_may_have_changed() {
        assert!(may_have_changed("not_a_member"));
        assert!(may_have_changed("transition_illegal"));
        assert!(may_have_changed("status_unknown"), "the project may have another workflow by now");
        assert!(!may_have_changed("title_too_long"));
        assert!(!may_have_changed("already_imported"));
    }
}
