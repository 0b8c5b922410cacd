//! The files of the container image, put together as its build does, in use as a container engine runs them: nothing
//! else is there, the root is read-only, the user has no rights. The build itself takes an engine, and is not tested.

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::program::{Place, SECRET, TOKEN};
use crate::{setup, tools};

const USER: u32 = 65532;

/// Enters an image with a configuration, secrets and a volume: `sh -c ENTER sh IMAGE PLACE COMMAND…`.
const ENTER: &str = r#"
set -eu
image=$1; place=$2; shift 2
mount --bind "$image" "$image"
mount --bind "$place/etc" "$image/etc/calloff"
mount --bind "$place/credentials" "$image/run/credentials"
mount --bind "$place/volume" "$image/var/lib/calloff"
mount -t tmpfs tmpfs "$image/tmp"
mount -o remount,bind,ro "$image"
exec env -i PATH="$PATH" CREDENTIALS_DIRECTORY=/run/credentials \
    setpriv --no-new-privs chroot --userspec=65532:65532 "$image" "$@"
"#;

fn file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/container").join(name);
    std::fs::read_to_string(path).unwrap()
}

fn image() -> TempDir {
    let image = tempfile::tempdir().unwrap();
    // The user of the image has to get into it.
    std::fs::set_permissions(image.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let assemble = concat!(env!("CARGO_MANIFEST_DIR"), "/packaging/container/assemble");
    tools::run(Command::new(assemble).arg(env!("CARGO_BIN_EXE_calloff")).arg(image.path()));
    image
}

/// What somebody mounts into it.
fn mounts(zoho: &Place) -> TempDir {
    let mounts = tempfile::tempdir().unwrap();
    let path = |name: &str| mounts.path().join(name);
    for folder in ["etc/jobs", "credentials", "volume"] {
        std::fs::create_dir_all(path(folder)).unwrap();
    }
    std::fs::write(path("etc/calloff.toml"), setup::settings(zoho)).unwrap();
    std::fs::write(path("etc/jobs/often.toml"), setup::JOB).unwrap();
    for (name, secret) in [("acme-client-secret", SECRET), ("acme-refresh-token", TOKEN)] {
        std::fs::write(path("credentials").join(name), secret).unwrap();
    }
    chown(path("volume"), Some(USER), Some(USER)).unwrap();
    mounts
}

fn enter(image: &TempDir, mounts: &TempDir, command: &[&str]) -> Output {
    let mut enter = Command::new("unshare");
    enter.args(["--mount", "--propagation", "private", "sh", "-c", ENTER, "sh"]);
    enter.arg(image.path()).arg(mounts.path()).args(command).output().unwrap()
}

#[test]
fn what_the_image_has_is_enough_and_its_user_can_write_to_the_volume_alone() {
    let Some(()) = tools::root() else { return };
    let Some(()) = tools::all(&["setpriv", "chroot", "ldd"]) else { return };
    let zoho = setup::place();
    let (image, mounts) = (image(), mounts(&zoho));
    let calloff = |args: &[&str]| {
        let output = enter(&image, &mounts, &[&["/usr/bin/calloff"], args].concat());
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(output.status.success(), "{args:?}: {}{}", text(&output.stdout), text(&output.stderr));
        text(&output.stdout)
    };
    assert_eq!(calloff(&["check"]), "");
    let next = calloff(&["next", "-n", "1", "--json"]);
    assert!(next.contains("\"timezone\":\"Europe/Berlin\""), "{next}");
    let run = calloff(&["trigger", "often", "--json"]);
    assert!(run.contains("\"cancelled\""), "{run}");
    assert_eq!(zoho.cancels(), 1);
    assert!(mounts.path().join("volume/calloff.db").exists());
    calloff(&["demo", "--for", "2s"]);
}

#[test]
fn the_build_assembles_the_image_and_runs_the_daemon_without_rights() {
    let text = file("Containerfile");
    let last = text.split("\nFROM ").last().unwrap();
    for line in [
        "scratch",
        "COPY --from=build /image/ /",
        "USER 65532:65532",
        "ENTRYPOINT [\"/usr/bin/calloff\"]",
        "CMD [\"--config\", \"/etc/calloff/calloff.toml\", \"run\"]",
        "ENV CREDENTIALS_DIRECTORY=/run/credentials",
    ] {
        assert!(last.lines().any(|it| it == line), "`{line}` is missing");
    }
    assert!(text.contains("packaging/container/assemble target/release/calloff /image"));
    assert!(text.contains(&format!("FROM rust:{}-slim", env!("CARGO_PKG_RUST_VERSION"))));
    assert!(text.contains(&format!("--tag calloff:{} ", env!("CARGO_PKG_VERSION"))));
}
