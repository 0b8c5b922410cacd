//! Prometheus's own tool, which `cargo xtask test` gets.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// Has promtool do something, with this on its standard input. Gives what it says if it is not content; nothing if it is
/// missing, which is a failure where everything has to be tested.
#[expect(clippy::print_stderr, reason = "a test that tests nothing has to say so")]
pub fn promtool(args: &[&str], folder: &Path, input: &str) -> Option<Result<(), String>> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/promtool");
    let program = if own.is_file() { own } else { "promtool".into() };
    let mut command = Command::new(program);
    command
        .args(args)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let Ok(mut child) = command.spawn() else {
        let all = std::env::var_os("CALLOFF_TEST_ALL").is_some_and(|value| value == "1");
        assert!(!all, "promtool is not installed, and CALLOFF_TEST_ALL=1 lets no test be skipped");
        eprintln!("SKIPPED: promtool is not installed");
        return None;
    };
    // Its end is waited for below; what it does not read it did not want.
    drop(child.stdin.take().expect("it is piped").write_all(input.as_bytes()));
    let output = child.wait_with_output().expect("it ends");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let said = text(&output.stdout) + &text(&output.stderr);
    Some(if output.status.success() { Ok(()) } else { Err(said) })
}
