//! Hears what the sinks tell, and hands it on inside the process.

use std::sync::Arc;
use std::time::Duration;

use ::redis::aio::PubSub;
use ::redis::{Client, Msg, RedisResult};
use futures_util::StreamExt as _;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::message::decode_event;
use super::{RedisError, RedisOptions};
use crate::live::Live;

/// How long to wait before Redis is tried again.
const PAUSE: Duration = Duration::from_millis(200);

/// Whether the channels are listened to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubscriberStatus {
    /// Not now; it is tried again and again.
    Away,
    /// They are.
    Listening,
}

/// Listens to the channels of all projects for as long as it lives.
pub struct RedisSubscriber {
    task: JoinHandle<()>,
    status: watch::Receiver<SubscriberStatus>,
}

impl RedisSubscriber {
    /// Starts to listen, on the runtime that this is called on. Events and how far the read model is go to `live`; whenever
    /// something may have been missed, `live` is told that too.
    ///
    /// # Errors
    /// [`RedisError::Address`].
    pub fn start(options: RedisOptions, live: Arc<Live>) -> Result<Self, RedisError> {
        let client = Client::open(options.url.as_str()).map_err(|error| RedisError::Address(error.to_string()))?;
        let (report, status) = watch::channel(SubscriberStatus::Away);
        let listener = Listener { reload: options.reload_channel(), options, client, live, report };
        Ok(Self { task: tokio::spawn(listener.run()), status })
    }

    /// Whether it listens, to look at or to wait for a change of.
    #[must_use]
    pub fn status(&self) -> watch::Receiver<SubscriberStatus> {
        self.status.clone()
    }
}

impl Drop for RedisSubscriber {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Listener {
    options: RedisOptions,
    reload: String,
    client: Client,
    live: Arc<Live>,
    report: watch::Sender<SubscriberStatus>,
}

impl Listener {
    async fn run(self) {
        loop {
            match tokio::time::timeout(self.options.announce_limit, self.subscribe()).await {
                Ok(Ok(channels)) => {
                    // Whatever was told before this, nobody here has heard.
                    self.live.missed();
                    self.report.send_replace(SubscriberStatus::Listening);
                    let why = self.listen(channels).await;
                    self.report.send_replace(SubscriberStatus::Away);
                    tracing::warn!(why, "redis: the channels are not heard");
                }
                Ok(Err(error)) => tracing::debug!(%error, "redis: no subscription"),
                Err(_) => tracing::debug!("redis: no subscription in time"),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn subscribe(&self) -> RedisResult<PubSub> {
        let mut channels = self.client.get_async_pubsub().await?;
        channels.psubscribe(format!("{}project:*", escaped(&self.options.prefix))).await?;
        Ok(channels)
    }

    /// Listens until the connection ends or does not answer, and says why.
    async fn listen(&self, channels: PubSub) -> String {
        let (mut sink, mut messages) = channels.split();
        loop {
            match tokio::time::timeout(self.options.heartbeat, messages.next()).await {
                Ok(Some(message)) => self.hear(&message),
                Ok(None) => return "the connection ended".to_owned(),
                Err(_) => match tokio::time::timeout(self.options.announce_limit, sink.ping::<()>()).await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => return error.to_string(),
                    Err(_) => return "no answer to a ping".to_owned(),
                },
            }
        }
    }

    fn hear(&self, message: &Msg) {
        if message.get_channel_name() == self.reload {
            return self.live.missed();
        }
        let heard = decode_event(message.get_payload_bytes());
        self.live.advance(heard.reached);
        match heard.event {
            Ok(event) => self.live.publish([Arc::new(event)]),
            Err(error) => {
                tracing::debug!(%error, channel = message.get_channel_name(), "not told on");
                self.live.missed();
            }
        }
    }
}

/// A prefix as it is, in a pattern.
fn escaped(prefix: &str) -> String {
    prefix.chars().flat_map(|c| ['\\', c].into_iter().skip(usize::from(!"*?[]\\^-".contains(c)))).collect()
}
