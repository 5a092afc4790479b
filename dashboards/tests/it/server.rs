//! A real server on a port of its own, and a client.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use gengfu_dashboards::{ApiState, Gateway, Options, TokenKey, router};
use gengfu_model::{Role, Timestamp};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use crate::fake::FakeGateway;
use crate::seed::{self, PASSWORD};

/// Monday 2026-11-23 at 09:00 in the city.
pub(crate) const NOW: Timestamp = Timestamp(1_795_395_600_000);

pub(crate) struct TestServer {
    pub(crate) gateway: Arc<FakeGateway>,
    pub(crate) address: SocketAddr,
    agent: ureq::Agent,
    stop: Option<oneshot::Sender<()>>,
    runtime: Option<Runtime>,
    _folder: TempDir,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: ureq::http::HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    /// The error's code, after checking that the body is of the one shape.
    pub(crate) fn code(&self) -> String {
        let body = self.json();
        let error = body["error"].as_object().unwrap_or_else(|| panic!("no error: {}", self.text));
        assert_eq!(body.as_object().unwrap().len(), 1);
        let keys: Vec<&str> = error.keys().map(String::as_str).collect();
        assert_eq!(keys, ["code", "field", "hint", "message"]);
        error["code"].as_str().unwrap().to_owned()
    }

    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Reply {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }
}

impl TestServer {
    pub(crate) fn start() -> TestServer {
        TestServer::with(Options::default(), 64)
    }

    pub(crate) fn with(options: Options, channel: usize) -> TestServer {
        let folder = tempfile::tempdir().unwrap();
        let gateway = FakeGateway::new(folder.path(), NOW, channel);
        let clock_of = Arc::clone(&gateway);
        let state = ApiState {
            gateway: Arc::clone(&gateway) as Arc<dyn Gateway>,
            ledger: gateway.reader(),
            series: gateway.series(),
            tokens: TokenKey::new(&[9; 32]).unwrap(),
            clock: Arc::new(move || clock_of.time()),
            options,
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let service = router(state).into_make_service_with_connect_info::<SocketAddr>();
        runtime.spawn(async move {
            axum::serve(listener, service)
                .with_graceful_shutdown(async {
                    drop(stopped.await);
                })
                .await
                .unwrap();
        });
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(30)))
            .build()
            .new_agent();
        let server = TestServer { gateway, address, agent, stop: Some(stop), runtime: Some(runtime), _folder: folder };
        for role in Role::ALL {
            let name = serde_json::to_value(role).unwrap();
            server.gateway.put_user(seed::user(name.as_str().unwrap(), &[role], &[]));
        }
        server
    }

    /// A client that is not logged in.
    pub(crate) fn anonymous(&self) -> Client<'_> {
        Client { server: self, headers: Vec::new() }
    }

    /// A client with the account's token.
    #[track_caller]
    pub(crate) fn login(&self, user: &str) -> Client<'_> {
        let reply = self.anonymous().post("/api/v1/login", &json!({ "user": user, "password": PASSWORD })).expect(200);
        let token = reply.json()["token"].as_str().unwrap().to_owned();
        self.anonymous().with("authorization", &format!("Bearer {token}"))
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(Duration::from_secs(5));
        }
    }
}

#[derive(Clone)]
pub(crate) struct Client<'s> {
    server: &'s TestServer,
    headers: Vec<(String, String)>,
}

impl Client<'_> {
    pub(crate) fn with(&self, name: &str, value: &str) -> Self {
        let mut client = self.clone();
        client.headers.push((name.to_owned(), value.to_owned()));
        client
    }

    pub(crate) fn get(&self, path: &str) -> Reply {
        self.send("GET", path, "")
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Reply {
        self.with("content-type", "application/json").send("POST", path, &body.to_string())
    }

    pub(crate) fn patch(&self, path: &str, body: &Value) -> Reply {
        self.with("content-type", "application/json").send("PATCH", path, &body.to_string())
    }

    pub(crate) fn delete(&self, path: &str) -> Reply {
        self.send("DELETE", path, "")
    }

    pub(crate) fn send(&self, method: &str, path: &str, body: &str) -> Reply {
        let mut response = self.run(method, path, body);
        Reply {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            text: response.body_mut().read_to_string().unwrap(),
        }
    }

    /// Sends the request and leaves the body to be read.
    pub(crate) fn run(&self, method: &str, path: &str, body: &str) -> ureq::http::Response<ureq::Body> {
        let mut request =
            ureq::http::Request::builder().method(method).uri(format!("http://{}{path}", self.server.address));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let request = request.body(body.to_owned()).unwrap();
        self.server.agent.run(request).unwrap()
    }
}
