//! Further API keys, each with the name of the person or program that has it.
//!
//! All keys of a data directory may ask the same; they differ in the name that events record, and so in who asks for a
//! payout and who approves it. The file has a name and a hash on each line and no key: a key is shown once. A running
//! service looks at the file once a second, so that a key that was made is good and one that was removed is not, without
//! a restart; a request never waits for the disk.

use super::{KeyHash, generate, is_live, load_or_make};
use mizan_domain::text::Text;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::time::MissedTickBehavior;

/// The name of the first key.
const FIRST_NAME: &str = "local";
/// The most further keys.
const NAMES_MAX: usize = 100;
const NAME_LENGTH_MAX: usize = 32;
/// How often a running service looks for keys that were made or removed.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Keys, with their names as events record them.
type Named = Arc<[(Text, KeyHash)]>;

/// Every key that may ask. Clones are the same keys: what one learns of the file, all know.
#[derive(Clone)]
pub struct Keys {
    first: (Text, KeyHash),
    further: Arc<RwLock<Named>>,
    is_live: bool,
}

impl Keys {
    /// One key alone, with the first name.
    ///
    /// # Errors
    /// Never: the first name is a good one.
    pub fn of(key: &str) -> io::Result<Self> {
        Ok(Self {
            first: (actor(FIRST_NAME)?, KeyHash::of(key)),
            further: Arc::new(RwLock::new(Arc::new([]))),
            is_live: is_live(key),
        })
    }

    /// The first key and those of a data directory.
    ///
    /// # Errors
    /// The file of names cannot be read.
    pub fn load(first: &str, data_dir: &Path) -> io::Result<Self> {
        let all = Self::of(first)?;
        all.learn(&text(data_dir)?)?;
        Ok(all)
    }

    /// Looks once a second whether the file has changed, until the runtime ends. A file that cannot be read changes
    /// nothing and is said once: whoever could ask still can, and nobody else.
    pub fn follow(&self, data_dir: PathBuf) {
        let keys = self.clone();
        tokio::spawn(async move {
            // What was told last, so that the log says it once.
            let mut said = None;
            let mut ticks = tokio::time::interval(LOOK_AGAIN_AFTER);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let mut known = None;
            loop {
                ticks.tick().await;
                let dir = data_dir.clone();
                let read = tokio::task::spawn_blocking(move || text(&dir)).await.unwrap_or_else(|it| Err(it.into()));
                if read.as_ref().is_ok_and(|read| known.as_ref() == Some(read)) {
                    continue;
                }
                match read.and_then(|read| keys.learn(&read).map(|()| read)) {
                    Ok(read) => (known, said) = (Some(read), None),
                    Err(error) => {
                        let error = error.to_string();
                        if said.as_ref() != Some(&error) {
                            tracing::error!(
                                error,
                                "the further API keys cannot be read; those of before are good until they can"
                            );
                        }
                        (known, said) = (None, Some(error));
                    }
                }
            }
        });
    }

    /// Takes over what the file says, all of it or nothing.
    fn learn(&self, text: &str) -> io::Result<()> {
        let known: io::Result<Arc<[_]>> =
            parse(text)?.into_iter().map(|(name, hash)| Ok((actor(&name)?, hash))).collect();
        *self.further.write().unwrap_or_else(PoisonError::into_inner) = known?;
        Ok(())
    }

    /// The name of a presented key, as events record it; every key is compared, whichever it is.
    #[must_use]
    pub fn actor(&self, presented: &str) -> Option<Text> {
        let presented = KeyHash::of(presented);
        let further = Arc::clone(&self.further.read().unwrap_or_else(PoisonError::into_inner));
        let mut found = None;
        for (actor, hash) in further.iter().chain([&self.first]) {
            if hash.is(&presented) {
                found = Some(actor);
            }
        }
        found.cloned()
    }

    /// Whether they are for real money: the first key says it for all.
    #[must_use]
    pub fn are_live(&self) -> bool {
        self.is_live
    }
}

/// Makes a key with a name; it is not kept, so it cannot be shown again.
///
/// # Errors
/// The name is not a good one or is taken, or the file cannot be written.
pub fn add(data_dir: &Path, name: &str) -> io::Result<String> {
    if !is_name(name) {
        return Err(bad("use 1 to 32 small letters, digits and hyphens, for example ann"));
    }
    let mut known = read(data_dir)?;
    if name == FIRST_NAME || known.iter().any(|(it, _)| it == name) {
        return Err(bad("there is a key of that name; remove it first, or take another name"));
    }
    if known.len() >= NAMES_MAX {
        return Err(bad("there are 100 keys already; remove one first"));
    }
    let key = generate(is_live(&load_or_make(data_dir)?));
    known.push((name.to_owned(), KeyHash::of(&key)));
    write(data_dir, &known)?;
    Ok(key)
}

/// Forgets a key.
///
/// # Errors
/// There is none of that name, or the file cannot be written.
pub fn remove(data_dir: &Path, name: &str) -> io::Result<()> {
    let mut known = read(data_dir)?;
    let before = known.len();
    known.retain(|(it, _)| it != name);
    if known.len() == before {
        return Err(bad("there is no further key of that name"));
    }
    write(data_dir, &known)
}

/// The names of all keys, as events record them.
///
/// # Errors
/// The file of names cannot be read.
pub fn actors(data_dir: &Path) -> io::Result<Vec<Text>> {
    let further = read(data_dir)?;
    [FIRST_NAME].into_iter().chain(further.iter().map(|(name, _)| name.as_str())).map(actor).collect()
}

fn actor(name: &str) -> io::Result<Text> {
    Text::parse(&format!("key:{name}")).map_err(|_| bad("the name of a key cannot be used"))
}

fn is_name(name: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=NAME_LENGTH_MAX).contains(&name.len()) && !name.starts_with('-') && name.bytes().all(is_plain)
}

fn path(data_dir: &Path) -> PathBuf {
    data_dir.join("api-keys")
}

fn read(data_dir: &Path) -> io::Result<Vec<(String, KeyHash)>> {
    parse(&text(data_dir)?)
}

/// The file as it is; an empty text where there is none.
fn text(data_dir: &Path) -> io::Result<String> {
    match std::fs::read_to_string(path(data_dir)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        read => read,
    }
}

fn parse(text: &str) -> io::Result<Vec<(String, KeyHash)>> {
    let damaged = || bad("the file api-keys is damaged; each line has a name and 64 hexadecimal digits");
    let line = |line: &str| {
        let (name, hash) = line.split_once(' ')?;
        Some((name.to_owned(), KeyHash::parse(hash)?)).filter(|_| is_name(name))
    };
    text.lines().map(|it| line(it).ok_or_else(damaged)).collect()
}

/// Whole or not at all: a service that looks meanwhile finds the old names or the new ones.
fn write(data_dir: &Path, keys: &[(String, KeyHash)]) -> io::Result<()> {
    std::fs::create_dir_all(data_dir)?;
    let next = data_dir.join("api-keys.next");
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&next)?;
    for (name, hash) in keys {
        writeln!(file, "{name} {hash}")?;
    }
    file.sync_all()?;
    std::fs::rename(next, path(data_dir))
}

fn bad(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_the_name_that_it_was_made_with_until_it_is_removed() {
        let dir = std::env::temp_dir().join(format!("mizan-keys-{}", uuid::Uuid::now_v7().simple()));
        std::fs::create_dir(&dir).unwrap();
        let first = load_or_make(&dir).unwrap();
        let (ann, bob) = (add(&dir, "ann").unwrap(), add(&dir, "bob").unwrap());
        assert!(add(&dir, "ann").is_err() && add(&dir, FIRST_NAME).is_err());
        for name in ["", "-a", "Ann", "a b", "a\nb", "a:b", &"a".repeat(33)] {
            assert!(add(&dir, name).is_err(), "{name:?}");
        }
        let keys = Keys::load(&first, &dir).unwrap();
        let name = |keys: &Keys, key: &str| keys.actor(key).map(|it| it.to_string());
        assert_eq!(name(&keys, &first).as_deref(), Some("key:local"));
        assert_eq!(name(&keys, &ann).as_deref(), Some("key:ann"));
        assert_eq!(name(&keys, &bob).as_deref(), Some("key:bob"));
        assert_eq!(name(&keys, "mzn_test_nobody"), None);
        assert!(!std::fs::read_to_string(path(&dir)).unwrap().contains(&ann), "only the hash is kept");
        remove(&dir, "ann").unwrap();
        assert!(remove(&dir, "ann").is_err());
        assert_eq!(name(&Keys::load(&first, &dir).unwrap(), &ann), None);
        assert_eq!(actors(&dir).unwrap().iter().map(ToString::to_string).collect::<Vec<_>>(), ["key:local", "key:bob"]);
        std::fs::write(path(&dir), "ann\n").unwrap();
        assert!(Keys::load(&first, &dir).is_err(), "a damaged file is not guessed at");
        assert!(keys.learn("ann\n").is_err());
        assert_eq!(
            name(&keys, &bob).as_deref(),
            Some("key:bob"),
            "what was good before is good until the file can be read"
        );
        keys.clone().learn("").unwrap();
        assert_eq!(name(&keys, &bob), None, "clones are the same keys");
        assert_eq!(name(&keys, &first).as_deref(), Some("key:local"));
        std::fs::remove_dir_all(dir).unwrap();
    }
}
