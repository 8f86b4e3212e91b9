//! `tombola up` before it starts anything.

use crate::rig::Rig;

#[test]
fn a_broken_sweep_file_is_refused_before_anything_starts() {
    let rig = Rig::start();
    rig.write("broken.toml", "name = 7\n");
    let outcome = rig.run(&["up", "--state", "state", "--run", "broken.toml"]);
    assert!(outcome.stderr.contains("broken.toml:1:8: `name`: `7` is not a name"), "{}", outcome.stderr);
    assert_eq!(outcome.code, 2);
    assert!(!rig.folder().join("state").exists());
}

#[test]
fn a_state_folder_that_a_coordinator_serves_already_is_left_to_it() {
    let rig = Rig::start();
    std::fs::create_dir(rig.folder().join("state")).unwrap();
    rig.write("state/address", rig.address());
    insta::assert_snapshot!(rig.told(&["up", "--state", "state"]));
    assert!(rig.folder().join("state/address").exists());
}
