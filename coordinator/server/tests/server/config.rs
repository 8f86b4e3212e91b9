//! Configuration: the annotated file, the layers and who wins, and that every mistake is shown at once.

use crate::{
    binary::{Binary, run},
    rig::Home,
};
use std::{fs, path::PathBuf};
use tempfile::TempDir;
use tombola_server::config::{Config, Flags, LogFormat};

fn annotated() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../deploy/coordinator.toml")
}

fn of_file(file: PathBuf) -> Flags {
    Flags { config: Some(file), ..Flags::default() }
}

#[test]
fn the_annotated_file_holds_the_defaults() {
    assert_eq!(Config::load(&of_file(annotated())).unwrap(), Config::load(&Flags::default()).unwrap());
}

#[test]
fn the_annotated_file_explains_every_setting() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("coordinator.toml");
    fs::write(&file, "[nonsense]\nx = 1\n").unwrap();
    let error = Config::load(&of_file(file)).unwrap_err().to_string();
    // The hint lists all settings.
    let settings: Vec<&str> = error.split('`').skip(3).step_by(2).collect();
    assert!(settings.len() > 15, "{error}");
    let text = fs::read_to_string(annotated()).unwrap();
    let (mut section, mut explained) = (String::new(), Vec::new());
    for line in text.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = format!("{}.", name.trim_end_matches(']'));
        }
        // Settings whose default depends on the machine are commented out.
        if let Some((key, _)) = line.trim_start_matches("# ").split_once(" = ") {
            explained.push(format!("{section}{key}"));
        }
    }
    for setting in settings {
        assert!(explained.iter().any(|key| key == setting), "`{setting}` is not in deploy/coordinator.toml");
    }
}

#[tokio::test]
async fn a_coordinator_starts_from_the_annotated_file() {
    let home = Home::sqlite();
    let file = annotated();
    let binary = Binary::start(&home, &["--config", file.to_str().unwrap()], &[]).await;
    assert_eq!(binary.stop().await, Some(0));
}

/// What the layers make of `limits.query_rows`, `workers.chain`, `log.format` and the address.
#[tokio::test]
async fn flags_win_over_the_environment_and_that_over_the_file() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("coordinator.toml");
    let state = folder.path().join("state");
    let text = "listen = \"nowhere\"\n[workers]\nchain = 0\n[log]\nformat = \"text\"\nfilter = \"off\"\n";
    fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap();
    let flags = ["--config", file, "--state", state.to_str().unwrap()];
    // The file's own values are wrong, and seen.
    let (code, words) = run(&flags, &[]).await;
    assert_eq!(code, Some(2));
    assert!(words.contains("nowhere") && words.contains("chain"), "{words}");
    // The environment hides one of them, a flag the other.
    let environment = [("TOMBOLA_COORDINATOR_WORKERS__CHAIN", "4"), ("TOMBOLA_COORDINATOR_LISTEN", "nobody")];
    let (code, words) = run(&flags, &environment).await;
    assert_eq!(code, Some(2));
    assert!(words.contains("nobody") && !words.contains("nowhere") && !words.contains("chain"), "{words}");
    let home = Home::sqlite();
    let binary = Binary::start(&home, &["--config", file], &environment).await;
    assert_eq!(binary.stop().await, Some(0));
}

#[test]
fn a_flag_that_is_not_given_hides_nothing() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("coordinator.toml");
    fs::write(&file, "insecure = true\nlisten = \"0.0.0.0:1234\"\n[log]\nformat = \"json\"\n").unwrap();
    let config = Config::load(&of_file(file)).unwrap();
    assert!(config.insecure && config.log.format == LogFormat::Json);
    assert_eq!(config.listen.to_string(), "0.0.0.0:1234");
}

#[tokio::test]
async fn all_mistakes_are_shown_at_once() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("coordinator.toml");
    let text = "listn = \"127.0.0.1:0\"\ntokens = true\ndatabase = \"mysql://x\"\n\
                [workers]\nterm = 30\nheartbeat = \"20s\"\n[limits]\nmessage = \"1GiB\"\n\
                [uploads]\nunnamed = \"1MiB\"\n[tls]\ncert = \"cert.pem\"\n";
    fs::write(&file, text).unwrap();
    let (code, words) = run(&["--config", file.to_str().unwrap(), "--insecure"], &[]).await;
    assert_eq!(code, Some(2));
    for mistake in [
        "`listn`",
        "names no database",
        "workers.term",
        "limits.message",
        "limits.backlog",
        "uploads.unnamed",
        "`tls.cert` and `tls.key` belong together",
        "`insecure` lets everybody in",
    ] {
        assert!(words.contains(mistake), "{mistake} in {words}");
    }
}

/// Every upload counts as 64 KiB at least: none would ever be taken.
#[tokio::test]
async fn room_for_less_than_one_upload_is_refused() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("coordinator.toml");
    fs::write(&file, "[limits]\nartifact = \"32KiB\"\n[uploads]\nunnamed = \"32KiB\"\n").unwrap();
    let (code, words) = run(&["--config", file.to_str().unwrap()], &[]).await;
    assert!(code == Some(2) && words.contains("`uploads.unnamed` is 32KiB"), "{words}");
}

#[tokio::test]
async fn insecure_keeps_an_address_that_others_reach_in_plain_text() {
    let home = Home::sqlite();
    let binary = Binary::start(&home, &["--listen", "0.0.0.0:0", "--insecure"], &[]).await;
    // Local clients are told an address they can reach, and nobody needs a token.
    assert!(binary.address.ip().is_loopback(), "{}", binary.address);
    assert!(!home.state().join("operator.token").exists() && !home.state().join("tls.key").exists());
    assert_eq!(binary.stop().await, Some(0));
}
