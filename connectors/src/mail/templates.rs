//! The templates of the mails: built in, and replaced by files of the operator's own.
//!
//! | file | what |
//! |---|---|
//! | `{en,es}/{welcome,notice,digest}.subject.txt` | the subject; whatever lines it has become one |
//! | `{en,es}/{welcome,notice,digest}.txt` | the plain text |
//! | `{en,es}/{welcome,notice,digest}.html` | the HTML; values are escaped |
//! | `{en,es}/phrases.txt` | macros: `did(notice)` and `why(notice)` |
//! | `layout.html`, `parts.html` | what the HTML mails share |
//!
//! The language is Jinja's. A name that is not defined is an error. Every template sees `name`, `locale`, `base_url` and
//! `unsubscribe` (empty if there is no link), and all but the subject see `subject`. A digest has `count` and `notices`, a
//! notice has `notice`: `kind`, `reason`, `number`, `code`, `title`, `actor`, `assignee`, `to_recipient`, `status`, `comment`
//! (Markdown), `comment_html` (made safe), `at` and `url`, with what does not apply empty.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::path::{Path, PathBuf};

use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, Output, State, UndefinedBehavior, Value, context, escape_formatter};

use super::values::{self, Links, one_line};
use super::{Content, Letter, samples};

macro_rules! built_in {
    ($($name:literal),+ $(,)?) => { [$(($name, include_str!(concat!("templates/", $name)))),+] };
}

const BUILT_IN: [(&str, &str); 22] = built_in![
    "layout.html",
    "parts.html",
    "en/phrases.txt",
    "en/welcome.subject.txt",
    "en/welcome.txt",
    "en/welcome.html",
    "en/notice.subject.txt",
    "en/notice.txt",
    "en/notice.html",
    "en/digest.subject.txt",
    "en/digest.txt",
    "en/digest.html",
    "es/phrases.txt",
    "es/welcome.subject.txt",
    "es/welcome.txt",
    "es/welcome.html",
    "es/notice.subject.txt",
    "es/notice.txt",
    "es/notice.html",
    "es/digest.subject.txt",
    "es/digest.txt",
    "es/digest.html",
];

/// Characters of a subject; what is longer ends in an ellipsis.
const SUBJECT_CHARS: usize = 200;

/// The templates, all of which have been tried.
#[derive(Debug, Clone)]
pub struct Templates {
    environment: Environment<'static>,
    /// The files that replace what is built in, by the names of what they replace.
    replaced: BTreeMap<&'static str, PathBuf>,
}

/// What a mail says, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// One line.
    pub subject: String,
    /// Plain text, with `\n` between lines.
    pub text: String,
    /// HTML, with `\n` between lines.
    pub html: String,
}

/// A template cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// A file or directory cannot be read, or is not UTF-8.
    #[error("mail template {}: {source}", file.display())]
    Unreadable {
        /// Which.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// There is no such template to be replaced.
    #[error("mail template {}: there is no such template; there are {known}", file.display())]
    Unknown {
        /// The file.
        file: PathBuf,
        /// The names that there are, with commas between.
        known: String,
    },
    /// It cannot be parsed, or cannot be filled in with values that it will meet.
    #[error("mail template {}:{line}: {message}", file.display())]
    Broken {
        /// The file, or the name of the one that is built in.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
}

impl Templates {
    /// The built-in templates, those that have a file of the same relative path in `dir` replaced by it. Hidden files do not
    /// count. Each is filled in with samples of everything that can happen, so that a mistake comes to light now.
    ///
    /// # Errors
    /// [`TemplateError`].
    pub fn load(dir: Option<&Path>) -> Result<Self, TemplateError> {
        let mut files = BTreeMap::new();
        if let Some(dir) = dir {
            gather(dir, "", &mut files)?;
        }
        let mut templates = Self { environment: environment(), replaced: files };
        for (name, source) in BUILT_IN {
            let added = match templates.replaced.get(name) {
                Some(file) => templates.environment.add_template_owned(name, read(file)?),
                None => templates.environment.add_template(name, source),
            };
            added.map_err(|error| templates.broken(name, &error))?;
        }
        templates.try_all()?;
        Ok(templates)
    }

    fn try_all(&self) -> Result<(), TemplateError> {
        let base_url = "https://sample.example".to_owned();
        let without = Links { base_url, unsubscribe: None };
        let with = Links { unsubscribe: Some("https://sample.example/unsubscribe".to_owned()), ..without.clone() };
        for letter in samples::letters() {
            self.render(&letter, &without)?;
            let rendered = self.render(&letter, &with)?;
            if rendered.subject.is_empty() {
                let name = format!("{}/{}.subject.txt", locale_of(&letter), name_of(&letter));
                let message = "the subject is empty".to_owned();
                return Err(TemplateError::Broken { file: self.file(&name), line: 1, message });
            }
        }
        Ok(())
    }

    /// Puts a letter into words.
    ///
    /// # Errors
    /// [`TemplateError::Broken`], for a template that fails only with these values.
    pub fn render(&self, letter: &Letter, links: &Links) -> Result<Rendered, TemplateError> {
        let (locale, name) = (locale_of(letter), name_of(letter));
        let values = values::of(letter, locale, links);
        let subject = shortened(&one_line(&self.fill(&format!("{locale}/{name}.subject.txt"), values.clone())?));
        let values = context! { subject => subject.as_str(), ..values };
        let text = lines(&self.fill(&format!("{locale}/{name}.txt"), values.clone())?);
        let html = lines(&self.fill(&format!("{locale}/{name}.html"), values)?);
        Ok(Rendered { subject, text, html })
    }

    fn fill(&self, name: &str, values: Value) -> Result<String, TemplateError> {
        let filled = self.environment.get_template(name).and_then(|template| template.render(values));
        filled.map_err(|error| self.broken(name, &error))
    }

    /// The mistake itself stands in the innermost error; those around it are the includes that led to it.
    fn broken(&self, name: &str, error: &minijinja::Error) -> TemplateError {
        let mut innermost = error;
        while let Some(cause) = innermost.source().and_then(|cause| cause.downcast_ref::<minijinja::Error>()) {
            innermost = cause;
        }
        let file = self.file(innermost.name().unwrap_or(name));
        let line = innermost.line().unwrap_or(1);
        let message = match innermost.detail() {
            Some(detail) => format!("{}: {detail}", innermost.kind()),
            None => innermost.kind().to_string(),
        };
        TemplateError::Broken { file, line, message }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.replaced.get(name).map_or_else(|| name.into(), Clone::clone)
    }
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    // It refuses delimiters that cannot be told apart, and these are the usual ones.
    if let Ok(syntax) = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build() {
        environment.set_syntax(syntax);
    }
    environment.set_auto_escape_callback(|name| {
        let is_html = Path::new(name).extension().is_some_and(|extension| extension == "html");
        if is_html { AutoEscape::Html } else { AutoEscape::None }
    });
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_formatter(escaped);
    environment
}

/// As ever, but that slashes stay as they are in HTML: a link that is written in escapes looks as if it had to be hidden.
fn escaped(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), minijinja::Error> {
    match value.as_str() {
        Some(text) if *state.auto_escape() == AutoEscape::Html && !value.is_safe() => {
            let pieces = text.split('/').map(Value::from);
            for (piece, n) in pieces.zip(0..) {
                if n > 0 {
                    out.write_str("/")?;
                }
                escape_formatter(out, state, &piece)?;
            }
            Ok(())
        }
        _ => escape_formatter(out, state, value),
    }
}

/// Finds the files that replace templates, in `dir` and the directories that templates lie in.
fn gather(dir: &Path, within: &str, files: &mut BTreeMap<&'static str, PathBuf>) -> Result<(), TemplateError> {
    let unreadable = |source| TemplateError::Unreadable { file: dir.to_owned(), source };
    for entry in std::fs::read_dir(dir).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let (file, name) = (entry.path(), entry.file_name());
        let name = format!("{within}{}", name.to_string_lossy());
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let folder = format!("{name}/");
        if file.is_dir() && BUILT_IN.iter().any(|(known, _)| known.starts_with(&folder)) {
            gather(&file, &folder, files)?;
        } else if let Some((known, _)) = BUILT_IN.iter().find(|(known, _)| *known == name) {
            files.insert(known, file);
        } else {
            return Err(TemplateError::Unknown { file, known: BUILT_IN.map(|(known, _)| known).join(", ") });
        }
    }
    Ok(())
}

fn read(file: &Path) -> Result<String, TemplateError> {
    std::fs::read_to_string(file).map_err(|source| TemplateError::Unreadable { file: file.to_owned(), source })
}

fn locale_of(letter: &Letter) -> &'static str {
    let language = letter.locale.split(['-', '_']).next().unwrap_or_default();
    if language.eq_ignore_ascii_case("es") { "es" } else { "en" }
}

fn name_of(letter: &Letter) -> &'static str {
    match letter.content {
        Content::Welcome => "welcome",
        Content::Notice(_) => "notice",
        Content::Digest { .. } => "digest",
    }
}

fn shortened(subject: &str) -> String {
    match subject.char_indices().nth(SUBJECT_CHARS) {
        Some(_) => subject.chars().take(SUBJECT_CHARS - 1).chain(['…']).collect(),
        None => subject.to_owned(),
    }
}

/// With `\n` between lines and at the end, and without any other control characters but tabs.
fn lines(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let clean: String = text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect();
    format!("{}\n", clean.trim())
}
