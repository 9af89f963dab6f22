//! The command line of `syncroboard import`.

use std::path::{Path, PathBuf};

use clap::Args;

use super::columns::ColumnMap;
use super::dates;
use super::error::ImportError;
use super::format::Format;

/// What `syncroboard import` takes.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ImportArgs {
    /// What the files hold; recognised from the first record if not given.
    #[arg(long, value_enum)]
    pub(crate) from: Option<Format>,

    /// The project that the tickets go to; made if it is not there. Issues go to a project named for their repository or
    /// Jira project if not given; native commands that name a project of their own keep it; tables need it.
    #[arg(long, value_name = "KEY")]
    pub(crate) project: Option<String>,

    /// Which column of a table gives which field, such as `title=Summary,labels=Tags`; the others are known by their usual
    /// names. May be repeated.
    #[arg(long, value_name = "FIELD=COLUMN,...")]
    pub(crate) map: Vec<String>,

    /// When the tickets of a table were made, where no column says it: a date, or RFC 3339.
    #[arg(long, value_name = "DATE")]
    pub(crate) created: Option<String>,

    /// What states, priorities and people are called here: a YAML file with `states`, `priorities` and `people`.
    #[arg(long, value_name = "FILE")]
    pub(crate) mapping: Option<PathBuf>,

    /// Only tell what would be sent; no server is needed.
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Where the server listens.
    #[arg(long, value_name = "URL", env = "SYNCROBOARD_URL", default_value = "http://127.0.0.1:8080")]
    pub(crate) server: String,

    /// The bearer token; `syncroboard token --admin` makes one.
    #[arg(long, value_name = "T", env = "SYNCROBOARD_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,

    /// Where rejected records go, ready to be corrected and imported again [default: <FILE>.rejects.ndjson, here].
    #[arg(long, value_name = "FILE")]
    pub(crate) rejects: Option<PathBuf>,

    /// Import the sample that ships with SyncroBoard.
    #[arg(long, conflicts_with_all = ["files", "from", "project", "map", "created", "mapping"])]
    pub(crate) sample: bool,

    /// The files, plain or gzip; `-` is standard input.
    #[arg(value_name = "FILE", required_unless_present = "sample")]
    pub(crate) files: Vec<PathBuf>,
}

impl ImportArgs {
    /// Refuses what cannot work before anything is read or sent.
    pub(super) fn check(&self) -> Result<(), ImportError> {
        if let Some(key) = &self.project
            && !is_project_key(key)
        {
            return Err(ImportError::Usage(format!(
                "--project {key}: a project key is 2 to 10 capital letters and digits and begins with a letter, such as WEB"
            )));
        }
        if !self.server.starts_with("http://") {
            return Err(ImportError::Usage(format!(
                "--server {}: expected an address such as http://127.0.0.1:8080 (TLS ends at a proxy)",
                self.server
            )));
        }
        self.check_table()?;
        if self.files.iter().filter(|file| file.as_os_str() == "-").count() > 1 {
            return Err(ImportError::Usage("standard input (-) can be read only once".into()));
        }
        if let Some(rejects) = &self.rejects
            && self.files.iter().any(|file| same_file(file, rejects))
        {
            return Err(ImportError::Usage(format!("--rejects {} is also an input", rejects.display())));
        }
        Ok(())
    }

    fn check_table(&self) -> Result<(), ImportError> {
        ColumnMap::parse(&self.map)?;
        if let Some(created) = &self.created {
            dates::moment("--created", created).map_err(|why| ImportError::Usage(why.detail))?;
        }
        let (of_tables, is_table) = (!self.map.is_empty() || self.created.is_some(), self.from == Some(Format::Csv));
        if of_tables && self.from.is_some() && !is_table {
            return Err(ImportError::Usage("--map and --created are for tables: --from csv".into()));
        }
        if self.project.is_none() && (is_table || of_tables) {
            return Err(ImportError::Usage("a table names no project: give --project KEY".into()));
        }
        Ok(())
    }

    /// What the files are said to hold: only a table has columns.
    pub(super) fn format(&self) -> Option<Format> {
        let of_tables = !self.map.is_empty() || self.created.is_some();
        self.from.or(of_tables.then_some(Format::Csv))
    }

    /// The rejects file: as given, or named for the first input and placed in the current directory.
    pub(super) fn rejects_path(&self) -> PathBuf {
        if let Some(path) = &self.rejects {
            return path.clone();
        }
        let first = if self.sample { Some(Path::new("sample")) } else { self.files.first().map(PathBuf::as_path) };
        default_rejects(first.unwrap_or(Path::new("-")))
    }
}

/// `issues.jsonl.gz` -> `issues.rejects.ndjson`; what is a rejects file already gets the next number, so that no
/// correction in progress is written over.
fn default_rejects(input: &Path) -> PathBuf {
    const MARK: &str = ".rejects";
    let name = input.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let mut stem = if name.is_empty() || name == "-" { "stdin" } else { name.as_str() };
    for suffix in [".gz", ".ndjson", ".jsonl", ".json", ".csv", ".tsv"] {
        stem = stem.strip_suffix(suffix).unwrap_or(stem);
    }
    let round = stem.rfind(MARK).and_then(|at| {
        let digits = &stem[at + MARK.len()..];
        if digits.is_empty() { Some((at, 1)) } else { digits.strip_prefix('-')?.parse::<u32>().ok().map(|n| (at, n)) }
    });
    PathBuf::from(match round {
        Some((at, n)) => format!("{}{MARK}-{}.ndjson", &stem[..at], n.saturating_add(1)),
        None => format!("{stem}{MARK}.ndjson"),
    })
}

fn same_file(one: &Path, other: &Path) -> bool {
    one == other || matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

/// Whether this can be a project's key: `^[A-Z][A-Z0-9]{1,9}$`.
pub(super) fn is_project_key(key: &str) -> bool {
    (2..=10).contains(&key.len())
        && key.starts_with(|c: char| c.is_ascii_uppercase())
        && key.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("github-issues.jsonl.gz", "github-issues.rejects.ndjson")]
    #[case("/far/away/issues.json", "issues.rejects.ndjson")]
    #[case("issues.csv", "issues.rejects.ndjson")]
    #[case("-", "stdin.rejects.ndjson")]
    #[case("plain", "plain.rejects.ndjson")]
    #[case("issues.rejects.ndjson", "issues.rejects-2.ndjson")]
    #[case("issues.rejects-2.ndjson", "issues.rejects-3.ndjson")]
    fn should_name_the_rejects_file_for_the_input(#[case] input: &str, #[case] expected: &str) {
        assert_eq!(default_rejects(Path::new(input)), PathBuf::from(expected));
    }

    #[rstest]
    #[case("WEB", true)]
    #[case("A1", true)]
    #[case("ABCDEFGHIJ", true)]
    #[case("ABCDEFGHIJK", false)]
    #[case("A", false)]
    #[case("1A", false)]
    #[case("web", false)]
    #[case("WÉB", false)]
    #[case("", false)]
    fn should_know_a_project_key(#[case] key: &str, #[case] valid: bool) {
        assert_eq!(is_project_key(key), valid);
    }

    #[test]
    fn should_refuse_what_cannot_work() {
        let base = ImportArgs { server: "http://127.0.0.1:1".into(), files: vec!["a".into()], ..ImportArgs::default() };
        assert!(base.check().is_ok());
        for wrong in [
            ImportArgs { project: Some("web".into()), ..base.clone() },
            ImportArgs { server: "https://example.org".into(), ..base.clone() },
            ImportArgs { files: vec!["-".into(), "-".into()], ..base.clone() },
            ImportArgs { rejects: Some("a".into()), ..base.clone() },
            ImportArgs { from: Some(Format::Csv), ..base.clone() },
            ImportArgs { map: vec!["title=T".into()], ..base.clone() },
            ImportArgs { map: vec!["titel=T".into()], project: Some("WEB".into()), ..base.clone() },
            ImportArgs { created: Some("soon".into()), project: Some("WEB".into()), ..base.clone() },
            ImportArgs { map: vec!["title=T".into()], from: Some(Format::Github), ..base.clone() },
        ] {
            assert!(matches!(wrong.check(), Err(ImportError::Usage(_))), "{wrong:?}");
        }
    }
}
