//! The arrows of the house run one way: api -> projections -> domain, api -> store -> domain.

use std::path::Path;

/// What each crate of the workspace may depend on.
const MAY_DEPEND: [(&str, &[&str]); 4] = [
    ("domain", &[]),
    ("store", &["mizan-domain"]),
    ("projections", &["mizan-domain", "mizan-store"]),
    ("api", &["mizan-domain", "mizan-projections", "mizan-store"]),
];

#[test]
fn dependencies_between_the_crates_run_one_way() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    for (folder, expected) in MAY_DEPEND {
        let manifest = std::fs::read_to_string(root.join(folder).join("Cargo.toml")).unwrap();
        assert_eq!(crates_in(&manifest), expected, "{folder}/Cargo.toml");
    }
    // And nobody has moved in without a line in this table.
    let workspace = std::fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let members = workspace.lines().find(|line| line.starts_with("members")).unwrap();
    let is_for_tests = |it: &&str| it.split('/').next() == Some("tests");
    let members: Vec<&str> = members.split('"').skip(1).step_by(2).filter(|it| !is_for_tests(it)).collect();
    assert_eq!(members, MAY_DEPEND.map(|(folder, _)| folder));
}

/// Our own crates that a manifest names, in whatever section and under whatever name: a dependency of the tests is an
/// arrow too.
fn crates_in(manifest: &str) -> Vec<&str> {
    let dependencies = manifest.split("dependencies]").skip(1);
    let lines = dependencies.flat_map(|section| section.split("\n[").next().unwrap_or_default().lines());
    let mut found: Vec<&str> = lines.filter_map(|line| line.get(line.find("mizan")?..)).collect();
    for it in &mut found {
        *it = it.split(|c: char| !c.is_alphanumeric() && c != '-').next().unwrap_or_default();
    }
    found.sort_unstable();
    found.dedup();
    found
}

#[test]
fn the_reader_of_manifests_sees_every_arrow() {
    let manifest = "[package]\nname = \"mizan\"\n\n[dependencies]\nmizan-store.workspace = true\nserde = \"1\"\n\n\
                    [lints]\n\n[dev-dependencies]\nother = { package = \"mizan-domain\", path = \"../domain\" }\n";
    assert_eq!(crates_in(manifest), ["mizan-domain", "mizan-store"]);
}
