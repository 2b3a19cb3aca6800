//! Who may sign, and how that changes hands.

use super::{Dir, Sealed};
use mizan_store::seal::sealer::keys;
use mizan_store::seal::{Halted, SealError, Sealer};
use std::fs;
use std::os::unix::fs::PermissionsExt;

#[tokio::test]
async fn the_private_key_is_for_its_owner_only() {
    let it = Sealed::with(1).await;
    it.sealer().seal().await.unwrap();
    for name in ["seal-key", "seal-last"] {
        assert_eq!(fs::metadata(it.dir.join(name)).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
    }
    assert!(fs::read_to_string(it.dir.join("seal-key")).unwrap().starts_with("PRIVATE+KEY+mizan/"));
}

/// The old checkpoint still holds, the new one is signed by the new key, and a sealer that was running goes on.
#[tokio::test]
async fn a_key_is_rotated_under_a_running_sealer() {
    let it = Sealed::with(10).await;
    let mut running = it.sealer();
    running.seal().await.unwrap();
    let first = keys(&mut it.database.connection().await).await.unwrap().unwrap();
    let second = it.sealer().rotate().await.unwrap();
    assert!(first.checkpoint(&fs::read_to_string(it.dir.join("seal-last")).unwrap()).is_ok());
    it.append("more", 5).await;
    assert_eq!(running.seal().await.unwrap().number(), 15);
    let both = keys(&mut it.database.connection().await).await.unwrap().unwrap();
    assert_eq!((both.current(), both.of_size(10), both.of_size(11)), (&second, first.current(), &second));
    assert_eq!(it.checkpoints().await.iter().map(|it| it.size).collect::<Vec<_>>(), [10, 15]);
    let note = fs::read_to_string(it.dir.join("seal-last")).unwrap();
    assert!(first.checkpoint(&note).is_err() && both.checkpoint(&note).is_ok());
    // As often as one likes, also while nothing happens.
    for _ in 0..3 {
        it.sealer().rotate().await.unwrap();
    }
    it.append("still more", 1).await;
    running.seal().await.unwrap();
    assert_eq!(it.checkpoints().await.len(), 3);
}

/// The new key was announced, and the process died before it took the place of the old one.
#[tokio::test]
async fn a_rotation_that_died_half_way_is_brought_to_its_end() {
    let it = Sealed::with(10).await;
    it.sealer().seal().await.unwrap();
    let old = fs::read_to_string(it.dir.join("seal-key")).unwrap();
    it.sealer().rotate().await.unwrap();
    fs::rename(it.dir.join("seal-key"), it.dir.join("seal-key.next")).unwrap();
    fs::write(it.dir.join("seal-key"), &old).unwrap();
    it.append("more", 1).await;
    assert_eq!(it.sealer().seal().await.unwrap().number(), 11);
    assert_ne!(fs::read_to_string(it.dir.join("seal-key")).unwrap(), old);
    assert!(!it.dir.join("seal-key.next").exists());
    // One that died before it was announced leaves the old key in charge.
    fs::write(it.dir.join("seal-key.next"), &old).unwrap();
    it.append("and more", 1).await;
    assert_eq!(it.sealer().seal().await.unwrap().number(), 12);
}

#[tokio::test]
async fn a_process_without_the_key_does_not_seal() {
    let it = Sealed::with(1).await;
    it.sealer().seal().await.unwrap();
    it.append("more", 1).await;
    let elsewhere = Dir::new();
    let refused = Sealer::new(it.log.clone(), &elsewhere).seal().await.unwrap_err();
    assert!(matches!(refused, SealError::Halted(Halted::OtherKey { .. })), "{refused}");
    assert!(refused.to_string().contains(elsewhere.to_str().unwrap()), "{refused}");
    assert_eq!(it.checkpoints().await.len(), 1);
}
