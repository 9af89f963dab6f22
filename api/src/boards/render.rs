//! A board as JSON.

use connectors::board_cache::CachedBoard;
use connectors::read_model::{Board, BoardColumn, ReadError, ReadModel};
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use crate::cursor;
use crate::views::{Card, Project};

/// A project with its tickets by state.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Board")]
pub(crate) struct BoardView {
    project: Project,
    columns: Vec<Column>,
}

/// A state, how many tickets are in it, and the first hundred of them.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Column {
    status: String,
    count: i64,
    tickets: Vec<Card>,
    /// Where the list of the project's tickets in this state goes on; null if that is all.
    next_cursor: Option<String>,
}

/// The board of a project as the read model has it now; none if there is no such project.
///
/// # Errors
/// The read model gives no answer.
pub async fn load(read_model: &dyn ReadModel, project: Uuid) -> Result<Option<CachedBoard>, ReadError> {
    let Some(board) = read_model.board(project).await? else { return Ok(None) };
    let sequence = board.project.sequence;
    let body = render(board).map_err(|error| ReadError::Damaged(error.to_string()))?;
    // After the board: see `CachedBoard::new`.
    let members = read_model.members(project).await?;
    let members = members.into_iter().map(|member| (member.user_id, member.role.into_boxed_str()));
    Ok(Some(CachedBoard::new(sequence, body.into(), members)))
}

/// The body of the answer to GET board.
pub(crate) fn render(board: Board) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(&BoardView::from(board))
}

impl From<Board> for BoardView {
    fn from(board: Board) -> Self {
        let columns = board.columns.into_iter().map(Column::from).collect();
        Self { project: Project::from(board.project), columns }
    }
}

impl From<BoardColumn> for Column {
    fn from(column: BoardColumn) -> Self {
        Self {
            status: column.status,
            count: column.count,
            next_cursor: column.tickets.next.map(cursor::by_number),
            tickets: column.tickets.items.into_iter().map(Card::from).collect(),
        }
    }
}
