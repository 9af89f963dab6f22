//! How a registry is reached.

use std::time::Duration;

/// Configuration of a [`ConfluentRegistry`](super::ConfluentRegistry).
#[derive(Clone)]
#[non_exhaustive]
pub struct RegistryConfig {
    /// Where the API is, such as `http://registry:8081`; several of the same registry with commas between.
    pub url: String,
    /// Who asks, by HTTP's basic authentication; none: nobody in particular.
    pub username: Option<String>,
    /// The password that goes with it; never printed.
    pub password: Option<String>,
    /// Whether schemas that the registry lacks are registered, and compatibility is set. False: they are only checked.
    pub auto_register: bool,
    /// How long a call may take.
    pub timeout: Duration,
}

impl RegistryConfig {
    /// Defaults: nobody in particular, schemas are registered, 5 s a call.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), username: None, password: None, auto_register: true, timeout: Duration::from_secs(5) }
    }
}

impl std::fmt::Debug for RegistryConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RegistryConfig")
            .field("url", &self.url)
            .field("username", &self.username)
            .field("auto_register", &self.auto_register)
            .finish_non_exhaustive()
    }
}
