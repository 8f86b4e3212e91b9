//! Errors by the exit code they lead to, and how a refused request reads.

use std::{error::Error, process::ExitCode};

/// An error whose kind decides the exit code. Anything else exits with 1.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The input is wrong: exit code 2.
    #[error("{0}")]
    Input(String),
    /// No coordinator answers: exit code 3.
    #[error("{0}")]
    Unreachable(String),
}

/// 1 = refused or failed, 2 = wrong input, 3 = no coordinator.
pub(crate) fn exit_code(error: &anyhow::Error) -> ExitCode {
    match error.downcast_ref::<Failure>() {
        Some(Failure::Input(_)) => ExitCode::from(2),
        Some(Failure::Unreachable(_)) => ExitCode::from(3),
        None => ExitCode::from(1),
    }
}

/// What a gRPC answer means to a person.
pub(crate) fn refused(status: &tonic::Status, address: &str) -> anyhow::Error {
    let message = status.message();
    // A refusal has no cause of its own; a connection that broke has.
    let code = if status.source().is_some() { tonic::Code::Unavailable } else { status.code() };
    match code {
        tonic::Code::InvalidArgument => Failure::Input(message.to_owned()).into(),
        tonic::Code::Unavailable => Failure::Unreachable(format!(
            "the coordinator at {address} is not available: {message}\nhint: it may be starting or restarting; try again"
        ))
        .into(),
        tonic::Code::Unimplemented => anyhow::anyhow!(
            "the coordinator at {address} does not know this request\nhint: it is older than this command; upgrade it"
        ),
        _ => anyhow::anyhow!("{message}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic::{Code, Status};

    #[test]
    fn a_refusal_reads_as_what_to_do_and_not_as_a_code() {
        let said = |code, message: &str| refused(&Status::new(code, message), "lab:7654").to_string();
        assert_eq!(said(Code::NotFound, "no sweep is called `x`"), "no sweep is called `x`");
        assert!(said(Code::Unimplemented, "").contains("it is older than this command; upgrade it"));
        assert!(
            said(Code::Unavailable, "").contains("lab:7654")
                && said(Code::Unavailable, "").contains("try again")
        );
    }

    #[test]
    fn what_went_wrong_decides_the_exit_code() {
        let code = |code| format!("{:?}", exit_code(&refused(&Status::new(code, ""), "lab:7654")));
        let number = |n: u8| format!("{:?}", ExitCode::from(n));
        assert_eq!(code(Code::InvalidArgument), number(2));
        assert_eq!(code(Code::Unavailable), number(3));
        assert_eq!(code(Code::FailedPrecondition), number(1));
    }
}
