//! A whole gateway in this process, on a data folder of its own and free ports, and its clients.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gengfu::config::Config;
use gengfu::local::local_request;
use gengfu::{Gateway, StartError, StartOptions};
use gengfu_dashboards::Gateway as _;
use gengfu_ingest::journal::{Monotonic, WriterOptions};
use gengfu_ingest::{Clock, ManualClock, SystemClock};
use gengfu_model::staff::{Action, Role, User};
use gengfu_model::{Attributes, Device, DeviceId, DeviceLife, Kind};
use rumqttc::{Client, Event, MqttOptions, Packet, QoS};
use serde_json::Value;
use tempfile::TempDir;

/// How long anything may take that the tests wait for.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);
/// Of every account of the tests.
pub(crate) const PASSWORD: &str = "correct horse battery";

/// A running gateway.
pub(crate) struct TestGateway {
    pub(crate) folder: TempDir,
    pub(crate) config: Config,
    runtime: tokio::runtime::Runtime,
    gateway: Option<Gateway>,
    clock: Arc<dyn Clock>,
    monotonic: Option<Arc<dyn Monotonic>>,
}

impl TestGateway {
    /// A gateway with the machine's clock and the shipped rules.
    pub(crate) fn start() -> TestGateway {
        TestGateway::start_with(Arc::new(SystemClock), |_| {})
    }

    /// A gateway with another clock or configuration.
    pub(crate) fn start_with(clock: Arc<dyn Clock>, change: impl FnOnce(&mut Config)) -> TestGateway {
        TestGateway::begin(clock, None, change)
    }

    /// A gateway whose monotonic clock is moved with the wall clock: to move it means that time passes.
    pub(crate) fn start_in_passing_time(clock: Arc<ManualClock>) -> TestGateway {
        TestGateway::begin(clock.clone(), Some(clock), |_| {})
    }

    /// As [`TestGateway::start_in_passing_time`] with another configuration.
    pub(crate) fn start_in_passing_time_with(clock: Arc<ManualClock>, change: impl FnOnce(&mut Config)) -> TestGateway {
        TestGateway::begin(clock.clone(), Some(clock), change)
    }

    fn begin(
        clock: Arc<dyn Clock>,
        monotonic: Option<Arc<dyn Monotonic>>,
        change: impl FnOnce(&mut Config),
    ) -> TestGateway {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.data.folder = folder.path().join("data");
        let any = "127.0.0.1:0".parse().unwrap();
        (config.mqtt.listen, config.coap.listen, config.http.listen) = (any, any, any);
        change(&mut config);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let mut gateway = TestGateway { folder, config, runtime, gateway: None, clock, monotonic };
        gateway.open();
        for (name, roles) in
            [("admin", Role::ALL.to_vec()), ("duty", vec![Role::DutyOfficer]), ("evaluator", vec![Role::Evaluator])]
        {
            gateway.put_user(name, roles);
        }
        gateway
    }

    fn open(&mut self) {
        self.try_open(false).expect("the gateway starts");
    }

    /// Starts the gateway after [`TestGateway::stop`].
    pub(crate) fn try_open(&mut self, accept_clock: bool) -> Result<(), StartError> {
        let options = StartOptions { listeners: true, accept_clock };
        let mut writer = WriterOptions::default();
        writer.monotonic = self.monotonic.clone().unwrap_or(writer.monotonic);
        let start = Gateway::start_with_clock(&self.config, options, Arc::clone(&self.clock), writer);
        self.gateway = Some(self.runtime.block_on(start)?);
        Ok(())
    }

    /// Stops the gateway cleanly, sees that the sheets add up, and starts it again on the same data.
    pub(crate) fn restart(&mut self) {
        self.stop();
        self.open();
    }

    pub(crate) fn stop(&mut self) {
        if let Some(gateway) = self.gateway.take() {
            self.runtime.block_on(gateway.stop());
        }
    }

    /// Stops the gateway for good; its data stay until the end of the test.
    pub(crate) fn close(&mut self) {
        self.stop();
    }

    /// Stops the gateway for good, and gives its ledger's canonical dump as it is, and as a replay of the journal in
    /// another process makes it.
    pub(crate) fn dumps(&mut self) -> (String, String) {
        let config = self.folder.path().join("gengfu.toml");
        std::fs::write(&config, format!("[data]\nfolder = {:?}\n", self.config.data.folder)).unwrap();
        self.close();
        let inspect = |arguments: &[&str]| {
            let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_gengfu"));
            let output = command.args(["journal", "inspect", "--ledger"]).args(arguments).arg("--config").arg(&config);
            let output = output.output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap()
        };
        (inspect(&[]), inspect(&["--replay"]))
    }

    pub(crate) fn running(&self) -> &Gateway {
        self.gateway.as_ref().expect("the gateway runs")
    }

    /// Asks for something as the local administrator.
    pub(crate) fn act(&self, action: Action) -> gengfu_model::staff::Verdict {
        self.runtime.block_on(self.running().shared().request(local_request(action)))
    }

    /// Asks for something as whoever the request names.
    pub(crate) fn request(&self, request: gengfu_model::staff::StaffRequest) -> gengfu_model::staff::Verdict {
        self.runtime.block_on(self.running().shared().request(request))
    }

    /// Adds an account with [`PASSWORD`].
    pub(crate) fn put_user(&self, name: &str, roles: Vec<Role>) {
        use argon2::password_hash::{PasswordHasher, SaltString};
        let salt = SaltString::encode_b64(name.repeat(4).as_bytes()).unwrap();
        // The cheapest parameters: these tests are not about the cost of a hash.
        let cheap = argon2::Params::new(8, 1, 1, None).unwrap();
        let argon = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, cheap);
        let password_hash = argon.hash_password(PASSWORD.as_bytes(), &salt).unwrap().to_string();
        let districts = Vec::new();
        let user = User { name: name.into(), password_hash, roles, districts, epoch: 1, disabled: false };
        self.act(Action::PutUser { user }).unwrap();
    }

    /// Registers a device with the token `token-of-ID-0123456789`.
    pub(crate) fn add_device(&self, id: &str, kind: Kind) {
        self.add_device_with(id, kind, |_| {});
    }

    pub(crate) fn add_device_with(&self, id: &str, kind: Kind, change: impl FnOnce(&mut Device)) {
        let mut device = Device {
            id: DeviceId::new(id).unwrap(),
            kind,
            model: "".into(),
            asset_code: format!("asset-{id}").into(),
            name: "解放路12号雨水井盖".into(),
            latitude: Some(35.03),
            longitude: Some(111.0),
            district: "盐湖区".into(),
            grid: "140802001".into(),
            feeder: "".into(),
            cabinet: "".into(),
            catchment: "".into(),
            carrier_cell: "".into(),
            department: "市政处".into(),
            asset_type: kind.def().asset_type.into(),
            interval_s: kind.def().interval_s,
            token_hash: Some(self.running().shared().hash_token(&token_of(id))),
            attributes: Attributes::default(),
            life: DeviceLife::Registered,
        };
        change(&mut device);
        self.act(Action::AddDevices { devices: vec![device], replace: false }).unwrap();
    }

    /// An MQTT 3.1.1 client, logged in as the device.
    pub(crate) fn mqtt(&self, id: &str) -> Device311 {
        let address = self.running().addresses().mqtt.unwrap();
        let mut options = MqttOptions::new(id, address.ip().to_string(), address.port());
        options.set_credentials(id, token_of(id));
        let (client, connection) = Client::new(options, 100);
        Device311 { id: id.to_owned(), client, connection }
    }

    /// A session of the API.
    pub(crate) fn login(&self, user: &str) -> Api {
        let base = format!("http://{}", self.running().addresses().http.unwrap());
        Api::login(&base, user, PASSWORD)
    }

    /// An API client that has not logged in.
    pub(crate) fn anonymous(&self) -> Api {
        Api { base: format!("http://{}", self.running().addresses().http.unwrap()), token: None }
    }

    /// The journal's time.
    pub(crate) fn running_time(&self) -> gengfu_model::Timestamp {
        self.running().shared().status().time
    }

    /// An API client with a token that is no session's.
    pub(crate) fn with_token(&self, token: &str) -> Api {
        Api { token: Some(token.to_owned()), ..self.anonymous() }
    }

    /// The two sheets of all devices, which must add up.
    pub(crate) fn balance(&self) -> gengfu_dashboards::gateway::Balance {
        let balance = self.runtime.block_on(self.running().shared().balance(None));
        assert_eq!(balance.journaled, balance.decoded + balance.duplicate + balance.quarantined, "{balance:?}");
        let values = balance.values_stored
            + balance.values_late
            + balance.values_duplicate
            + balance.values_replaced
            + balance.values_out_of_range
            + balance.values_too_far_ahead;
        assert_eq!(balance.values_decoded, values, "{balance:?}");
        balance
    }
}

impl Drop for TestGateway {
    fn drop(&mut self) {
        if !std::thread::panicking() && self.gateway.is_some() {
            self.balance();
            let failure = self.running().failures().borrow().clone();
            assert_eq!(failure, None, "a part of the gateway failed");
        }
        self.stop();
    }
}

/// The token of a test device.
pub(crate) fn token_of(id: &str) -> String {
    format!("token-of-{id}-0123456789")
}

/// A device that speaks MQTT 3.1.1.
pub(crate) struct Device311 {
    id: String,
    client: Client,
    connection: rumqttc::Connection,
}

impl Device311 {
    /// Publishes telemetry with QoS 1 and waits for the PUBACK.
    pub(crate) fn publish(&mut self, payload: &str) {
        self.publish_to("telemetry", payload.as_bytes());
    }

    /// Publishes under one of its own topics with QoS 1 and waits for the PUBACK.
    pub(crate) fn publish_to(&mut self, topic: &str, payload: &[u8]) {
        let topic = format!("v1/devices/{}/{topic}", self.id);
        self.client.publish(topic, QoS::AtLeastOnce, false, payload).unwrap();
        let until = Instant::now() + DEADLINE;
        while Instant::now() < until {
            match self.connection.recv_timeout(Duration::from_millis(200)) {
                Ok(Ok(Event::Incoming(Packet::PubAck(_)))) => return,
                Ok(Ok(_)) | Err(_) => {}
                Ok(Err(error)) => panic!("{}: {error}", self.id),
            }
        }
        panic!("{}: no PUBACK within {DEADLINE:?}", self.id);
    }
}

/// A session of the API, or a client without one.
pub(crate) struct Api {
    base: String,
    token: Option<String>,
}

impl Api {
    /// Logs in to the gateway at `base`, such as `http://127.0.0.1:8080`.
    pub(crate) fn login(base: &str, user: &str, password: &str) -> Api {
        let body = serde_json::json!({ "user": user, "password": password });
        let api = Api { base: base.to_owned(), token: None };
        let (status, answer) = api.post("/api/v1/login", &body);
        assert_eq!(status, 200, "{answer}");
        Api { token: Some(answer["token"].as_str().unwrap().to_owned()), ..api }
    }

    fn agent() -> ureq::Agent {
        ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(DEADLINE)).build().into()
    }

    pub(crate) fn authorization(&self) -> String {
        self.token.as_ref().map(|token| format!("Bearer {token}")).unwrap_or_default()
    }

    pub(crate) fn get(&self, path: &str) -> (u16, Value) {
        let request = Api::agent().get(format!("{}{path}", self.base)).header("authorization", self.authorization());
        answer(request.call())
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let request = Api::agent().post(format!("{}{path}", self.base)).header("authorization", self.authorization());
        answer(request.header("content-type", "application/json").send(body.to_string()))
    }

    pub(crate) fn put(&self, path: &str, body: &Value) -> (u16, Value) {
        let request = Api::agent().put(format!("{}{path}", self.base)).header("authorization", self.authorization());
        answer(request.header("content-type", "application/json").send(body.to_string()))
    }

    pub(crate) fn delete(&self, path: &str) -> (u16, Value) {
        let request = Api::agent().delete(format!("{}{path}", self.base)).header("authorization", self.authorization());
        answer(request.call())
    }

    pub(crate) fn put_text(&self, path: &str, body: &str) -> (u16, Value) {
        let request = Api::agent().put(format!("{}{path}", self.base)).header("authorization", self.authorization());
        answer(request.header("content-type", "application/json").send(body))
    }

    /// The items of a list.
    pub(crate) fn list(&self, path: &str) -> Vec<Value> {
        let (status, answer) = self.get(path);
        assert_eq!(status, 200, "{path}: {answer}");
        answer["items"].as_array().unwrap_or_else(|| panic!("{path} is no list: {answer}")).clone()
    }

    pub(crate) fn base(&self) -> &str {
        &self.base
    }
}

fn answer(result: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> (u16, Value) {
    let mut response = result.expect("the API answers");
    let text = response.body_mut().read_to_string().unwrap();
    (response.status().as_u16(), serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// Waits until `look` finds something.
pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < until, "{what} did not happen within {DEADLINE:?}");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}
