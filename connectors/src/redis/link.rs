//! One multiplexed connection that is made when it is needed, with a limit on every call and a breaker before it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{AsyncConnectionConfig, Client, RedisResult};
use parking_lot::Mutex;

use super::breaker::Breaker;
use super::{RedisError, RedisOptions};
use crate::board_cache::Remote;

/// A connection to one run of a server.
#[derive(Clone)]
pub(super) struct Connected {
    pub(super) connection: MultiplexedConnection,
    /// Id of the server's run: another after each start, and on each server.
    pub(super) run_id: Arc<str>,
    number: u64,
}

pub(super) struct Link {
    client: Client,
    limit: Duration,
    breaker: Breaker,
    connected: Mutex<Option<Connected>>,
    connecting: tokio::sync::Mutex<()>,
    connections: AtomicU64,
    up: AtomicBool,
    calls: AtomicU64,
    failures: AtomicU64,
}

impl Link {
    pub(super) fn new(options: &RedisOptions, limit: Duration) -> Result<Self, RedisError> {
        let client = Client::open(options.url.as_str()).map_err(|error| RedisError::Address(error.to_string()))?;
        Ok(Self {
            client,
            limit,
            breaker: Breaker::new(options.breaker_failures, options.breaker_period),
            connected: Mutex::new(None),
            connecting: tokio::sync::Mutex::new(()),
            connections: AtomicU64::new(0),
            up: AtomicBool::new(true),
            calls: AtomicU64::new(0),
            failures: AtomicU64::new(0),
        })
    }

    /// Makes one call, connecting first if need be; `None` if it failed, took too long, or was held back.
    pub(super) async fn call<T, F>(&self, work: impl FnOnce(Connected) -> F + Send) -> Option<T>
    where
        F: Future<Output = RedisResult<T>> + Send,
    {
        if !self.breaker.lets_through() {
            return None;
        }
        self.calls.fetch_add(1, Ordering::Relaxed);
        let mut number = None;
        let attempt = async {
            let connected = self.connected().await?;
            number = Some(connected.number);
            work(connected).await
        };
        match tokio::time::timeout(self.limit, attempt).await {
            Ok(Ok(answer)) => {
                if self.breaker.succeeded() {
                    tracing::info!("redis answers again");
                }
                self.up.store(true, Ordering::Relaxed);
                Some(answer)
            }
            Ok(Err(error)) => {
                // The server is there and refuses: the connection is good.
                let broken = error.is_io_error() || error.is_unrecoverable_error() || error.is_timeout();
                self.failed(&error, number.filter(|_| broken));
                None
            }
            Err(_) => {
                self.failed(&format_args!("no answer within {:?}", self.limit), None);
                None
            }
        }
    }

    pub(super) fn remote(&self) -> Remote {
        Remote {
            up: self.up.load(Ordering::Relaxed),
            breaker_open: self.breaker.is_open(),
            failures: self.failures.load(Ordering::Relaxed),
            calls: self.calls.load(Ordering::Relaxed),
        }
    }

    /// Gives the connection up, so that the next call makes a new one.
    pub(super) fn disconnect(&self) {
        self.connected.lock().take();
    }

    fn failed(&self, why: &dyn std::fmt::Display, broken: Option<u64>) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        self.up.store(false, Ordering::Relaxed);
        if let Some(number) = broken {
            self.connected.lock().take_if(|connected| connected.number == number);
        }
        if self.breaker.failed() {
            tracing::warn!(%why, "redis does not answer: going on without it");
            // It may be a connection whose other end is gone without a word.
            self.disconnect();
        } else {
            tracing::debug!(%why, "a call to redis failed");
        }
    }

    async fn connected(&self) -> RedisResult<Connected> {
        if let Some(connected) = &*self.connected.lock() {
            return Ok(connected.clone());
        }
        let _one_at_a_time = self.connecting.lock().await;
        if let Some(connected) = &*self.connected.lock() {
            return Ok(connected.clone());
        }
        // The limit is that of the whole call, around this.
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(None)
            .set_response_timeout(None)
            .set_pipeline_buffer_size(1_024);
        let mut connection = self.client.get_multiplexed_async_connection_with_config(&config).await?;
        let info: String = ::redis::cmd("INFO").arg("server").query_async(&mut connection).await?;
        let run_id = info.lines().find_map(|line| line.strip_prefix("run_id:")).unwrap_or_default().trim();
        if run_id.is_empty() {
            return Err((::redis::ErrorKind::UnexpectedReturnType, "INFO server has no run_id").into());
        }
        let number = self.connections.fetch_add(1, Ordering::Relaxed);
        let connected = Connected { connection, run_id: run_id.into(), number };
        *self.connected.lock() = Some(connected.clone());
        Ok(connected)
    }
}
