//! The program as users run it: the real binary, real HTTP to a simulated Zoho, a real folder.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use calloff_sim::{Running, Scenario, Simulator};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// What would make the program look or act otherwise, depending on who runs the tests: `CI` alone means colours.
const OF_THE_ENVIRONMENT: [&str; 16] = [
    "CALLOFF_CONFIG",
    "CALLOFF_LOG",
    "CI",
    "CLICOLOR",
    "CLICOLOR_FORCE",
    "NO_COLOR",
    "ALL_PROXY",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "all_proxy",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
];

/// What must never be seen anywhere.
pub const SECRET: &str = "canary-client-secret-0123456789";
/// Likewise.
pub const TOKEN: &str = "1000.canary0refresh0token0123456789";

/// A folder with a configuration for one account at a simulated Zoho.
pub struct Place {
    pub folder: TempDir,
    pub zoho: Running,
    runtime: Runtime,
}

/// How a command ended.
pub struct Done {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Place {
    /// A place where Zoho follows the scenario; `settings` is put before and `jobs` beside `calloff.toml`'s account.
    pub fn new(scenario: &str, settings: &str, jobs: &[(&str, &str)]) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let scenario = Scenario::parse(scenario).unwrap();
        let zoho = runtime.block_on(Simulator::start(([127, 0, 0, 1], 0).into(), scenario)).unwrap();
        let place = Self { folder: tempfile::tempdir().unwrap(), zoho, runtime };
        place.write("calloff.toml", &place.settings(settings));
        for (name, job) in jobs {
            place.write(&format!("jobs/{name}.toml"), &format!("account = \"acme\"\n{job}"));
        }
        std::fs::create_dir_all(place.path("jobs")).unwrap();
        place
    }

    fn settings(&self, more: &str) -> String {
        let url = self.zoho.url();
        format!(
            r#"timezone = "UTC"
{more}
[accounts.acme]
api_domain = "{url}"
accounts_url = "{url}"
client_id = "1000.CLIENT"
client_secret = {{ env = "ACME_SECRET" }}
refresh_token = {{ env = "ACME_TOKEN" }}
"#
        )
    }

    /// Adds a line to the account, or replaces the one that has the same key.
    pub fn set_account_key(&self, key: &str, value: &str) {
        let text = std::fs::read_to_string(self.path("calloff.toml")).unwrap();
        let others = text.lines().filter(|line| !line.starts_with(key));
        let lines: Vec<String> = others.map(str::to_owned).chain([format!("{key} = {value}\n")]).collect();
        self.write("calloff.toml", &lines.join("\n"));
    }

    /// Adds to the end of `calloff.toml`.
    pub fn append(&self, more: &str) {
        let text = std::fs::read_to_string(self.path("calloff.toml")).unwrap();
        self.write("calloff.toml", &format!("{text}\n{more}\n"));
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub fn command(&self, args: &[&str]) -> Command {
        self.command_of(Path::new(env!("CARGO_BIN_EXE_calloff")), args)
    }

    /// The same of a copy of the program.
    pub fn command_of(&self, program: &Path, args: &[&str]) -> Command {
        let mut command = program_of(program);
        command
            .current_dir(self.folder.path())
            .args(args)
            .env("ACME_SECRET", SECRET)
            .env("ACME_TOKEN", TOKEN)
            .stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, args: &[&str]) -> Done {
        Done::from(self.command(args).output().unwrap())
    }

    /// Runs a command as a user to whom `closed` is closed.
    pub fn run_as_another(&self, closed: &str, args: &[&str]) -> Done {
        let mode = |name: &str, mode| {
            std::fs::set_permissions(self.path(name), PermissionsExt::from_mode(mode)).unwrap();
        };
        let is_root = std::fs::metadata(self.path(closed)).unwrap().uid() == 0;
        let mut command = self.command(args);
        if is_root {
            // Where it was built may be closed to that user, too.
            let program = self.path("calloff");
            // By a process of its own: what this one has open for writing, a test beside this one may hand on.
            let copied = Command::new("cp").arg(command.get_program()).arg(&program).status().unwrap();
            assert!(copied.success());
            mode(".", 0o755);
            mode(closed, 0o700);
            command = self.command_of(&program, args);
            command.uid(65534);
        } else {
            mode(closed, 0);
        }
        let done = Done::from(command.output().unwrap());
        mode(closed, 0o700);
        done
    }

    /// Starts a command.
    pub fn start(&self, args: &[&str]) -> Child {
        self.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Waits until something holds, for a minute at most.
    pub fn wait_until(&self, what: &str, mut holds: impl FnMut(&Self) -> bool) {
        let patience = async {
            while !holds(self) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let waited =
            self.runtime.block_on(async { tokio::time::timeout(Duration::from_mins(1), patience).await });
        assert!(waited.is_ok(), "waited for a minute, in vain: {what}");
    }

    /// The paths of the cancels that Zoho got.
    pub fn cancels(&self) -> usize {
        let world = self.zoho.world().lock();
        world.seen().filter(|seen| seen.path.ends_with("/cancel")).count()
    }

    /// All requests that Zoho got.
    pub fn requests(&self) -> u64 {
        self.zoho.world().lock().requests()
    }

    pub fn token_calls(&self) -> u64 {
        self.zoho.world().lock().account("acme").unwrap().token_calls()
    }

    /// The record as `history --json` prints it.
    pub fn history(&self) -> Vec<Value> {
        self.run(&["history", "--json"]).json()
    }
}

impl From<Output> for Done {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Done {
    /// The lines of stdout, each a JSON object.
    pub fn json(&self) -> Vec<Value> {
        let parse = |line: &str| {
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}\n{}", self.stderr))
        };
        self.stdout.lines().map(parse).collect()
    }
}

/// The program, the same whoever runs the tests.
pub fn calloff() -> Command {
    program_of(Path::new(env!("CARGO_BIN_EXE_calloff")))
}

fn program_of(program: &Path) -> Command {
    let mut command = Command::new(program);
    for variable in OF_THE_ENVIRONMENT {
        command.env_remove(variable);
    }
    command
}

/// Sends a signal, as `kill` does.
pub fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

/// Every file below a folder, as bytes.
pub fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = vec![];
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((path.clone(), std::fs::read(&path).unwrap()));
        }
    }
    found
}
