//! A folder with a configuration for the server, and the commands that are run there.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tempfile::TempDir;

use crate::Result;
use crate::figures;

/// The program that is measured: this one, or `$CALLOFF`, to compare another.
pub(crate) fn program() -> String {
    std::env::var("CALLOFF").unwrap_or_else(|_| env!("CARGO_BIN_EXE_calloff").to_owned())
}

/// The first line of curl's version, if there is a curl.
pub(crate) fn curl() -> Option<&'static str> {
    static CURL: LazyLock<Option<String>> = LazyLock::new(|| {
        let output = Command::new("curl").arg("--version").output().ok()?;
        String::from_utf8_lossy(&output.stdout).lines().next().map(str::to_owned)
    });
    CURL.as_deref()
}

/// The IDs of backups, as long as Zoho's.
pub(crate) fn ids(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|index| (4_876_876_000_001_000_000 + index).to_string())
}

/// What a commit costs here at least.
pub(crate) fn sync_time() -> Result<Duration> {
    let mut file: File = tempfile::tempfile()?;
    let mut times = Vec::new();
    for _ in 0..200 {
        let begun = Instant::now();
        file.write_all(&[1; 4096])?;
        file.sync_data()?;
        times.push(begun.elapsed());
    }
    Ok(figures::percentile(&times, 50))
}

/// A folder with a configuration.
pub(crate) struct Place {
    folder: TempDir,
    url: String,
}

impl Place {
    pub(crate) fn new(url: &str, concurrency: usize) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let settings = format!(
            r#"timezone = "UTC"
[accounts.bench]
api_domain = "{url}"
accounts_url = "{url}"
client_id = "1000.BENCH"
client_secret = {{ env = "BENCH_SECRET" }}
refresh_token = {{ env = "BENCH_TOKEN" }}
concurrency = {concurrency}
"#
        );
        std::fs::write(folder.path().join("calloff.toml"), settings)?;
        std::fs::create_dir(folder.path().join("jobs"))?;
        Ok(Self { folder, url: url.to_owned() })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The program, in this folder; what it logs goes to `/dev/null`.
    pub(crate) fn calloff(&self, args: &[&str]) -> Command {
        let mut command = Command::new(program());
        command
            .current_dir(self.folder.path())
            .args(args)
            .env_remove("CALLOFF_CONFIG")
            .env_remove("CALLOFF_LOG")
            .env("BENCH_SECRET", "bench-client-secret")
            .env("BENCH_TOKEN", "bench-refresh-token")
            .stdin(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    /// `calloff cancel`, for programs.
    pub(crate) fn cancel(&self, ids: impl Iterator<Item = String>) -> Command {
        let mut command = self.calloff(&["cancel", "--account", "bench", "--json"]);
        command.args(ids);
        command
    }

    /// curl, with the same requests.
    pub(crate) fn curl(&self, ids: impl Iterator<Item = String>) -> Result<Command> {
        let list = self.path("curl.txt");
        let base = format!("{}/crm/bulk/v7/backup", self.url);
        let mut lines = String::new();
        for id in ids {
            writeln!(lines, "url = {base}/{id}/actions/cancel\noutput = /dev/null")?;
        }
        std::fs::write(&list, lines)?;
        let mut command = Command::new("curl");
        command
            .args(["--silent", "--disable", "--noproxy", "*", "-X", "PUT"])
            .args(["-H", "Authorization: Zoho-oauthtoken 1000.bench", "-H", "Content-Length: 0"])
            .arg("--config")
            .arg(list)
            .stdin(Stdio::null())
            .stderr(Stdio::null());
        Ok(command)
    }

    /// How many targets are on record as cancelled.
    pub(crate) fn recorded(&self) -> Result<usize> {
        let record = Connection::open(self.path("state/calloff.db"))?;
        let count = "SELECT count(*) FROM targets WHERE outcome = 'cancelled'";
        Ok(record.query_row(count, [], |row| row.get(0))?)
    }
}
