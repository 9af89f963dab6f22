//! The statements, which read the same in each database. Who writes moves the revision on first: so changes come one after the other, and
//! what is counted stays counted until the commit.

const COLUMNS: &str = "id, owner_kind, owner_id, url, secret, kinds, created_by, created_at, updated_at";

pub(super) const CHANGES: &str = "SELECT revision FROM changes WHERE what = 'webhooks'";
pub(super) const MOVE_ON: &str = "UPDATE changes SET revision = revision + 1 WHERE what = 'webhooks'";
pub(super) const COUNT: &str = "SELECT count(*) FROM webhooks WHERE owner_id = $1 AND owner_kind = $2";
pub(super) const DELETE: &str = "DELETE FROM webhooks WHERE id = $1";

pub(super) fn by_id() -> String {
    format!("SELECT {COLUMNS} FROM webhooks WHERE id = $1")
}

pub(super) fn of_owner() -> String {
    format!("SELECT {COLUMNS} FROM webhooks WHERE owner_id = $1 AND owner_kind = $2 ORDER BY made")
}

pub(super) fn all() -> String {
    format!("SELECT {COLUMNS} FROM webhooks ORDER BY made")
}

pub(super) fn insert() -> String {
    format!(
        "INSERT INTO webhooks ({COLUMNS}, made) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, \
         (SELECT revision FROM changes WHERE what = 'webhooks'))"
    )
}

/// What is null stays as it is; a change is always later than the one before.
pub(super) fn update() -> String {
    format!(
        "UPDATE webhooks SET url = coalesce($2, url), kinds = coalesce($3, kinds), secret = coalesce($4, secret), \
         updated_at = CASE WHEN $5 > updated_at THEN $5 ELSE updated_at + 1 END WHERE id = $1 RETURNING {COLUMNS}"
    )
}

/// The [`Accounts`](super::Accounts) of a database, whose store has `pool`, `within`, which limits the time that something takes, and
/// `begin`, which begins a transaction that writes.
macro_rules! accounts {
    ($store:ty, $connection:ty, $row:ty) => {
        impl Accounts for $store {
            fn create_webhook<'a>(&'a self, new: &'a NewWebhook) -> Answer<'a, Webhook> {
                Box::pin(self.within(async move {
                    let mut change = self.begin().await?;
                    sqlx::query(sql::MOVE_ON).execute(&mut *change).await?;
                    if let Some(there) = by_id(&mut *change, new.id).await? {
                        change.rollback().await?;
                        return Ok(there);
                    }
                    let count: i64 = sqlx::query_scalar(sql::COUNT)
                        .bind(new.owner.id())
                        .bind(new.owner.kind())
                        .fetch_one(&mut *change)
                        .await?;
                    if count >= i64::from(MOST_WEBHOOKS) {
                        change.rollback().await?;
                        return Err(AccountsError::TooManyWebhooks);
                    }
                    let secret = secret::draw()?;
                    sqlx::query(AssertSqlSafe(sql::insert()))
                        .bind(new.id)
                        .bind(new.owner.kind())
                        .bind(new.owner.id())
                        .bind(&new.url)
                        .bind(&secret)
                        .bind(as_json(&new.kinds))
                        .bind(new.created_by)
                        .bind(new.at)
                        .execute(&mut *change)
                        .await?;
                    change.commit().await?;
                    let NewWebhook { id, owner, url, kinds, created_by, at } = new.clone();
                    Ok(Webhook { id, owner, url, secret, kinds, created_by, created_at: at, updated_at: at })
                }))
            }

            fn webhooks_of(&self, owner: Owner) -> Answer<'_, Vec<Webhook>> {
                Box::pin(self.within(async move {
                    let question = sqlx::query(AssertSqlSafe(sql::of_owner())).bind(owner.id()).bind(owner.kind());
                    question.fetch_all(&self.pool).await?.iter().map(webhook).collect()
                }))
            }

            fn webhook(&self, id: Uuid) -> Answer<'_, Option<Webhook>> {
                Box::pin(self.within(async move { by_id(&mut *self.pool.acquire().await?, id).await }))
            }

            fn update_webhook<'a>(
                &'a self,
                id: Uuid,
                change: &'a WebhookChange,
                at: i64,
            ) -> Answer<'a, Option<Webhook>> {
                let WebhookChange { url, kinds } = change;
                if url.is_none() && kinds.is_none() {
                    return self.webhook(id);
                }
                Box::pin(self.within(self.update(id, url.as_deref(), kinds.as_deref(), None, at)))
            }

            fn rotate_secret(&self, id: Uuid, at: i64) -> Answer<'_, Option<Webhook>> {
                Box::pin(self.within(async move { self.update(id, None, None, Some(secret::draw()?), at).await }))
            }

            fn delete_webhook(&self, id: Uuid) -> Answer<'_, bool> {
                Box::pin(self.within(async move {
                    let mut change = self.begin().await?;
                    sqlx::query(sql::MOVE_ON).execute(&mut *change).await?;
                    let deleted = sqlx::query(sql::DELETE).bind(id).execute(&mut *change).await?.rows_affected();
                    if deleted > 0 {
                        change.commit().await?
                    } else {
                        change.rollback().await?
                    }
                    Ok(deleted > 0)
                }))
            }

            fn hooks(&self) -> Answer<'_, Vec<Hook>> {
                Box::pin(self.within(async move {
                    let rows = sqlx::query(AssertSqlSafe(sql::all())).fetch_all(&self.pool).await?;
                    rows.iter().map(|row| Ok(webhook(row)?.into())).collect()
                }))
            }

            fn changes(&self) -> Answer<'_, i64> {
                Box::pin(self.within(async move { Ok(sqlx::query_scalar(sql::CHANGES).fetch_one(&self.pool).await?) }))
            }
        }

        impl $store {
            async fn update(
                &self,
                id: Uuid,
                url: Option<&str>,
                kinds: Option<&[String]>,
                secret: Option<String>,
                at: i64,
            ) -> Result<Option<Webhook>, AccountsError> {
                let mut change = self.begin().await?;
                sqlx::query(sql::MOVE_ON).execute(&mut *change).await?;
                let update = sqlx::query(AssertSqlSafe(sql::update()))
                    .bind(id)
                    .bind(url)
                    .bind(kinds.map(as_json))
                    .bind(secret)
                    .bind(at);
                let changed = update.fetch_optional(&mut *change).await?.as_ref().map(webhook).transpose()?;
                if changed.is_some() {
                    change.commit().await?
                } else {
                    change.rollback().await?
                }
                Ok(changed)
            }
        }

        async fn by_id(db: &mut $connection, id: Uuid) -> Result<Option<Webhook>, AccountsError> {
            let found = sqlx::query(AssertSqlSafe(sql::by_id())).bind(id).fetch_optional(db).await?;
            found.as_ref().map(webhook).transpose()
        }

        fn webhook(row: &$row) -> Result<Webhook, AccountsError> {
            let (id, kind, owner, kinds): (Uuid, String, Uuid, String) =
                (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(5)?);
            let damaged = |what: &str| AccountsError::Damaged(format!("webhook {id}: {what}"));
            Ok(Webhook {
                id,
                owner: Owner::stored(&kind, owner).ok_or_else(|| damaged("whose it is"))?,
                url: row.try_get(3)?,
                secret: row.try_get(4)?,
                kinds: serde_json::from_str(&kinds).map_err(|_| damaged("what it is told of"))?,
                created_by: row.try_get(6)?,
                created_at: row.try_get(7)?,
                updated_at: row.try_get(8)?,
            })
        }

        fn as_json(kinds: &[String]) -> String {
            serde_json::Value::from(kinds).to_string()
        }
    };
}
pub(super) use accounts;
