//! Subcommands of cargo that the project's commands take: tools of its maintainers, not dependencies.

use std::process::Command;

use crate::steps::step;

/// A tool, and the version that is known to do: a later minor one will do as well.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CargoTool {
    pub(crate) name: &'static str,
    pub(crate) major: u32,
    pub(crate) minor: u32,
    /// The profile it is built by: what runs for a moment is not worth minutes of optimising.
    pub(crate) profile: &'static str,
}

impl CargoTool {
    /// Whether it is there in a version that will do.
    pub(crate) fn is_had(&self) -> bool {
        let version = Command::new("cargo").args([self.word(), "--version"]).output();
        version.is_ok_and(|version| self.will_do(&String::from_utf8_lossy(&version.stdout)))
    }

    /// Installs it if it is missing or too old.
    pub(crate) fn install(&self) -> bool {
        self.is_had()
            || step(
                self.name,
                Command::new("cargo")
                    .args(["install", self.name, "--locked", "--version"])
                    .arg(format!("^{}.{}", self.major, self.minor))
                    .args(["--profile", self.profile]),
            )
    }

    /// What it is called as a subcommand.
    fn word(&self) -> &'static str {
        self.name.strip_prefix("cargo-").unwrap_or(self.name)
    }

    /// Whether it is a version that this project takes: `cargo-deb 3.8.0`.
    fn will_do(&self, version: &str) -> bool {
        let number = version.trim().rsplit(' ').next().unwrap_or_default();
        let mut parts = number.split('.').map(str::parse::<u32>);
        let (major, minor) = (parts.next(), parts.next());
        major == Some(Ok(self.major))
            && minor.is_some_and(|minor| minor.is_ok_and(|minor| minor >= self.minor))
    }
}

#[cfg(test)]
mod tests {
    use super::CargoTool;

    #[test]
    fn an_older_tool_is_replaced() {
        let deb = CargoTool { name: "cargo-deb", major: 3, minor: 8, profile: "release" };
        for will_do in ["cargo-deb 3.8.0\n", "cargo-deb 3.10.1\n"] {
            assert!(deb.will_do(will_do), "{will_do:?}");
        }
        for other in
            ["cargo-deb 3.7.9", "cargo-deb 2.12.0", "cargo-deb 4.0.0", "cargo-deb", "", "cargo-deb three"]
        {
            assert!(!deb.will_do(other), "{other:?}");
        }
    }
}
