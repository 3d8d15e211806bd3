//! The journal of rejects in files, of which each listener of each process has one of its own in a common directory.
//!
//! A file is locked (`flock`) as long as its process lives, however that ends. One that can be locked was left behind: whoever
//! locks it first takes it over. Files are written, and not synchronized: they outlive the process, not the machine, so a
//! directory in memory (`/dev/shm`) does as well and never waits for a disk.

use crate::host::log;
use fix_authz_core::command::Level;
use fix_authz_core::session::Journal;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

const BEGINNING: &str = "rejects-";
const ENDING: &str = ".jsonl";
/// The ending of a file that is not whole yet.
const UNFINISHED: &str = ".new";
/// The bits of a mode by which others than the owner may write.
const OTHERS_MAY_WRITE: u32 = 0o022;

/// Tells apart the files of one process.
static MADE: AtomicU64 = AtomicU64::new(0);

/// The journal of one listener of this process.
#[derive(Debug)]
pub struct FileJournal {
    directory: PathBuf,
    path: PathBuf,
    file: Mutex<File>,
    /// Locked files of processes that have ended.
    left_behind: Mutex<Vec<(PathBuf, File)>>,
    is_failing: AtomicBool,
}

impl FileJournal {
    /// Makes the directory if it is not there, and an empty file in it.
    ///
    /// # Errors
    /// One line: what is wrong with the directory, and the mend.
    pub fn new(directory: &Path) -> Result<Self, String> {
        let wrong = |error: &dyn std::fmt::Display| {
            format!(
                "filter_config: `rejects.journal_directory`: `{}` cannot be used: {error}; name a directory that Envoy's \
                 user alone may write to",
                directory.display()
            )
        };
        make_directory(directory).map_err(|error| wrong(&error))?;
        let mode = fs::metadata(directory).map_err(|error| wrong(&error))?.mode();
        if mode & OTHERS_MAY_WRITE != 0 {
            return Err(wrong(&format!("others may write to it (mode {:o})", mode & 0o7777)));
        }
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let nth = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("{BEGINNING}{}-{}-{nth}{ENDING}", std::process::id(), since.as_nanos());
        let path = directory.join(name);
        let file = create(&path).map_err(|error| wrong(&error))?;
        let (file, left_behind) = (Mutex::new(file), Mutex::default());
        Ok(Self { directory: directory.into(), path, file, left_behind, is_failing: AtomicBool::new(false) })
    }

    /// Says once that writing has begun to fail, and once that it succeeds again.
    fn note(&self, result: &io::Result<()>) -> bool {
        let fails = result.is_err();
        if self.is_failing.swap(fails, Ordering::Relaxed) != fails {
            let path = self.path.display();
            match result {
                Ok(()) => log(Level::Info, &format!("the journal of rejects `{path}` is written again")),
                Err(error) => log(
                    Level::Warn,
                    &format!(
                        "the journal of rejects `{path}` cannot be written: {error}; until it can, a kill of this process may \
                         leave denied messages without their rejects"
                    ),
                ),
            }
        }
        !fails
    }

    fn write_anew(&self, lines: &[u8]) -> io::Result<()> {
        let unfinished = self.path.with_extension(UNFINISHED.trim_start_matches('.'));
        remove(&unfinished)?;
        let mut file = create(&unfinished)?;
        file.write_all(lines)?;
        fs::rename(&unfinished, &self.path)?;
        *self.file.lock().unwrap_or_else(PoisonError::into_inner) = file;
        Ok(())
    }

    /// Locks and reads a file, unless its process lives, or another has taken it over.
    fn take_over(path: &Path) -> io::Result<Option<(File, Vec<u8>)>> {
        let mut file = File::open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        // Another process may have taken it over and removed it between the opening and the lock.
        if fs::metadata(path)?.ino() != file.metadata()?.ino() {
            return Ok(None);
        }
        let mut lines = Vec::new();
        file.read_to_end(&mut lines)?;
        Ok(Some((file, lines)))
    }

    fn others(&self) -> io::Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let is_one = name.starts_with(BEGINNING) && name.ends_with(ENDING) && path != self.path;
            if is_one && fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_file()) {
                found.push(path);
            }
        }
        // The newest first, by the time of the last change.
        found.sort_by_key(|path| {
            std::cmp::Reverse(fs::metadata(path).and_then(|metadata| metadata.modified()).ok())
        });
        Ok(found)
    }
}

impl Journal for FileJournal {
    fn append(&self, line: &[u8]) -> bool {
        let result = self.file.lock().unwrap_or_else(PoisonError::into_inner).write_all(line);
        self.note(&result)
    }

    fn replace(&self, lines: &[u8]) -> bool {
        self.note(&self.write_anew(lines))
    }

    fn left_behind(&self) -> Vec<Vec<u8>> {
        let mut held = self.left_behind.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found = Vec::new();
        for path in self.others().unwrap_or_default() {
            match Self::take_over(&path) {
                Ok(Some((file, lines))) if !held.iter().any(|(other, _)| *other == path) => {
                    held.push((path, file));
                    found.push(lines);
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => log(
                    Level::Warn,
                    &format!(
                        "a journal of rejects that was left behind, `{}`, cannot be read: {error}",
                        path.display()
                    ),
                ),
            }
        }
        found
    }

    fn discard_left_behind(&self) {
        for (path, _) in self.left_behind.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            if let Err(error) = remove(&path) {
                log(
                    Level::Warn,
                    &format!("a journal of rejects, `{}`, cannot be removed: {error}", path.display()),
                );
            }
        }
    }
}

impl Drop for FileJournal {
    /// A file without a line says nothing to anyone.
    fn drop(&mut self) {
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if file.metadata().is_ok_and(|metadata| metadata.len() == 0) {
            let _ = remove(&self.path);
        }
    }
}

fn make_directory(directory: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(directory) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

/// Makes a file that was not there, and locks it.
fn create(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(path)?;
    file.try_lock().map_err(io::Error::from)?;
    Ok(file)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    /// A directory of its own, which ends with the test.
    struct Place(PathBuf);

    impl Place {
        fn new() -> Self {
            let name =
                format!("fix-authz-journal-{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
            Self(std::env::temp_dir().join(name))
        }

        fn files(&self) -> usize {
            fs::read_dir(&self.0).unwrap().count()
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn what_a_process_leaves_is_taken_over_once() {
        let place = Place::new();
        let first = FileJournal::new(&place.0).unwrap();
        assert!(first.append(b"one\n") && first.append(b"two\n"));
        // It lives, and so does another beside it.
        let second = FileJournal::new(&place.0).unwrap();
        assert_eq!(second.left_behind(), [[0u8; 0]; 0]);
        assert!(first.replace(b"three\n") && first.append(b"four\n"));
        assert_eq!(second.left_behind(), [[0u8; 0]; 0]);
        drop(first);
        let third = FileJournal::new(&place.0).unwrap();
        assert_eq!(second.left_behind(), [b"three\nfour\n"]);
        assert_eq!((second.left_behind(), third.left_behind()), (vec![], vec![]));
        second.discard_left_behind();
        // Nothing was written to the others.
        drop((second, third));
        assert_eq!(place.files(), 0);
    }

    #[test]
    fn what_is_not_discarded_is_taken_over_by_the_next() {
        let place = Place::new();
        let first = FileJournal::new(&place.0).unwrap();
        assert!(first.append(b"one\n"));
        drop(first);
        let second = FileJournal::new(&place.0).unwrap();
        assert_eq!(second.left_behind(), [b"one\n"]);
        drop(second);
        assert_eq!(FileJournal::new(&place.0).unwrap().left_behind(), [b"one\n"]);
    }

    #[test]
    fn files_and_the_directory_are_the_owners_alone() {
        let place = Place::new();
        let journal = FileJournal::new(&place.0).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&place.0), mode(&journal.path)), (0o700, 0o600));
        fs::set_permissions(&place.0, fs::Permissions::from_mode(0o777)).unwrap();
        let refusal = FileJournal::new(&place.0).unwrap_err();
        assert!(refusal.contains("others may write to it (mode 777)"), "{refusal}");
        let refusal = FileJournal::new(&place.0.join("not/there")).unwrap_err();
        assert!(
            refusal.contains("`rejects.journal_directory`") && refusal.contains("not/there"),
            "{refusal}"
        );
    }

    #[test]
    fn a_journal_that_cannot_be_written_says_so() {
        let place = Place::new();
        let journal = FileJournal::new(&place.0).unwrap();
        fs::remove_dir_all(&place.0).unwrap();
        assert!(!journal.replace(b"one\n"));
        fs::create_dir(&place.0).unwrap();
        assert!(journal.replace(b"one\n"));
        drop(journal);
        assert_eq!(FileJournal::new(&place.0).unwrap().left_behind(), [b"one\n"]);
    }
}
