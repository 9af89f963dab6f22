//! A proxy in front of several API processes: each request goes to the next one, and past one that is not there.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tokio::runtime::Runtime;

/// A running proxy; ends when dropped.
pub(crate) struct RoundRobin {
    pub(crate) url: String,
    shared: Arc<Shared>,
    _runtime: Runtime,
}

struct Shared {
    backends: Mutex<Vec<String>>,
    served: Mutex<Vec<usize>>,
    next: AtomicUsize,
    http: reqwest::Client,
}

impl RoundRobin {
    /// Starts it in front of these addresses.
    pub(crate) fn new(backends: &[String]) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let shared = Arc::new(Shared {
            backends: Mutex::new(backends.to_vec()),
            served: Mutex::new(vec![0; backends.len()]),
            next: AtomicUsize::new(0),
            http: reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap(),
        });
        let router = Router::new().fallback(forward).with_state(shared.clone());
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self { url, shared, _runtime: runtime }
    }

    /// One of the processes is at another address now.
    pub(crate) fn replace(&self, index: usize, url: &str) {
        url.clone_into(&mut lock(&self.shared.backends)[index]);
    }

    /// How many requests each has answered.
    pub(crate) fn served(&self) -> Vec<usize> {
        lock(&self.shared.served).clone()
    }
}

/// To the next one; one that cannot be connected to has seen nothing of the request, and the one after it is asked. What breaks off
/// later breaks off for the client too.
async fn forward(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let first = shared.next.fetch_add(1, Ordering::Relaxed);
    let backends = lock(&shared.backends).clone();
    let mut body = Some(body);
    for turn in 0..backends.len() {
        let index = (first + turn) % backends.len();
        let there = backends[index].trim_start_matches("http://");
        if tokio::net::TcpStream::connect(there).await.is_err() {
            continue;
        }
        let mut headers = parts.headers.clone();
        headers.remove("host");
        let body = body.take().unwrap().into_data_stream();
        let request = shared.http.request(parts.method.clone(), format!("{}{path}", backends[index])).headers(headers);
        return match request.body(reqwest::Body::wrap_stream(body)).send().await {
            Ok(answer) => {
                lock(&shared.served)[index] += 1;
                let mut response = Response::new(Body::empty());
                *response.status_mut() = answer.status();
                *response.headers_mut() = answer.headers().clone();
                response.headers_mut().remove("transfer-encoding");
                *response.body_mut() = Body::from_stream(answer.bytes_stream());
                response
            }
            Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
        };
    }
    (StatusCode::BAD_GATEWAY, "no process is there").into_response()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
