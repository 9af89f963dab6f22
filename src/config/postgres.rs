//! The keys of `postgres.`.

use serde::{Deserialize, Serialize};

use super::ConfigError;

/// The read model in Postgres, of `sink` and `api`.
#[derive(Clone, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Postgres {
    /// `postgres://user:password@host:port/database` of the role that writes.
    pub(crate) url: String,
    /// Of the role that only reads; empty: the one that writes.
    pub(crate) read_url: String,
    /// Of the role that makes and alters tables; empty: the one that writes.
    pub(crate) migrate_url: String,
    /// The database schema that the tables are in.
    pub(crate) schema: String,
    /// The database schema with what stands in no log, such as webhooks and their secrets.
    pub(crate) accounts_schema: String,
    /// Connections of a process for questions, at most.
    pub(crate) connections: u32,
}

impl Default for Postgres {
    fn default() -> Self {
        let (url, read_url, migrate_url) = Default::default();
        Self {
            url,
            read_url,
            migrate_url,
            schema: "read_model".to_owned(),
            accounts_schema: "accounts".to_owned(),
            connections: 8,
        }
    }
}

/// Without the addresses: there are passwords in them.
impl std::fmt::Debug for Postgres {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Postgres").field("schema", &self.schema).finish_non_exhaustive()
    }
}

impl Postgres {
    /// A rebuild drops these schemas with all that is in them.
    pub(super) fn refuse_accounts_in_the_read_model(&self) -> Result<(), ConfigError> {
        let Self { schema, accounts_schema, .. } = self;
        if ["", "_new", "_gone"].iter().any(|end| *accounts_schema == format!("{schema}{end}")) {
            return Err(ConfigError(format!(
                "postgres.accounts_schema must not be {accounts_schema}: a rebuild of postgres.schema deletes what is in there"
            )));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_keep_accounts_out_of_what_a_rebuild_deletes() {
        let refused = |schema: &str, accounts: &str| {
            let (schema, accounts_schema) = (schema.to_owned(), accounts.to_owned());
            Postgres { schema, accounts_schema, ..Postgres::default() }.refuse_accounts_in_the_read_model().is_err()
        };
        assert!(refused("board", "board") && refused("board", "board_new") && refused("board", "board_gone"));
        assert!(!refused("board", "accounts") && !refused("board", "board_accounts"));
    }
}
