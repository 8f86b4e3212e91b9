//! One key for all coordinators of a state: a token names one, and whoever holds it believes no coordinator that shows another.

use super::Certificate;
use anyhow::Context;
use std::{fs, io::ErrorKind, path::Path};

/// The pin of the key that tokens name, in the folder that coordinators of one state share. It is no secret.
const FILE: &str = "tls.pin";

const LEADS: &str = "the key of this coordinator is not the one that tokens made so far name; who has such a token and no --ca is \
                     refused, and needs a new one";
const WAITS: &str = "the certificate of this standby has another key than tokens name; once it leads, who has a token and no --ca is \
                     refused; give all coordinators of a state one key, or everybody --ca";

/// Compares a coordinator's key with the one that tokens name; who `leads` says which that is. Returns what the operator has to
/// know.
///
/// # Errors
/// When a standby made another key for itself. One that was given another certificate is only warned: holders of tokens may go
/// by its authority (`--ca`).
pub(super) fn agree(
    folder: &Path,
    certificate: &Certificate,
    leads: bool,
) -> anyhow::Result<Option<&'static str>> {
    let (file, ours) = (folder.join(FILE), certificate.pin().to_string());
    let named = match fs::read_to_string(&file) {
        Ok(text) => Some(text.trim().to_owned()),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(error).with_context(|| format!("cannot read `{}`", file.display())),
    };
    let differs = named.as_ref().is_some_and(|named| *named != ours);
    if leads && (named.is_none() || differs) {
        fs::write(&file, format!("{ours}\n"))
            .with_context(|| format!("cannot write `{}`", file.display()))?;
    }
    match (differs, leads) {
        (false, _) => Ok(None),
        (true, true) => Ok(Some(LEADS)),
        (true, false) if !certificate.is_own() => Ok(Some(WAITS)),
        (true, false) => anyhow::bail!(
            "the key of this standby is not the one that tokens name: once it leads, nobody who holds one would believe it\n\
             hint: copy `tls.key` of the coordinator that leads into this state folder, over the one that is there"
        ),
    }
}
