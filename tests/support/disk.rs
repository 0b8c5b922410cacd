//! A small disk of its own for the record: it can be filled, made read-only, and freed again, for all that the kernel
//! then says to whoever writes.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::program::{Done, Place};

/// How large it is: the record of a test takes some hundred kilobytes.
const SIZE: &str = "2m";

/// A disk at the state folder of a place, in a mount namespace that no one else is in. It goes when this is dropped.
pub struct Disk {
    keeper: Child,
    state: PathBuf,
    config: PathBuf,
}

impl Disk {
    /// Puts a disk into a place; `None`, with the reason printed, if that can't be done here.
    pub fn put_into(place: &Place) -> Option<Self> {
        let is_root = Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout == b"0\n");
        let namespace = ["--mount", "--propagation", "private"];
        let may = Command::new("unshare").args(namespace).arg("true").output();
        if !is_root || !may.is_ok_and(|output| output.status.success()) {
            return skip("it takes root, and the right to make namespaces");
        }
        let state = place.path("state");
        std::fs::create_dir(&state).expect("a new place has none");
        // It says when it is there, and stays until its input ends.
        let script = format!("mount -t tmpfs -o size={SIZE} tmpfs \"$0\" && touch \"$1\" && exec cat");
        let ready = place.path("ready");
        let keeper = Command::new("unshare")
            .args(namespace)
            .args(["sh", "-c", &script])
            .args([&state, &ready])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("it was just tried");
        place.wait_until("the disk is there", |_| ready.exists());
        Some(Self { keeper, state, config: place.path("calloff.toml") })
    }

    /// Where a file on it can be reached from here.
    pub fn path(&self, name: &str) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.keeper.id()));
        root.join(self.state.strip_prefix("/").expect("it is absolute")).join(name)
    }

    /// The program, where the disk is.
    pub fn command(&self, place: &Place, args: &[&str]) -> Command {
        let keeper = self.keeper.id().to_string();
        let within = ["--target", &keeper, "--mount", "--", env!("CARGO_BIN_EXE_calloff")];
        let mut command = place.command_of(Path::new("nsenter"), &[&within, args].concat());
        command.env("CALLOFF_CONFIG", &self.config);
        command
    }

    /// Runs the program there to its end.
    pub fn run(&self, place: &Place, args: &[&str]) -> Done {
        Done::from(self.command(place, args).output().expect("it is there"))
    }

    /// Leaves not a byte for anybody.
    pub fn fill(&self) {
        let mut file = std::fs::File::create(self.path("filler")).expect("it has room for a name");
        for size in [1 << 16, 1 << 12, 1] {
            while std::io::Write::write_all(&mut file, &vec![b'x'; size]).is_ok() {}
        }
    }

    /// Gives back what was filled.
    pub fn free(&self) {
        std::fs::remove_file(self.path("filler")).expect("it was filled");
    }

    /// Lets nobody write, or lets them again.
    pub fn make(&self, how: &str) {
        let keeper = self.keeper.id().to_string();
        let options = format!("remount,{how}");
        let mut mount = Command::new("nsenter");
        mount.args(["--target", &keeper, "--mount", "--", "mount", "-o", &options]).arg(&self.state);
        assert!(mount.status().expect("it was just used").success(), "{options}");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(self.keeper.kill());
        drop(self.keeper.wait());
    }
}

/// Says why a test tests nothing, which is a failure where everything has to be tested.
#[expect(clippy::print_stderr, reason = "a test that tests nothing has to say so")]
fn skip(reason: &str) -> Option<Disk> {
    let all = std::env::var_os("CALLOFF_TEST_ALL").is_some_and(|value| value == "1");
    assert!(!all, "{reason}, and CALLOFF_TEST_ALL=1 lets no test be skipped");
    eprintln!("SKIPPED: {reason}");
    None
}
