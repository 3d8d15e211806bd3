//! Where rejects are remembered.

use serde::Deserialize;
use std::path::PathBuf;

/// Where rejects are remembered, beside the memory of the process.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rejects {
    /// The directory of the journal, in which rejects that have not reached their clients outlive the process. It is made if it is
    /// not there, and no two listeners share one. `None`: what is remembered ends with the process.
    pub journal_directory: Option<PathBuf>,
}

impl Rejects {
    pub(super) fn validate(&self) -> Result<(), String> {
        match &self.journal_directory {
            Some(path) if !path.is_absolute() => {
                Err(format!("`rejects.journal_directory` is `{}`, which is no absolute path", path.display()))
            }
            _ => Ok(()),
        }
    }
}
