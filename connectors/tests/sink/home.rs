//! A read model of a test's own, in one database or the other.

use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;

use connectors::live::Live;
use connectors::postgres::{Grants, PostgresConfig, PostgresReadModel, PostgresTables, migrate, start_sink};
use connectors::read_model::ReadModel;
use connectors::sink::{SinkError, SinkHandle, SinkOptions};
use connectors::sqlite::{SqliteReadModel, SqliteTables};
use topology::broker::{Broker, TopicPartition};

use crate::support::Log;
use crate::support::database::OwnDatabase;

#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Sqlite,
    Postgres,
}

/// Where the read model of a log is.
pub(crate) struct Home {
    broker: Arc<dyn Broker>,
    place: Place,
}

enum Place {
    File(PathBuf),
    Database(OwnDatabase),
}

impl Home {
    pub(crate) async fn new(kind: Kind, log: &Log) -> Self {
        let place = match kind {
            Kind::Sqlite => Place::File(log.database()),
            Kind::Postgres => {
                let database = OwnDatabase::new().await;
                migrate(&database.config, &Grants::default()).await.expect("migrated");
                Place::Database(database)
            }
        };
        Self { broker: log.broker.clone(), place }
    }

    pub(crate) async fn open(&self) -> Opened {
        let broker = self.broker.clone();
        match &self.place {
            Place::File(path) => {
                let model = SqliteReadModel::open(path).await.expect("the read model opens");
                Opened { live: model.live().clone(), broker, model: Model::Sqlite(model) }
            }
            Place::Database(database) => {
                let (live, config) = (Arc::new(Live::default()), database.config.clone());
                let model = PostgresReadModel::open(config.clone(), live.clone()).expect("the read model opens");
                Opened { live, broker, model: Model::Postgres(model, config) }
            }
        }
    }

    pub(crate) fn tables(&self) -> Box<dyn schemas::reader::ReadModel> {
        match &self.place {
            Place::File(path) => Box::new(SqliteTables::open(path).expect("opened")),
            Place::Database(database) => Box::new(PostgresTables::open(&database.config).expect("opened")),
        }
    }
}

/// A read model, and what fills it.
pub(crate) struct Opened {
    pub(crate) live: Arc<Live>,
    broker: Arc<dyn Broker>,
    model: Model,
}

enum Model {
    Sqlite(Arc<SqliteReadModel>),
    Postgres(Arc<PostgresReadModel>, PostgresConfig),
}

impl Opened {
    pub(crate) fn start(&self, options: SinkOptions) -> SinkHandle {
        self.try_start(options).expect("the sink starts")
    }

    pub(crate) fn try_start(&self, options: SinkOptions) -> Result<SinkHandle, SinkError> {
        match &self.model {
            Model::Sqlite(model) => model.start_sink(self.broker.clone(), options),
            Model::Postgres(_, config) => start_sink(self.broker.clone(), config, self.live.clone(), options),
        }
    }

    pub(crate) async fn offsets(&self) -> Result<Vec<(TopicPartition, i64)>, SinkError> {
        match &self.model {
            Model::Sqlite(model) => model.offsets().await,
            Model::Postgres(model, _) => model.offsets().await,
        }
    }

    pub(crate) async fn close(&self) {
        match &self.model {
            Model::Sqlite(model) => model.close().await,
            Model::Postgres(model, _) => model.close().await,
        }
    }
}

impl Deref for Opened {
    type Target = dyn ReadModel;

    fn deref(&self) -> &Self::Target {
        match &self.model {
            Model::Sqlite(model) => &**model,
            Model::Postgres(model, _) => &**model,
        }
    }
}
