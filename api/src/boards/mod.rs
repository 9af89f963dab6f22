//! Rendered boards: from the cache, or from the read model and then into the cache.
//!
//! A board that is found is sent as it is, and who may see it is in it: the read model is not asked. What keeps the cache
//! right is told in `connectors::board_cache`; beside that, each process holds a board that is asked for against the read
//! model every few seconds, so that not even a sink that is cut off from the cache, but not from the database, leaves an
//! old one standing.

mod metrics;
mod render;

use std::sync::Arc;
use std::time::Duration;

use connectors::board_cache::{BoardCache, CachedBoard, FillPermit, Lookup};
use connectors::read_model::{ReadError, ReadModel};
use uuid::Uuid;

use crate::access;
use crate::extract::Reader;
use crate::native::project_id;
use crate::problem::Problem;
use crate::state::AppState;

pub use metrics::register_redis;
pub(crate) use render::BoardView;
pub use render::load as load_board;

/// How often a board that is asked for is held against the read model.
const CHECK_EVERY: Duration = Duration::from_secs(2);

/// How long to wait for another request that loads the same board.
const LOAD_WAIT: Duration = Duration::from_millis(200);

/// Boards, for the handlers.
pub(crate) struct Boards {
    cache: Arc<dyn BoardCache>,
    read_model: Arc<dyn ReadModel>,
    /// One of these is held while a board is loaded, so that a hundred who miss it ask the database once.
    loading: Vec<tokio::sync::Mutex<()>>,
}

impl Boards {
    pub(crate) fn new(
        cache: Arc<dyn BoardCache>,
        read_model: Arc<dyn ReadModel>,
        registry: &prometheus::Registry,
    ) -> Result<Self, prometheus::Error> {
        metrics::register(registry, &cache)?;
        Ok(Self { cache, read_model, loading: (0..256).map(|_| tokio::sync::Mutex::default()).collect() })
    }

    /// The board of a project, given by id or key, if the caller may see it; at least as new as the caller has seen.
    pub(crate) async fn read(
        &self,
        state: &AppState,
        reader: &Reader,
        text: &str,
    ) -> Result<Arc<CachedBoard>, Problem> {
        let project = project_id(text);
        let found = match reader.at_least {
            // Of another project, or of a user: what the cache has says nothing about it.
            Some((of, _)) if of != project => None,
            at_least => self.find(project, at_least.map_or(0, |(_, sequence)| sequence)).await,
        };
        let board = match found {
            Some(Found::Board(board)) => Some(board),
            Some(Found::Permit(permit)) => {
                access::wait(state, reader).await?;
                self.load(project, permit, reader.at_least.map_or(0, |(_, sequence)| sequence)).await?
            }
            None => {
                access::wait(state, reader).await?;
                render::load(&*self.read_model, project).await?.map(Arc::new)
            }
        };
        let may_see = |board: &Arc<CachedBoard>| reader.identity.admin || board.role(reader.identity.user_id).is_some();
        board.filter(may_see).ok_or_else(|| Problem::not_found("project", text))
    }

    /// Looks into the cache. `None`: it can neither answer nor be filled.
    async fn find(&self, project: Uuid, at_least: i64) -> Option<Found> {
        match self.cache.look_up(project).await {
            Lookup::Hit(board) if board.sequence() >= at_least => {
                if board.check_due(CHECK_EVERY) {
                    self.check(project, board.sequence());
                }
                Some(Found::Board(board))
            }
            // The mark has not come yet, or is lost; the sequence is known to be there, or about to be.
            Lookup::Hit(_) | Lookup::Away => None,
            Lookup::Miss(permit) => Some(Found::Permit(permit)),
        }
    }

    /// Asks the read model, unless another request does so already, and hands the board in.
    async fn load(
        &self,
        project: Uuid,
        mut permit: FillPermit,
        at_least: i64,
    ) -> Result<Option<Arc<CachedBoard>>, ReadError> {
        let at = usize::from(project.as_bytes()[0] ^ project.as_bytes()[15]);
        let line = &self.loading[at % self.loading.len()];
        let (_held, waited) = match line.try_lock() {
            Ok(held) => (Some(held), false),
            Err(_) => (tokio::time::timeout(LOAD_WAIT, line.lock()).await.ok(), true),
        };
        if waited {
            match self.find(project, at_least.max(permit.at_least())).await {
                Some(Found::Board(board)) => return Ok(Some(board)),
                Some(Found::Permit(newer)) => permit = newer,
                None => {}
            }
        }
        let Some(board) = render::load(&*self.read_model, project).await?.map(Arc::new) else { return Ok(None) };
        self.cache.fill(permit, board.clone()).await;
        Ok(Some(board))
    }

    /// Holds a board against the read model, beside the request. If it is not known to be outdated it is now.
    fn check(&self, project: Uuid, sequence: i64) {
        let (cache, read_model) = (self.cache.clone(), self.read_model.clone());
        tokio::spawn(async move {
            match read_model.sequence(project).await {
                Ok(now) if now > sequence => {
                    tracing::debug!(%project, sequence, now, "the cache was not told");
                    cache.outdate(project, now).await;
                }
                Ok(_) => {}
                Err(error) => tracing::debug!(%error, "a cached board could not be checked"),
            }
        });
    }
}

enum Found {
    Board(Arc<CachedBoard>),
    Permit(FillPermit),
}
