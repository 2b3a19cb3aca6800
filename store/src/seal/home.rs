//! What the signer keeps beside the API key, and nobody else reads: its private key, and the last checkpoint that it
//! signed.
//!
//! The last checkpoint is here and not only in the database, so that whoever rewrites the whole database still cannot
//! make the signer sign the forgery.

use super::note::{NoteError, SigningKey, VerifierKey};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

const KEY: &str = "seal-key";
/// A key that is being put in the place of the old one.
const NEXT_KEY: &str = "seal-key.next";
const LAST: &str = "seal-last";
const LAST_NEW: &str = "seal-last.new";

/// The directory is not as the signer needs it.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// A file cannot be read or written.
    #[error("{}: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// A file holds something else.
    #[error("{}: {error}", path.display())]
    Content {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        error: NoteError,
    },
    /// No key can be made.
    #[error(transparent)]
    Key(#[from] NoteError),
}

/// The directory of the private key.
#[derive(Debug, Clone)]
pub struct Home {
    dir: PathBuf,
}

impl Home {
    /// The data directory.
    #[must_use]
    pub fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// The key, made if there is none.
    ///
    /// # Errors
    /// [`HomeError`].
    pub fn load_or_make(&self) -> Result<SigningKey, HomeError> {
        if let Some(key) = self.read_key(KEY)? {
            return Ok(key);
        }
        let path = self.file(KEY);
        fs::create_dir_all(&self.dir).map_err(|error| HomeError::File { path: self.dir.clone(), error })?;
        let key = SigningKey::generate(&fresh_name())?;
        match write_secret(&path, &format!("{}\n", key.to_secret())) {
            Ok(()) => Ok(key),
            // Another process made it first.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                self.read_key(KEY)?.ok_or(HomeError::File { path, error })
            }
            Err(error) => Err(HomeError::File { path, error }),
        }
    }

    /// The private half of the key that the history is sealed with now. A rotation that died before its last step is
    /// brought to its end.
    ///
    /// # Errors
    /// [`HomeError`].
    pub fn load(&self, current: &VerifierKey) -> Result<Option<SigningKey>, HomeError> {
        let is_it = |key: &SigningKey| key.verifier() == current;
        if let Some(key) = self.read_key(KEY)?.filter(is_it) {
            return Ok(Some(key));
        }
        let Some(key) = self.read_key(NEXT_KEY)?.filter(is_it) else { return Ok(None) };
        self.adopt_next()?;
        Ok(Some(key))
    }

    /// Puts a new key beside the old one, to be adopted once everybody knows of it.
    ///
    /// # Errors
    /// [`HomeError`].
    pub fn put_next(&self, key: &SigningKey) -> Result<(), HomeError> {
        let path = self.file(NEXT_KEY);
        let put = remove_if_there(&path).and_then(|()| write_secret(&path, &format!("{}\n", key.to_secret())));
        put.map_err(|error| HomeError::File { path, error })
    }

    /// Puts the next key in the place of the old one, which is gone then.
    ///
    /// # Errors
    /// [`HomeError`].
    pub fn adopt_next(&self) -> Result<(), HomeError> {
        self.replace(NEXT_KEY, KEY)
    }

    /// The last note that was signed here.
    ///
    /// # Errors
    /// [`HomeError`].
    pub fn last_signed(&self) -> Result<Option<String>, HomeError> {
        read(&self.file(LAST))
    }

    /// Remembers the last note that was signed here.
    ///
    /// # Errors
    /// [`HomeError`].
    pub fn remember(&self, note: &str) -> Result<(), HomeError> {
        let path = self.file(LAST_NEW);
        let put = remove_if_there(&path).and_then(|()| write_secret(&path, note));
        put.map_err(|error| HomeError::File { path, error })?;
        self.replace(LAST_NEW, LAST)
    }

    fn read_key(&self, name: &str) -> Result<Option<SigningKey>, HomeError> {
        let path = self.file(name);
        let Some(secret) = read(&path)? else { return Ok(None) };
        SigningKey::of_secret(secret.trim()).map(Some).map_err(|error| HomeError::Content { path, error })
    }

    fn replace(&self, from: &str, to: &str) -> Result<(), HomeError> {
        let (from, to) = (self.file(from), self.file(to));
        let renamed = fs::rename(from, &to).and_then(|()| File::open(&self.dir)).and_then(|dir| dir.sync_all());
        renamed.map_err(|error| HomeError::File { path: to, error })
    }
}

/// A name that no other log has; the origin of its checkpoints.
fn fresh_name() -> String {
    let random = uuid::Uuid::now_v7().simple().to_string();
    format!("mizan/{random}")
}

fn read(path: &Path) -> Result<Option<String>, HomeError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(HomeError::File { path: path.to_owned(), error }),
    }
}

fn write_secret(path: &Path, content: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(content.as_bytes())?;
    file.sync_all()
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}
