//! A machine with a systemd of its own, in namespaces: what a unit asks for, it really gets.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

use crate::tools;

/// Units that would start the rest of this machine.
const EMPTY: [&str; 4] = ["sysinit.target", "basic.target", "network-online.target", "calloff-test.target"];

/// A machine that is off: files can be put on it.
pub(crate) struct Machine {
    folder: TempDir,
}

/// A machine that runs. It is switched off when this is dropped.
pub(crate) struct Booted {
    machine: Option<Machine>,
    boot: Child,
    systemd: u32,
}

impl Machine {
    /// The files of this machine; `None`, with the reason printed, if it can't be made here.
    pub(crate) fn new() -> Option<Self> {
        tools::root()?;
        tools::all(&["nsenter", "systemctl", "timeout"])?;
        let folder = tempfile::tempdir().unwrap();
        for name in ["upper", "work", "root", "cgroup"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        // A folder's mode is seen through it.
        tools::run(Command::new("chmod").arg("755").arg(folder.path()).arg(folder.path().join("upper")));
        let machine = Self { folder };
        for name in EMPTY {
            machine.write(
                &format!("/etc/systemd/system/{name}"),
                "[Unit]\nDescription=Nothing\nDefaultDependencies=no\n",
            );
        }
        // There is no journal. Truncated, it would be that of the last service alone.
        machine.write("/etc/systemd/system/service.d/log.conf", "[Service]\nStandardError=append:/run/log\n");
        Some(machine)
    }

    /// Where what lies on the machine at this path is in fact.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join("upper").join(path.trim_start_matches('/'))
    }

    /// Puts a file on it.
    pub(crate) fn write(&self, path: &str, contents: impl AsRef<[u8]>) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, contents).unwrap();
    }

    /// Copies a file or program to it.
    pub(crate) fn copy(&self, from: &Path, path: &str) {
        let to = self.path(path);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(from, to).unwrap();
    }

    /// Puts a script on it.
    pub(crate) fn install(&self, script: &str, path: &str) {
        self.write(path, script);
        tools::run(Command::new("chmod").arg("755").arg(self.path(path)));
    }

    /// Every file that was put or written on it, save those below /run and /tmp.
    pub(crate) fn files(&self) -> Vec<String> {
        let upper = self.folder.path().join("upper");
        let mut files = vec![];
        walk(&upper, &mut files);
        files.iter().map(|file| format!("/{}", file.strip_prefix(&upper).unwrap().display())).collect()
    }

    /// Boots it.
    pub(crate) fn boot(self) -> Booted {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/packaging/boot.sh");
        let log = std::fs::File::create(self.folder.path().join("boot.log")).unwrap();
        let mut boot = Command::new("unshare")
            .args(["--mount", "--propagation", "private", script])
            .arg(self.folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let log = || std::fs::read_to_string(self.folder.path().join("boot.log")).unwrap();
        let systemd = tools::wait_until("systemd boots", || {
            assert!(boot.try_wait().unwrap().is_none(), "systemd ended: {}", log());
            let systemd = descendant(boot.id(), "systemd")?;
            let answer = inside(systemd, &["systemctl", "show", "--property", "Version"]).output().unwrap();
            answer.status.success().then_some(systemd)
        });
        Booted { machine: Some(self), boot, systemd }
    }
}

impl Booted {
    /// Runs a command there, as root.
    pub(crate) fn run(&self, command: &[&str]) -> Output {
        inside(self.systemd, command).output().unwrap()
    }

    /// Starts one there.
    pub(crate) fn start(&self, command: &[&str]) -> Child {
        inside(self.systemd, command).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Runs one there that must succeed; its standard output.
    pub(crate) fn done(&self, command: &[&str]) -> String {
        let output = self.run(command);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(
            output.status.success(),
            "{command:?}: {}{}{}",
            text(&output.stdout),
            text(&output.stderr),
            text(&self.run(&["cat", "/run/log"]).stdout)
        );
        text(&output.stdout)
    }

    /// Every file that was put or written on it, save those below /run and /tmp.
    pub(crate) fn files(&self) -> Vec<String> {
        self.machine.as_ref().expect("it is on").files()
    }

    /// A property of a unit.
    pub(crate) fn property(&self, unit: &str, property: &str) -> String {
        self.done(&["systemctl", "show", "--value", "--property", property, unit]).trim_end().to_owned()
    }

    /// Switches it off; its files stay for as long as what this returns.
    pub(crate) fn off(mut self) -> Machine {
        let machine = self.machine.take().expect("it is switched off once");
        drop(self);
        machine
    }
}

impl Drop for Booted {
    fn drop(&mut self) {
        // The script cleans up when systemd has ended; that needs the files.
        drop(Command::new("kill").args(["-KILL", &self.systemd.to_string()]).status());
        drop(self.boot.wait());
    }
}

fn inside(systemd: u32, command: &[&str]) -> Command {
    let target = systemd.to_string();
    let mut nsenter = Command::new("nsenter");
    nsenter
        .args(["--target", &target, "--pid", "--mount", "--ipc", "--uts", "--cgroup", "--wd=/", "--"])
        .args(command)
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .stdin(Stdio::null());
    nsenter
}

/// The process of that name among those that a process started.
fn descendant(process: u32, name: &str) -> Option<u32> {
    let children = std::fs::read_to_string(format!("/proc/{process}/task/{process}/children")).ok()?;
    children.split_whitespace().filter_map(|child| child.parse().ok()).find_map(|child| {
        let found = std::fs::read_to_string(format!("/proc/{child}/comm")).ok()?;
        if found.trim_end() == name { Some(child) } else { descendant(child, name) }
    })
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            walk(&entry.path(), files);
        } else {
            files.push(entry.path());
        }
    }
}
