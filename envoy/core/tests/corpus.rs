//! Every file of the fuzzers' corpus, on the stable toolchain.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

#[path = "support/mod.rs"]
mod support;

use std::fs;
use std::path::{Path, PathBuf};
use support::{answers, checks, refused, substitutes};

/// The files of a target, sorted.
fn files(target: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .collect();
    files.sort();
    files
}

fn hold_all(target: &str, check: fn(&[u8])) {
    let files = files(target);
    assert!(files.len() > 10, "the corpus of `{target}` is gone");
    for file in files {
        let bytes = fs::read(&file).unwrap();
        std::panic::catch_unwind(|| check(&bytes)).unwrap_or_else(|_| panic!("`{}` fails", file.display()));
    }
}

#[test]
fn frame() {
    hold_all("frame", checks::frame);
    hold_all("frame", refused::garbled);
}

#[test]
fn message() {
    hold_all("message", checks::message);
    hold_all("message", refused::malformed);
}

#[test]
fn rewrite() {
    hold_all("rewrite", substitutes::rewrite);
}

#[test]
fn contract() {
    hold_all("contract", answers::contract);
}

#[test]
fn session() {
    hold_all("session", checks::session);
    hold_all("session", checks::batching);
}

#[test]
fn layouts() {
    hold_all("layouts", checks::layouts);
}
