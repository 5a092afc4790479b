//! `gengfu demo`: the gateway with a simulated city, until Ctrl-C; a second start goes on with the data.

use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use gengfu_connectors::ledger::reader::MAX_PAGE;
use gengfu_connectors::ledger::{CaseFilter, LedgerReader, Page};
use gengfu_dashboards::Gateway as _;
use gengfu_ingest::journal::FolderLock;
use gengfu_model::staff::{Action, CaseStep, Role};

use super::serve::StopSignals;
use super::{
    ConfigArgument, Failure, demo_duty, devices, history, ledger_file, random_secret, runtime, say, start_logging,
    users,
};
use crate::config::Config;
use crate::local::{Local, local_request};
use crate::places_file;
use crate::{Gateway, StartOptions};

/// How often progress is told.
const PROGRESS_EVERY: Duration = Duration::from_secs(10);
/// How long the simulator is given to end cleanly.
const SIMULATOR_STOP: Duration = Duration::from_secs(5);

/// Run the gateway with a simulated city.
#[derive(clap::Args)]
pub(super) struct Demo {
    #[command(flatten)]
    config: ConfigArgument,
    /// Data folder; a second start goes on with what is in it.
    #[arg(long, default_value = "demo-data")]
    folder: PathBuf,
    /// Devices of the simulated city, at the first start.
    #[arg(long, default_value_t = 2_000)]
    devices: u32,
    /// Seed of the simulated city, at the first start.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Reporting intervals are this many times shorter than in a real city.
    #[arg(long, default_value_t = 30)]
    speed: u32,
    /// Days of generated history, at the first start; 0: none.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(0..=35))]
    history_days: u32,
    /// Let every listener pick a free port.
    #[arg(long)]
    free_ports: bool,
    /// End after this many seconds instead of at Ctrl-C.
    #[arg(long)]
    seconds: Option<u64>,
}

impl Demo {
    /// Runs the command.
    ///
    /// # Errors
    /// When gateway or simulator cannot start, or a stage failed.
    pub(super) fn run(&self) -> Result<(), Failure> {
        let mut config = self.config.load()?;
        config.data.folder.clone_from(&self.folder);
        if self.free_ports {
            let any = SocketAddr::from(([127, 0, 0, 1], 0));
            (config.mqtt.listen, config.coap.listen, config.http.listen) = (any, any, any);
        }
        if std::env::var_os("GENGFU_LOG").is_some() {
            start_logging();
        }
        let simulator = simulator()?;
        self.prepare(&config, &simulator)?;
        runtime()?.block_on(self.play(&config, &simulator))
    }

    /// At the first start: the city, and its history.
    fn prepare(&self, config: &Config, simulator: &Path) -> Result<(), Failure> {
        let city = self.folder.join("city.csv");
        if city.try_exists().map_err(Failure::failed)? {
            return Ok(());
        }
        std::fs::create_dir_all(&self.folder).map_err(Failure::failed)?;
        // Who would open the folder meanwhile would write into a journal that is half written.
        let _lock = FolderLock::acquire(&self.folder).map_err(Failure::failed)?;
        say(&format!("a new city: {} devices, seed {}", self.devices, self.seed));
        // Under its name only when everything is done, so that a start that was broken off begins anew.
        let new = self.folder.join("city.new");
        self.generate(simulator, &new)?;
        if self.history_days > 0 {
            say(&format!("generating {} days of history, which takes some seconds", self.history_days));
            let places = places_file::read(&self.places(), None).map_err(Failure::Failed)?;
            history::generate(config, simulator, &new, places, self.seed, self.history_days)?;
        }
        std::fs::rename(new, city).map_err(Failure::failed)
    }

    async fn play(&self, config: &Config, simulator: &Path) -> Result<(), Failure> {
        let mut signals = StopSignals::listen()?;
        let options = StartOptions { listeners: true, accept_clock: false };
        let gateway = Gateway::start(config, options).await.map_err(Failure::failed)?;
        let result = self.play_in(config, &gateway, simulator, &mut signals).await;
        say("stopping: what was acknowledged is on disk, the next start goes on from here");
        gateway.stop().await;
        result
    }

    async fn play_in(
        &self,
        config: &Config,
        gateway: &Gateway,
        simulator: &Path,
        signals: &mut StopSignals,
    ) -> Result<(), Failure> {
        let city = self.folder.join("city.csv");
        if gateway.shared().status().devices == 0 {
            let (data, file) = (config.data.folder.clone(), city.clone());
            let import = tokio::task::spawn_blocking(move || {
                let mut local = local_client(&data)?;
                devices::import(&mut local, &data, &file)
            });
            import.await.map_err(Failure::failed)??;
            let places = places_file::read(&self.places(), None).map_err(Failure::Failed)?;
            let verdict = gateway.shared().request(local_request(Action::PutPlaces { places })).await;
            verdict.map_err(|refusal| Failure::Failed(refusal.message))?;
        } else {
            say(&format!("{} devices are registered", gateway.shared().status().devices));
        }
        let credentials = self.staff(gateway).await?;
        if !self.folder.join("settled").try_exists().map_err(Failure::failed)? {
            settle_history(config, gateway).await?;
            let zone = config.city.time_zone.parse().map_err(Failure::failed)?;
            demo_duty::set_up(gateway, &city, zone).await?;
            std::fs::write(self.folder.join("settled"), "").map_err(Failure::failed)?;
        }
        let addresses = gateway.addresses();
        let (Some(mqtt), Some(http)) = (addresses.mqtt, addresses.http) else {
            return Err(Failure::Configuration("the demo needs the MQTT listener: set `mqtt.enabled`".to_owned()));
        };
        say("");
        say(&format!("  console:  http://localhost:{}/", http.port()));
        say(&format!("  log in:   {credentials}"));
        say(&format!("  devices:  mqtt://localhost:{} (ids and tokens in {})", mqtt.port(), city.display()));
        say("  Ctrl-C ends it; `make demo` again goes on with the same data");
        say("");
        let mut player = self.start_simulator(simulator, mqtt, &city)?;
        let result = self.watch(gateway, &mut player, signals).await;
        stop_simulator(&mut player).await;
        result
    }

    /// The file of the city's places.
    fn places(&self) -> PathBuf {
        self.folder.join("places.geojson")
    }

    fn generate(&self, simulator: &Path, city: &Path) -> Result<(), Failure> {
        let mut command = Command::new(simulator);
        command.args(["city", "--seed", &self.seed.to_string(), "--devices", &self.devices.to_string(), "--out"]);
        let status = command.arg(city).arg("--places").arg(self.places()).status().map_err(Failure::failed)?;
        if status.success() { Ok(()) } else { Err(Failure::Failed(format!("the simulator ended with {status}"))) }
    }

    fn start_simulator(&self, simulator: &Path, mqtt: SocketAddr, city: &Path) -> Result<Child, Failure> {
        let broker = format!("127.0.0.1:{}", mqtt.port());
        let mut command = Command::new(simulator);
        command.args(["run", "--broker", &broker, "--speed", &self.speed.to_string(), "--city"]).arg(city);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().map_err(Failure::failed)
    }

    /// The accounts of the demo, made at the first start; gives how to log in.
    async fn staff(&self, gateway: &Gateway) -> Result<String, Failure> {
        let file = self.folder.join("login.txt");
        if let Ok(text) = std::fs::read_to_string(&file) {
            return Ok(text.trim().to_owned());
        }
        let password = random_secret(10)?;
        let everybody = std::iter::once(("admin", Role::ALL.to_vec())).chain(demo_duty::people());
        for (name, roles) in everybody {
            let user = users::user(name, &password, roles, Vec::new(), 1)?;
            let verdict = gateway.shared().request(local_request(Action::PutUser { user })).await;
            verdict.map_err(|refusal| Failure::Failed(refusal.message))?;
        }
        let text =
            format!("user admin (everything), duty (duty officer) or chen.gang (shift leader), password {password}");
        let write = || {
            use std::io::Write as _;
            let mut file =
                std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&file)?;
            writeln!(file, "{text}")
        };
        write().map_err(Failure::failed)?;
        Ok(text)
    }

    async fn watch(&self, gateway: &Gateway, player: &mut Child, signals: &mut StopSignals) -> Result<(), Failure> {
        let reader =
            gengfu_connectors::ledger::LedgerReader::open(&ledger_file(&self.folder)).map_err(Failure::failed)?;
        let seconds = self.seconds.map_or(Duration::MAX, Duration::from_secs);
        let end = tokio::time::sleep(seconds.min(Duration::from_secs(10 * 365 * 86_400)));
        let stopped = signals.or_failure(gateway);
        tokio::pin!(end, stopped);
        loop {
            tokio::select! {
                failure = &mut stopped => return failure.map_or(Ok(()), |failure| Err(Failure::Failed(failure))),
                () = &mut end => return Ok(()),
                () = tokio::time::sleep(PROGRESS_EVERY) => {}
            }
            if let Some(status) = player.try_wait().map_err(Failure::failed)? {
                return Err(Failure::Failed(format!("the simulator ended with {status}")));
            }
            let counts = reader.counts().map_err(Failure::failed)?;
            let balance = gateway.shared().balance(None).await;
            let open: u64 = counts.open_incidents_by_severity.iter().map(|(_, count)| count).sum();
            say(&format!(
                "{} messages taken in ({} repeats, {} set aside), {open} open incidents, {} open cases ({} overdue)",
                balance.journaled, balance.duplicate, balance.quarantined, counts.open_cases, counts.overdue_cases
            ));
        }
    }
}

/// Closes what the generated days left open, since nobody was on duty in them: the desk begins empty, and what
/// happened stays for the evaluation and for backtests.
async fn settle_history(config: &Config, gateway: &Gateway) -> Result<(), Failure> {
    let reader = LedgerReader::open(&ledger_file(&config.data.folder)).map_err(Failure::failed)?;
    let filter = CaseFilter { open: Some(true), ..CaseFilter::default() };
    let mut page = Page { limit: MAX_PAGE, cursor: None };
    loop {
        let listed = reader.cases(&filter, &page).map_err(Failure::failed)?;
        for case in listed.items {
            let note = "演示历史，无人值守，统一了结 / generated history".to_owned();
            let action = Action::Case { case: case.id, step: CaseStep::ForceClose, note };
            // One that was folded into another meanwhile is not there any more.
            if let Err(refusal) = gateway.shared().request(local_request(action)).await
                && refusal.code != "not_found"
            {
                return Err(Failure::Failed(refusal.message));
            }
        }
        match listed.next {
            Some(next) => page.cursor = Some(next),
            None => return Ok(()),
        }
    }
}

fn local_client(data: &Path) -> Result<Local, Failure> {
    let client = crate::local::LocalClient::connect(data).map_err(Failure::failed)?;
    client.map(Local::Running).ok_or_else(|| Failure::Failed("the gateway's local socket is gone".to_owned()))
}

/// The simulator's program, which is built beside this one.
fn simulator() -> Result<PathBuf, Failure> {
    let own = std::env::current_exe().map_err(Failure::failed)?;
    let beside = own.with_file_name("gengfu-sim");
    match beside.try_exists() {
        Ok(true) => Ok(beside),
        _ => Err(Failure::Failed(format!(
            "{} is not there\n  hint: `make build` builds gateway and simulator",
            beside.display()
        ))),
    }
}

/// Asks the simulator to end (Ctrl-C has reached it already in a terminal) and waits for it.
async fn stop_simulator(player: &mut Child) {
    let pid = player.id().to_string();
    // No signal crate for one signal: the system's own `kill` is on every machine that runs this.
    if let Err(error) = Command::new("kill").args(["-INT", &pid]).stderr(Stdio::null()).status() {
        tracing::debug!(%error, "cannot signal the simulator");
    }
    let deadline = tokio::time::Instant::now() + SIMULATOR_STOP;
    while tokio::time::Instant::now() < deadline {
        if matches!(player.try_wait(), Ok(Some(_)) | Err(_)) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    if let Err(error) = player.kill() {
        tracing::debug!(%error, "cannot end the simulator");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        demo: Demo,
    }

    #[test]
    fn a_city_is_not_made_in_a_folder_that_somebody_uses() {
        let folder = tempfile::tempdir().unwrap();
        let _held = FolderLock::acquire(folder.path()).unwrap();
        let line = <Line as clap::Parser>::parse_from(["demo", "--folder", folder.path().to_str().unwrap()]);
        let error = line.demo.prepare(&Config::default(), Path::new("no-simulator")).unwrap_err();
        assert!(format!("{error:?}").contains("another gengfu"), "{error:?}");
        assert!(!folder.path().join("city.new").try_exists().unwrap());
    }
}
