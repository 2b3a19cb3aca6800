//! Personal values: sealed under a key of each subject, and forgotten by destroying that key.
//!
//! A subject's key lives in the table `vault.keys`, wrapped with a key that is in the data directory and nowhere else:
//! neither the database nor the directory alone opens anything. Values are sealed with AES-256-GCM-SIV (RFC 8452),
//! which the same value, subject and field always turn into the same text, so that a command that is sent twice is one
//! fact. A value opens only for the merchant, the subject and the field that it was sealed for. Nothing here is ever
//! logged.

use crate::pool;
use aes_gcm_siv::aead::{Aead, Payload};
use aes_gcm_siv::{Aes256GcmSiv, KeyInit, Nonce};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use mizan_domain::customer::{Details, Sealed};
use mizan_domain::id::MerchantId;
use mizan_domain::text::Text;
use ring::rand::{SecureRandom, SystemRandom};
use sha2::{Digest, Sha256};
use sqlx::{PgConnection, PgPool};
use std::collections::HashMap;
use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

const FILE: &str = "vault-key";
const MARK: &str = "MIZAN+VAULT+KEY+";
/// Held while the first key of all is made, so that two processes that start at once make one.
const MAKING_LOCK: i64 = 0x4d49_5a41_4e04;
/// What every sealed value is bound to, besides its own subject and field.
const CONTEXT: &str = "mizan personal v1";

/// Why nothing was sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The subject's key is destroyed; nothing is sealed for it again.
    #[error("the key of this subject is destroyed")]
    Destroyed,
    /// The wrapping key cannot be read or written.
    #[error("{}: {error}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The wrapping key is elsewhere.
    #[error("personal values were sealed with a key that is not in {}; put its vault-key there", dir.display())]
    NoKey {
        /// Where it was looked for.
        dir: PathBuf,
    },
    /// The file holds something else, or a wrapped key is damaged.
    #[error("the key of the vault does not open what it should: {0}")]
    Damaged(&'static str),
    /// The database did not answer.
    #[error("the vault's database did not answer: {0}")]
    Database(#[from] sqlx::Error),
}

/// Seals and opens. Cheap to clone.
#[derive(Clone)]
pub struct Vault {
    pool: PgPool,
    dir: PathBuf,
    wrapping: Arc<OnceLock<Key>>,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Vault({})", self.dir.display())
    }
}

type Key = [u8; 32];

impl Vault {
    /// A vault in a database, with its wrapping key in a directory. Nothing is read or made before it is needed.
    #[must_use]
    pub fn new(pool: PgPool, dir: &Path) -> Self {
        Self { pool, dir: dir.to_owned(), wrapping: Arc::default() }
    }

    /// Seals what is known of a subject, value by value, under the subject's key, which is made where there is none.
    ///
    /// # Errors
    /// [`VaultError::Destroyed`] where the subject was forgotten, and the others.
    pub async fn seal(
        &self,
        merchant: &MerchantId,
        subject: &str,
        details: Details<Text>,
    ) -> Result<Details<Sealed>, VaultError> {
        let key = self.key_for_sealing(merchant, subject).await?;
        details.try_map(|field, value| {
            let (cipher, nonce) = (cipher(&key), nonce(field));
            let bound = bound(merchant, subject, field);
            let payload = Payload { msg: value.as_str().as_bytes(), aad: bound.as_bytes() };
            let sealed =
                cipher.encrypt(&nonce, payload).map_err(|_| VaultError::Damaged("a value cannot be sealed"))?;
            let sealed = Sealed::of_base64(&URL_SAFE_NO_PAD.encode(sealed));
            sealed.map(Some).map_err(|_| VaultError::Damaged("a value is too long"))
        })
    }

    /// Opens what is known of some subjects of a merchant. What nobody can open any more is left out.
    ///
    /// # Errors
    /// [`VaultError`].
    pub async fn open(
        &self,
        merchant: &MerchantId,
        subjects: Vec<(&str, Details<Sealed>)>,
    ) -> Result<Vec<Details<String>>, VaultError> {
        let ids: Vec<&str> = subjects.iter().map(|(subject, _)| *subject).collect();
        let mut keys = self.keys(merchant, &ids).await?;
        let opened = subjects.into_iter().map(|(subject, details)| {
            let Some(key) = keys.remove(subject) else { return Ok(Details::default()) };
            details.try_map(|field, sealed: Sealed| {
                let bound = bound(merchant, subject, field);
                let opened = URL_SAFE_NO_PAD.decode(sealed.base64()).ok().and_then(|msg| {
                    let payload = Payload { msg: &msg, aad: bound.as_bytes() };
                    cipher(&key).decrypt(&nonce(field), payload).ok()
                });
                // One that was sealed for somebody else, or damaged, is not shown as if it were theirs.
                Ok(opened.and_then(|plain| String::from_utf8(plain).ok()))
            })
        });
        opened.collect()
    }

    /// Destroys a subject's key, for ever; whoever was never known has none to be made later. Said twice, done once.
    ///
    /// # Errors
    /// [`VaultError::Database`].
    pub async fn destroy(&self, merchant: &MerchantId, subject: &str) -> Result<(), VaultError> {
        let destroyed = sqlx::query(
            "insert into vault.keys (merchant_id, subject_id, wrapped, destroyed_at) values ($1, $2, null, clock_timestamp()) \
             on conflict (merchant_id, subject_id) do update set wrapped = null, destroyed_at = clock_timestamp() \
             where keys.wrapped is not null",
        );
        let destroyed = destroyed.bind(merchant.as_str()).bind(subject).execute(&self.pool).await?;
        if destroyed.rows_affected() > 0 {
            // The old row is still in the table's file until it is vacuumed.
            if let Err(error) = sqlx::raw_sql("vacuum vault.keys").execute(&self.pool).await {
                tracing::warn!(%error, "the table of a destroyed key was not vacuumed; autovacuum will do it");
            }
        }
        Ok(())
    }

    async fn key_for_sealing(&self, merchant: &MerchantId, subject: &str) -> Result<Key, VaultError> {
        let wrapping = self.wrapping().await?;
        let fresh = wrap(&wrapping, merchant, subject, &random()?)?;
        // Whoever was first has made it.
        sqlx::query(
            "insert into vault.keys (merchant_id, subject_id, wrapped) values ($1, $2, $3) \
             on conflict (merchant_id, subject_id) do nothing",
        )
        .bind(merchant.as_str())
        .bind(subject)
        .bind(fresh)
        .execute(&self.pool)
        .await?;
        let known = sqlx::query_scalar("select wrapped from vault.keys where merchant_id = $1 and subject_id = $2");
        let row: Option<Vec<u8>> = known.bind(merchant.as_str()).bind(subject).fetch_one(&self.pool).await?;
        unwrap(&wrapping, merchant, subject, &row.ok_or(VaultError::Destroyed)?)
    }

    async fn keys(&self, merchant: &MerchantId, subjects: &[&str]) -> Result<HashMap<String, Key>, VaultError> {
        let rows: Vec<(String, Vec<u8>)> = sqlx::query_as(
            "select subject_id, wrapped from vault.keys \
             where merchant_id = $1 and subject_id = any($2) and wrapped is not null",
        )
        .bind(merchant.as_str())
        .bind(subjects)
        .fetch_all(&self.pool)
        .await?;
        if rows.is_empty() {
            return Ok(HashMap::new());
        }
        let wrapping = self.wrapping().await?;
        let each = rows.into_iter().map(|(subject, wrapped)| {
            let key = unwrap(&wrapping, merchant, &subject, &wrapped)?;
            Ok((subject, key))
        });
        each.collect()
    }

    /// The wrapping key; the first who needs one makes it.
    async fn wrapping(&self) -> Result<Key, VaultError> {
        if let Some(known) = self.wrapping.get() {
            return Ok(*known);
        }
        let mut tx = pool::transaction(&self.pool).await?;
        sqlx::query("select pg_advisory_xact_lock($1)").bind(MAKING_LOCK).execute(&mut *tx).await?;
        let key = self.load_or_make(&mut tx).await?;
        tx.rollback().await?;
        Ok(*self.wrapping.get_or_init(|| key))
    }

    async fn load_or_make(&self, tx: &mut PgConnection) -> Result<Key, VaultError> {
        let path = self.dir.join(FILE);
        let failed = |error| VaultError::File { path: path.clone(), error };
        match fs::read_to_string(&path) {
            Ok(text) => return read_key(&text),
            Err(error) if error.kind() == ErrorKind::NotFound => (),
            Err(error) => return Err(failed(error)),
        }
        let sql = "select exists (select from vault.keys where wrapped is not null)";
        if sqlx::query_scalar(sql).fetch_one(tx).await? {
            return Err(VaultError::NoKey { dir: self.dir.clone() });
        }
        let key = random()?;
        write_secret(&path, &format!("{MARK}{}\n", STANDARD.encode(key))).map_err(failed)?;
        Ok(key)
    }
}

fn read_key(text: &str) -> Result<Key, VaultError> {
    let bytes = text.trim().strip_prefix(MARK).and_then(|it| STANDARD.decode(it).ok());
    let key = bytes.and_then(|it| it.try_into().ok());
    key.ok_or(VaultError::Damaged("the file vault-key holds no key of a vault"))
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

fn random() -> Result<Key, VaultError> {
    let mut key = Key::default();
    let filled = SystemRandom::new().fill(&mut key);
    filled.map_err(|_| VaultError::Damaged("the machine gives no randomness"))?;
    Ok(key)
}

fn cipher(key: &Key) -> Aes256GcmSiv {
    Aes256GcmSiv::new(key.into())
}

/// The same for every value of a field: this cipher then shows that two values are equal, and nothing else.
fn nonce(field: &str) -> Nonce {
    let hash: [u8; 32] = Sha256::digest(field.as_bytes()).into();
    let mut nonce = Nonce::default();
    nonce.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
    nonce
}

fn bound(merchant: &MerchantId, subject: &str, field: &str) -> String {
    format!("{CONTEXT}\n{merchant}\n{subject}\n{field}")
}

/// The field that a subject's own key is bound to.
const WRAPPED: &str = "key";

fn wrap(wrapping: &Key, merchant: &MerchantId, subject: &str, key: &Key) -> Result<Vec<u8>, VaultError> {
    let bound = bound(merchant, subject, WRAPPED);
    let payload = Payload { msg: key, aad: bound.as_bytes() };
    cipher(wrapping).encrypt(&nonce(WRAPPED), payload).map_err(|_| VaultError::Damaged("a key cannot be wrapped"))
}

fn unwrap(wrapping: &Key, merchant: &MerchantId, subject: &str, wrapped: &[u8]) -> Result<Key, VaultError> {
    let bound = bound(merchant, subject, WRAPPED);
    let payload = Payload { msg: wrapped, aad: bound.as_bytes() };
    let opened = cipher(wrapping).decrypt(&nonce(WRAPPED), payload).ok();
    opened.and_then(|it| it.try_into().ok()).ok_or(VaultError::Damaged("a wrapped key is another's, or damaged"))
}
