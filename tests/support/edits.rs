//! A folder of job files, and the ways in which files are changed.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};

/// How files are changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// The file is written over, as `>` does it.
    InPlace,
    /// Another file is put in its place, as most editors do it.
    Rename,
    /// The old file becomes a backup before the new one is written, as vim does it.
    Vim,
    /// Many files are taken away and written anew, one after the other.
    Checkout,
    /// A link to a folder of all files is swapped, as Kubernetes does it for a `ConfigMap`.
    ConfigMap,
}

impl Style {
    pub const ALL: [Self; 5] = [Self::InPlace, Self::Rename, Self::Vim, Self::Checkout, Self::ConfigMap];
}

/// A folder of job files, all of which are changed in one style.
pub struct Folder {
    path: PathBuf,
    style: Style,
    files: BTreeMap<String, String>,
    version: u32,
}

impl Folder {
    pub fn new(path: PathBuf, style: Style) -> Self {
        fs::create_dir_all(&path).unwrap();
        Self { path, style, files: BTreeMap::new(), version: 0 }
    }

    /// Has the folder hold these files. What changes is done in two halves; `meanwhile` is called between them.
    pub fn change(&mut self, files: &BTreeMap<String, String>, meanwhile: impl FnOnce()) {
        self.version += 1;
        if self.style == Style::ConfigMap {
            self.swap(files, meanwhile);
        } else {
            let changed: Vec<&String> = files
                .keys()
                .chain(self.files.keys().filter(|name| !files.contains_key(*name)))
                .filter(|name| self.style == Style::Checkout || files.get(*name) != self.files.get(*name))
                .collect();
            let (first, second) = changed.split_at(changed.len() / 2);
            for name in first {
                self.write(name, files.get(*name));
            }
            meanwhile();
            for name in second {
                self.write(name, files.get(*name));
            }
        }
        self.files = files.clone();
    }

    fn write(&self, name: &str, text: Option<&String>) {
        let path = self.path.join(format!("{name}.toml"));
        let Some(text) = text else { return fs::remove_file(path).unwrap() };
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        match self.style {
            Style::InPlace => write_noticeably(&path, text),
            Style::Rename => {
                let aside = path.with_extension("toml.tmp");
                fs::write(&aside, text).unwrap();
                fs::rename(aside, path).unwrap();
            }
            Style::Vim => {
                fs::write(path.with_file_name("4913"), "").unwrap();
                fs::remove_file(path.with_file_name("4913")).unwrap();
                let backup = path.with_extension("toml~");
                if path.exists() {
                    fs::rename(&path, &backup).unwrap();
                }
                fs::write(&path, text).unwrap();
                drop(fs::remove_file(backup));
            }
            Style::Checkout | Style::ConfigMap => {
                drop(fs::remove_file(&path));
                fs::write(path, text).unwrap();
            }
        }
    }

    fn swap(&self, files: &BTreeMap<String, String>, meanwhile: impl FnOnce()) {
        let (old, new) = (format!("..v{}", self.version - 1), format!("..v{}", self.version));
        let inside = |name: &str| self.path.join(&new).join(format!("{name}.toml"));
        fs::create_dir_all(self.path.join(&new)).unwrap();
        for (name, text) in files {
            fs::create_dir_all(inside(name).parent().unwrap()).unwrap();
            fs::write(inside(name), text).unwrap();
        }
        symlink(&new, self.path.join("..data_tmp")).unwrap();
        fs::rename(self.path.join("..data_tmp"), self.path.join("..data")).unwrap();
        meanwhile();
        // What a `ConfigMap` has are names without folders; those of ours are linked by their first part.
        let tops = |files: &BTreeMap<String, String>| -> BTreeMap<String, PathBuf> {
            let top = |name: &String| match name.split_once('/') {
                Some((top, _)) => top.to_owned(),
                None => format!("{name}.toml"),
            };
            files.keys().map(|name| (top(name), Path::new("..data").join(top(name)))).collect()
        };
        let (before, after) = (tops(&self.files), tops(files));
        for (name, to) in after.iter().filter(|(name, _)| !before.contains_key(*name)) {
            symlink(to, self.path.join(name)).unwrap();
        }
        for name in before.keys().filter(|name| !after.contains_key(*name)) {
            fs::remove_file(self.path.join(name)).unwrap();
        }
        drop(fs::remove_dir_all(self.path.join(old)));
    }
}

/// Writes over a file, again and again until the file system's clock has moved on: as a person would, who is slower
/// than that.
fn write_noticeably(path: &Path, text: &str) {
    let times = || fs::metadata(path).ok().map(|file| (file.mtime(), file.mtime_nsec()));
    let before = times();
    for _ in 0..100_000 {
        let mut file = fs::File::create(path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
        drop(file);
        if times() != before {
            return;
        }
    }
    panic!("the clock of the file system stands");
}
