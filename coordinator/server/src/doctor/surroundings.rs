//! Folders and their file systems.

use crate::{
    config::{Config, Database},
    finding::{Finding, Grade},
    store::network_file_system,
};
use rustix::fs::{Access, access, statvfs};
use std::{
    fs,
    net::{SocketAddr, TcpStream},
    os::unix::fs::MetadataExt,
    path::Path,
    time::Duration,
};

/// With less space left a coordinator may stop at any moment, or before long.
const NO_SPACE: u64 = 256 << 20;
const LITTLE_SPACE: u64 = 4 << 30;
/// How long a coordinator may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

pub(super) fn look(config: &Config) -> Vec<Finding> {
    let mut findings = vec![coordinator(config)];
    let sqlite = config.database == Database::Sqlite;
    findings.extend(folder("state folder", &config.state, sqlite));
    findings.extend(folder("artifact folder", &config.artifacts, false));
    findings
}

/// Whether one serves this state, as far as the file that says so goes.
fn coordinator(config: &Config) -> Finding {
    let told = fs::read_to_string(config.address_file()).ok();
    let address: Option<SocketAddr> =
        told.and_then(|text| text.trim().trim_start_matches("https://").parse().ok());
    let found = match address {
        Some(address) if TcpStream::connect_timeout(&address, PATIENCE).is_ok() => {
            format!("one answers at {address}")
        }
        Some(address) => format!("one was at {address} and does not answer"),
        None => "none serves this state from here".to_owned(),
    };
    Finding::new("coordinator", Grade::Note, found)
}

/// `database`: whether SQLite lives there.
fn folder(role: &'static str, path: &Path, database: bool) -> Vec<Finding> {
    let shown = path.display();
    let metadata = match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => metadata,
        Ok(_) => return vec![unusable(role, format!("`{shown}` is no folder"))],
        Err(error) => return vec![unusable(role, format!("`{shown}`: {error}"))],
    };
    let mut findings = vec![rights(role, path, metadata.mode())];
    findings.extend(network(role, path, database));
    if let Ok(space) = statvfs(path) {
        findings.push(free_space(role, path, space.f_bavail * space.f_frsize));
    }
    findings
}

fn unusable(role: &'static str, found: String) -> Finding {
    Finding::new(role, Grade::Fault, found).so(
        "no coordinator can serve it",
        "--state and --artifacts, or the configuration file, say where the folders are; run this as the coordinator's user",
    )
}

fn rights(role: &'static str, path: &Path, mode: u32) -> Finding {
    let shown = path.display();
    if access(path, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK).is_err() {
        return unusable(role, format!("this user may not read and write `{shown}`"));
    }
    if mode & 0o002 != 0 {
        return Finding::new(role, Grade::Fault, format!("everybody on this machine may write to `{shown}`"))
            .so("anybody can change or remove records and weights", format!("chmod o-w {shown}"));
    }
    Finding::new(role, Grade::Fine, format!("`{shown}` can be read and written by this user"))
}

fn network(role: &'static str, path: &Path, database: bool) -> Option<Finding> {
    let kind = network_file_system(path).ok()??;
    let found = format!("`{}` is on a network file system ({kind})", path.display());
    Some(if database {
        Finding::new(role, Grade::Fault, found).so(
            "SQLite can lose data there, and a coordinator does not start",
            "use a local disk, or Postgres",
        )
    } else {
        Finding::new(role, Grade::Note, found)
            .so("uploads take as long as it takes to write there durably", "nothing")
    })
}

fn free_space(role: &'static str, path: &Path, bytes: u64) -> Finding {
    let found = format!("{} MiB are free for `{}`", bytes >> 20, path.display());
    if bytes >= LITTLE_SPACE {
        return Finding::new(role, Grade::Fine, found);
    }
    let grade = if bytes >= NO_SPACE { Grade::Warning } else { Grade::Fault };
    Finding::new(role, grade, found).so(
        "on a full disk commits and uploads fail; nothing acknowledged is lost, and workers keep their results and try again",
        "free space, or move the folder to a larger disk",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_disk_that_is_nearly_full_is_warned_of_and_a_full_one_is_a_fault() {
        let grade = |bytes| free_space("state folder", Path::new("/x"), bytes).grade;
        assert_eq!(
            [grade(1 << 40), grade(1 << 30), grade(1 << 20)],
            [Grade::Fine, Grade::Warning, Grade::Fault]
        );
    }

    #[test]
    fn a_folder_that_everybody_may_write_to_is_a_fault() {
        let place = tempfile::tempdir().unwrap();
        let looked = || folder("state folder", place.path(), true)[0].grade;
        assert_eq!(looked(), Grade::Fine);
        fs::set_permissions(place.path(), fs::Permissions::from_mode(0o777)).unwrap();
        assert_eq!(looked(), Grade::Fault);
        let missing = folder("state folder", &place.path().join("missing"), true);
        assert!(missing[0].is_ill() && missing[0].todo.contains("--state"), "{missing:?}");
    }
}
