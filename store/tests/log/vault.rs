//! Personal values: sealed for one merchant, one subject and one field, and gone with the subject's key.

use crate::database::Database;
use crate::given::merchant;
use mizan_domain::customer::{Details, Sealed};
use mizan_domain::text::Text;
use mizan_store::Log;
use mizan_store::vault::{Vault, VaultError};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use tokio::task::JoinSet;

/// A vault, and the directory of its key, which goes with it.
struct Given {
    log: Log,
    vault: Vault,
    dir: PathBuf,
}

impl Drop for Given {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

async fn given() -> Given {
    let log = Database::new().await.log().await;
    let dir = std::env::temp_dir().join(format!("mizan-vault-{}", uuid::Uuid::now_v7().simple()));
    std::fs::create_dir(&dir).unwrap();
    Given { vault: Vault::new(log.pool().clone(), &dir), log, dir }
}

fn ada() -> Details<Text> {
    let text = |it| Some(Text::parse(it).unwrap());
    Details { name: text("Ada Lovelace"), email: text("ada@example.com"), ..Details::default() }
}

async fn opened(vault: &Vault, of: &str, subject: &str, sealed: &Details<Sealed>) -> Details<String> {
    vault.open(&merchant(of), vec![(subject, sealed.clone())]).await.unwrap().remove(0)
}

#[tokio::test]
async fn what_is_sealed_opens_for_whom_it_was_sealed_and_for_nobody_else() {
    let Given { vault, dir, .. } = &given().await;
    let sealed = vault.seal(&merchant("m-1"), "c-1", ada()).await.unwrap();
    assert_eq!(vault.seal(&merchant("m-1"), "c-1", ada()).await.unwrap(), sealed, "the same is the same text");
    let shown = opened(vault, "m-1", "c-1", &sealed).await;
    assert_eq!((shown.name.as_deref(), shown.email.as_deref()), (Some("Ada Lovelace"), Some("ada@example.com")));

    let other = vault.seal(&merchant("m-1"), "c-2", ada()).await.unwrap();
    vault.seal(&merchant("m-2"), "c-1", ada()).await.unwrap();
    assert_ne!(other.name, sealed.name, "another subject, another text");
    let swapped = Details { name: sealed.email.clone(), ..Details::default() };
    for (of, subject, sealed) in [("m-1", "c-2", &sealed), ("m-2", "c-1", &sealed), ("m-1", "c-1", &swapped)] {
        assert_eq!(opened(vault, of, subject, sealed).await, Details::default(), "{of} {subject}");
    }
    let mode = std::fs::metadata(dir.join("vault-key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn a_destroyed_key_never_comes_back() {
    let Given { vault, log, .. } = &given().await;
    let sealed = vault.seal(&merchant("m-1"), "c-1", ada()).await.unwrap();
    for _ in 0..2 {
        vault.destroy(&merchant("m-1"), "c-1").await.unwrap();
        assert_eq!(opened(vault, "m-1", "c-1", &sealed).await, Details::default());
        let again = vault.seal(&merchant("m-1"), "c-1", ada()).await;
        assert!(matches!(again, Err(VaultError::Destroyed)), "{again:?}");
    }
    // Somebody of whom nothing was known can be forgotten too.
    vault.destroy(&merchant("m-1"), "c-9").await.unwrap();
    assert!(matches!(vault.seal(&merchant("m-1"), "c-9", ada()).await, Err(VaultError::Destroyed)));
    let left = "select count(*) from vault.keys where wrapped is not null";
    assert_eq!(sqlx::query_scalar::<_, i64>(left).fetch_one(log.pool()).await.unwrap(), 0);
}

#[tokio::test]
async fn of_many_who_are_first_one_makes_the_key() {
    let given = given().await;
    let mut sealing = JoinSet::new();
    for _ in 0..12 {
        // A vault each, as processes would have.
        let vault = Vault::new(given.log.pool().clone(), &given.dir);
        sealing.spawn(async move { vault.seal(&merchant("m-1"), "c-1", ada()).await.unwrap() });
    }
    let sealed = sealing.join_all().await;
    assert!(sealed.iter().all(|it| *it == sealed[0]));
}

#[tokio::test]
async fn without_the_wrapping_key_nothing_opens_and_no_other_is_made() {
    let given = given().await;
    let sealed = given.vault.seal(&merchant("m-1"), "c-1", ada()).await.unwrap();
    let path = given.dir.join("vault-key");
    let key = std::fs::read_to_string(&path).unwrap();
    let fresh = || Vault::new(given.log.pool().clone(), &given.dir);
    let asked = || vec![("c-1", sealed.clone())];
    std::fs::remove_file(&path).unwrap();
    let gone = fresh().open(&merchant("m-1"), asked()).await;
    assert!(matches!(gone, Err(VaultError::NoKey { .. })), "{gone:?}");
    assert!(!path.exists(), "a new key would open nothing");
    for other in ["", "MIZAN+VAULT+KEY+AAAA", &key.replace("MIZAN", "MAZIN")] {
        std::fs::write(&path, other).unwrap();
        let damaged = fresh().open(&merchant("m-1"), asked()).await;
        assert!(matches!(damaged, Err(VaultError::Damaged(_))), "{damaged:?}");
    }
    // A key of another installation is no key of this one.
    let flipped =
        if key.contains("KEY+A") { key.replace("KEY+A", "KEY+B") } else { key.replacen(&key[16..17], "A", 1) };
    std::fs::write(&path, flipped).unwrap();
    let foreign = fresh().open(&merchant("m-1"), asked()).await;
    assert!(matches!(foreign, Err(VaultError::Damaged(_))), "{foreign:?}");
    std::fs::write(&path, &key).unwrap();
    assert_eq!(fresh().open(&merchant("m-1"), asked()).await.unwrap()[0].name.as_deref(), Some("Ada Lovelace"));
}
