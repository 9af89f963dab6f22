//! People of other systems, and the users that stand for them here.

use serde_json::{Value, json};

/// What a user is known by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Account {
    /// An e-mail address.
    Email(String),
    /// A login elsewhere: a placeholder, which a real account can take over later.
    Login { source: String, login: String },
}

/// Somebody that a ticket names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Person {
    pub(super) account: Account,
    /// What people are shown.
    pub(super) name: String,
}

impl Person {
    /// A placeholder. What cannot stand in a login becomes a hyphen, so that a full name does for one.
    pub(super) fn placeholder(source: &str, login: &str, name: &str) -> Self {
        let login = login.trim().replace(|c: char| c.is_whitespace() || c.is_control(), "-");
        Self { account: Account::Login { source: source.into(), login }, name: name.trim().to_owned() }
    }

    /// The key by which commands name them. Logins and addresses are compared without case.
    pub(super) fn key(&self) -> String {
        match &self.account {
            Account::Email(email) => email.to_lowercase(),
            Account::Login { source, login } => format!("{source}:{login}").to_lowercase(),
        }
    }

    /// The command that registers them, without an id.
    pub(super) fn registration(&self) -> Value {
        match &self.account {
            Account::Email(email) => json!({"type": "RegisterUser", "email": email, "name": self.name}),
            Account::Login { source, login } => {
                json!({"type": "RegisterUser", "source": source, "login": login, "name": self.name})
            }
        }
    }
}

impl Account {
    /// From an address or `source:login`; none if it is neither.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return None;
        }
        match text.split_once(':') {
            Some((source, login)) if !source.is_empty() && !login.is_empty() && !source.contains('@') => {
                Some(Self::Login { source: source.into(), login: login.into() })
            }
            Some(_) => None,
            None => Self::email(text),
        }
    }

    /// An e-mail address, if this looks like one; whether it is, is the server's to judge.
    pub(super) fn email(text: &str) -> Option<Self> {
        let text = text.trim();
        let (local, domain) = text.split_once('@')?;
        let plain = !text.contains([':', '<', '>', ',', ';']);
        let whole = !text.chars().any(|c| c.is_whitespace() || c.is_control());
        (plain && whole && !local.is_empty() && !domain.is_empty() && !domain.contains('@'))
            .then(|| Self::Email(text.to_lowercase()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("Ana@Example.org", Some("ana@example.org"))]
    #[case("jira:5B10", Some("jira:5b10"))]
    #[case("jira:557058:f58131cb", Some("jira:557058:f58131cb"))]
    #[case("Ana Ruiz", None)]
    #[case("ana", None)]
    #[case("@example.org", None)]
    #[case("ana@x@y", None)]
    #[case("jira:", None)]
    #[case(":ana", None)]
    #[case("", None)]
    fn should_know_what_a_user_can_be_known_by(#[case] text: &str, #[case] key: Option<&str>) {
        let account = Account::parse(text);
        assert_eq!(account.map(|account| Person { account, name: String::new() }.key()).as_deref(), key);
    }

    #[test]
    fn should_make_a_login_of_a_full_name() {
        let person = Person::placeholder("csv", " Ana  Ruíz\n", "Ana  Ruíz");
        assert_eq!(person.key(), "csv:ana--ruíz");
        let expected = json!({"type": "RegisterUser", "source": "csv", "login": "Ana--Ruíz", "name": "Ana  Ruíz"});
        assert_eq!(person.registration(), expected);
    }
}
