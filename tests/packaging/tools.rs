//! The tools of the system that these tests need, which `cargo xtask test` installs.

use std::process::{Command, Output};
use std::time::Duration;

/// `None`, with the reason printed, if one is missing; where everything has to be tested, that is a failure.
pub(crate) fn all(names: &[&str]) -> Option<()> {
    let missing = |name: &&str| {
        let path = std::env::var("PATH").unwrap_or_default();
        !path.split(':').any(|folder| std::path::Path::new(folder).join(name).is_file())
    };
    let missing: Vec<&str> = names.iter().copied().filter(missing).collect();
    if missing.is_empty() { Some(()) } else { skip(&format!("{} is not installed", missing.join(" "))) }
}

/// Likewise, if this is not root, or one that may not make namespaces, as in many containers.
pub(crate) fn root() -> Option<()> {
    all(&["unshare"])?;
    let id = run(Command::new("id").arg("-u"));
    let namespaces = ["--mount", "--pid", "--ipc", "--uts", "--cgroup", "--fork", "true"];
    if id.stdout != b"0\n" {
        skip("it takes root")
    } else if !Command::new("unshare").args(namespaces).output().is_ok_and(|it| it.status.success()) {
        skip("it takes the right to make namespaces")
    } else {
        Some(())
    }
}

/// Says why a test tests nothing, which is a failure where everything has to be tested.
#[expect(clippy::print_stderr, reason = "a test that tests nothing has to say so")]
pub(crate) fn skip(reason: &str) -> Option<()> {
    let all = std::env::var_os("CALLOFF_TEST_ALL").is_some_and(|value| value == "1");
    assert!(!all, "{reason}, and CALLOFF_TEST_ALL=1 lets no test be skipped");
    eprintln!("SKIPPED: {reason}");
    None
}

/// Runs a command that must succeed.
pub(crate) fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{command:?}: {}{}", text(&output.stdout), text(&output.stderr));
    output
}

/// Waits until there is an answer, for a minute at most.
pub(crate) fn wait_until<T>(what: &str, mut answer: impl FnMut() -> Option<T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let patience = async {
        loop {
            if let Some(answer) = answer() {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let waited = runtime.block_on(async { tokio::time::timeout(Duration::from_mins(1), patience).await });
    waited.unwrap_or_else(|_| panic!("waited for a minute, in vain: {what}"))
}
