//! A board as JSON.

use connectors::board_cache::CachedBoard;
use connectors::read_model::{Board, BoardColumn, ReadError, ReadModel};
use serde::Serialize;
use uuid::Uuid;

use crate::cursor;
use crate::views::{Card, Project};

#[derive(Serialize)]
struct BoardView {
    project: Project,
    columns: Vec<Column>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Column {
    status: String,
    count: i64,
    tickets: Vec<Card>,
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
    let columns = board.columns.into_iter().map(Column::from).collect();
    serde_json::to_vec(&BoardView { project: Project::from(board.project), columns })
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
