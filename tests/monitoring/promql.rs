//! Finds in a query of Prometheus what it names: metrics, and labels.

use std::collections::BTreeSet;
use std::iter::Peekable;
use std::vec::IntoIter;

/// Something that a query names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// A metric, and the labels that its matchers are about.
    Metric { name: String, matched: BTreeSet<String> },
    /// Labels that a result keeps or is joined by.
    Labels(BTreeSet<String>),
}

impl Use {
    pub(crate) fn metric(&self) -> Option<&str> {
        match self {
            Self::Metric { name, .. } => Some(name),
            Self::Labels(_) => None,
        }
    }

    pub(crate) fn into_kept(self) -> Option<BTreeSet<String>> {
        match self {
            Self::Metric { .. } => None,
            Self::Labels(labels) => Some(labels),
        }
    }
}

/// All that a query names, in order.
pub(crate) fn uses(query: &str) -> Vec<Use> {
    let mut tokens = tokens(query).into_iter().peekable();
    let mut found = Vec::new();
    while let Some(token) = tokens.next() {
        let Token::Name(name) = token else { continue };
        match tokens.peek() {
            _ if LABELLED.contains(&name.as_str()) => {
                found.push(Use::Labels(names_until(&mut tokens, ')')));
            }
            // A function, or an aggregation with its labels first.
            Some(Token::Sign('(')) => {}
            Some(Token::Name(next)) if LABELLED.contains(&next.as_str()) => {}
            _ if OPERATORS.contains(&name.as_str()) => {}
            Some(Token::Sign('{')) => found.push(Use::Metric { name, matched: names_until(&mut tokens, '}') }),
            _ => found.push(Use::Metric { name, matched: BTreeSet::new() }),
        }
    }
    found
}

const LABELLED: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];
const OPERATORS: [&str; 7] = ["and", "or", "unless", "bool", "offset", "inf", "nan"];

enum Token {
    Name(String),
    Sign(char),
}

fn names_until(tokens: &mut Peekable<IntoIter<Token>>, end: char) -> BTreeSet<String> {
    let inside = tokens.take_while(|token| !matches!(token, Token::Sign(sign) if *sign == end));
    inside.filter_map(|token| if let Token::Name(name) = token { Some(name) } else { None }).collect()
}

/// Names and signs; without strings, numbers and durations.
fn tokens(query: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = query.chars().peekable();
    let in_name = |c: &char| c.is_ascii_alphanumeric() || *c == '_' || *c == ':';
    while let Some(first) = rest.next() {
        match first {
            '"' => while rest.next().is_some_and(|c| c != '"') {},
            '[' => while rest.next().is_some_and(|c| c != ']') {},
            c if c.is_ascii_digit() => while rest.next_if(|c| in_name(c) || *c == '.').is_some() {},
            c if in_name(&c) => {
                let mut name = c.to_string();
                while let Some(next) = rest.next_if(in_name) {
                    name.push(next);
                }
                tokens.push(Token::Name(name));
            }
            c if c.is_whitespace() => {}
            c => tokens.push(Token::Sign(c)),
        }
    }
    tokens
}

#[test]
fn should_find_what_a_query_names() {
    let set = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<BTreeSet<_>>();
    let metric = |name: &str, matched: &[&str]| Use::Metric { name: name.to_owned(), matched: set(matched) };
    let labels = |names: &[&str]| Use::Labels(set(names));
    let query =
        r#"sum by (a, b) (rate(m_total{c="by (x)", d=~"5.."}[5m])) / on (a) group_left (e) n > 0.05 or max(o) - 1e3"#;
    let expected = [
        labels(&["a", "b"]),
        metric("m_total", &["c", "d"]),
        labels(&["a"]),
        labels(&["e"]),
        metric("n", &[]),
        metric("o", &[]),
    ];
    assert_eq!(uses(query), expected);
    assert_eq!(uses("sum(r:s:sum) by (t) and deriv(r:s:sum[1m:5s]) > 0").len(), 3);
}
