//! A headless Chromium, driven by `WebDriver`. It talks to loopback only.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fantoccini::wd::{TimeoutConfiguration, WebDriverCompatibleCommand};
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

/// The longest that anything may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// A browser window; both end when this is dropped.
pub(crate) struct Browser {
    client: Client,
    runtime: Runtime,
    driver: Child,
    _profile: tempfile::TempDir,
}

/// How large the window is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Window {
    Desk,
    Phone,
}

impl Window {
    pub(crate) fn width(self) -> u32 {
        match self {
            Self::Desk => 1280,
            Self::Phone => 390,
        }
    }
}

impl Browser {
    /// Opens a window; nothing if there is no browser, where that may be.
    pub(crate) fn open(window: Window) -> Option<Self> {
        let profile = tempfile::tempdir().unwrap();
        let spawned = Command::new("chromedriver")
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let Ok(mut driver) = spawned else {
            let all = std::env::var_os("CALLOFF_TEST_ALL").is_some_and(|value| value == "1");
            assert!(!all, "chromedriver is not installed, and CALLOFF_TEST_ALL=1 lets no test be skipped");
            return None;
        };
        let port = port(&mut driver);
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(capabilities(window, profile.path().to_str().unwrap()));
        let connecting = async {
            let client = builder.connect(&format!("http://127.0.0.1:{port}")).await.expect("a window opens");
            let timeouts = TimeoutConfiguration::new(Some(PATIENCE), Some(PATIENCE), None);
            client.update_timeouts(timeouts).await.expect("timeouts can be set");
            client
        };
        let client = runtime.block_on(async { tokio::time::timeout(PATIENCE, connecting).await });
        let client = client.expect("a window opens in time");
        let browser = Self { client, runtime, driver, _profile: profile };
        // What a new window shows is not of interest.
        browser.goto("about:blank");
        browser.take_logs();
        Some(browser)
    }

    fn wait<T>(&self, doing: impl Future<Output = T>) -> T {
        let within = async { tokio::time::timeout(PATIENCE, doing).await };
        self.runtime.block_on(within).expect("the browser answers within a minute")
    }

    pub(crate) fn goto(&self, url: &str) {
        self.wait(self.client.goto(url)).expect("the page is there");
    }

    /// What a script gives back.
    pub(crate) fn eval(&self, script: &str) -> Value {
        self.wait(self.client.execute(script, vec![])).unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    /// The page as it is, where no script may run.
    pub(crate) fn page(&self) -> String {
        self.wait(self.client.source()).expect("there is a page")
    }

    /// Waits until an expression of the page is true.
    pub(crate) fn wait_for(&self, expression: &str) {
        let script = format!("return Boolean({expression})");
        let asked = async {
            while self.client.execute(&script, vec![]).await.ok() != Some(Value::Bool(true)) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let waited = self.runtime.block_on(async { tokio::time::timeout(PATIENCE, asked).await });
        assert!(
            waited.is_ok(),
            "waited for a minute, in vain: {expression}; the page: {}",
            self.eval("return document.body.innerText")
        );
    }

    /// Sends keys to what has the focus.
    pub(crate) fn press(&self, keys: &str) {
        let actions = json!({ "actions": [{ "type": "key", "id": "keys", "actions": keys.chars().flat_map(|key| [
            json!({ "type": "keyDown", "value": key.to_string() }), json!({ "type": "keyUp", "value": key.to_string() }),
        ]).collect::<Vec<_>>() }] });
        self.issue(Raw { path: "actions", body: actions });
    }

    /// A command of Chromium's own protocol.
    pub(crate) fn chromium(&self, command: &str, parameters: &Value) -> Value {
        self.issue(Raw { path: "goog/cdp/execute", body: json!({ "cmd": command, "params": parameters }) })
    }

    pub(crate) fn prefer(&self, scheme: &str) {
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.chromium("Emulation.setEmulatedMedia", &json!({ "features": features }));
    }

    /// What the console has said, and which addresses were asked, since this was last called.
    pub(crate) fn take_logs(&self) -> (Vec<String>, Vec<String>) {
        let log = |kind: &str| self.issue(Raw { path: "se/log", body: json!({ "type": kind }) });
        let lines = |log: &Value| -> Vec<String> {
            let entries = log.as_array().expect("a log is a list").iter();
            entries.map(|entry| entry["message"].as_str().unwrap_or_default().to_owned()).collect()
        };
        let asked = lines(&log("performance")).into_iter().filter_map(|message| {
            let message: Value = serde_json::from_str(&message).ok()?;
            let event = &message["message"];
            let is_request = event["method"] == "Network.requestWillBeSent";
            is_request.then(|| event["params"]["request"]["url"].as_str().unwrap_or_default().to_owned())
        });
        (lines(&log("browser")), asked.collect())
    }

    /// Takes a picture of the whole page, for people: it is kept in `target/screenshots`.
    pub(crate) fn screenshot(&self, name: &str) {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/screenshots");
        std::fs::create_dir_all(&folder).unwrap();
        let height = self.eval("return document.documentElement.scrollHeight");
        let width = self.eval("return window.innerWidth");
        let clip = json!({ "x": 0, "y": 0, "width": width, "height": height, "scale": 1 });
        let parameters = json!({ "format": "png", "captureBeyondViewport": true, "clip": clip });
        let shot = self.chromium("Page.captureScreenshot", &parameters);
        let decoded = base64(shot["data"].as_str().expect("there is a picture"));
        std::fs::write(folder.join(name), decoded).unwrap();
    }

    fn issue(&self, command: Raw) -> Value {
        let path = command.path;
        self.wait(self.client.issue_cmd(command)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let client = self.client.clone();
        let closing = async { tokio::time::timeout(Duration::from_secs(10), client.close()).await };
        // What does not close is killed.
        drop(self.runtime.block_on(closing));
        drop(self.driver.kill());
        drop(self.driver.wait());
    }
}

fn base64(text: &str) -> Vec<u8> {
    use base64::prelude::{BASE64_STANDARD, Engine as _};
    BASE64_STANDARD.decode(text).expect("it is base64")
}

/// Where the driver listens, as it says.
fn port(driver: &mut Child) -> u16 {
    let stdout = BufReader::new(driver.stdout.take().expect("it is piped"));
    let mut lines = stdout.lines().map_while(Result::ok);
    let port = lines.find_map(|line| {
        let (_, port) = line.split_once("started successfully on port ")?;
        port.trim_end_matches('.').parse().ok()
    });
    port.expect("chromedriver says where it listens")
}

fn capabilities(window: Window, profile: &str) -> fantoccini::wd::Capabilities {
    let arguments = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-dev-shm-usage",
        // Whatever a page asks for, nothing leaves this computer.
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        &format!("--user-data-dir={profile}"),
        &format!("--window-size={},900", window.width()),
    ]
    .map(str::to_owned);
    let mut options = json!({ "args": arguments, "perfLoggingPrefs": { "enableNetwork": true } });
    if let Window::Phone = window {
        let metrics = json!({ "width": window.width(), "height": 844, "pixelRatio": 2, "mobile": true });
        options["mobileEmulation"] = json!({ "deviceMetrics": metrics });
    }
    let all = json!({
        "browserName": "chrome",
        "goog:chromeOptions": options,
        "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
    });
    all.as_object().expect("it is an object").clone()
}

/// A command that `WebDriver` leaves to browsers.
#[derive(Debug)]
struct Raw {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Raw {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.body.to_string()))
    }
}
