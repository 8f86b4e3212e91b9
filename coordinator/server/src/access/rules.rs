//! Who may ask what: one line a method. What is not listed is not served.

use Rule::{AnyToken, Anyone, Only};
use tombola_core::record::Role::{self, Client, Reader, Worker};

/// What a method needs. The operator may ask everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    /// No token: it tells nothing but whether this coordinator serves, and balancers and clients ask it first.
    Anyone,
    /// Any good token.
    AnyToken,
    /// A token of one of these roles.
    Only(&'static [Role]),
}

const LOOK: Rule = Only(&[Reader, Client]);
const STEER: Rule = Only(&[Client]);
const WORK: Rule = Only(&[Worker]);
const SEND: Rule = Only(&[Client, Worker]);
const TAKE: Rule = Only(&[Reader, Client, Worker]);
const OPERATE: Rule = Only(&[]);

/// Every method of every service.
const RULES: &[(&str, Rule)] = &[
    ("/tombola.v1.SweepService/Plan", LOOK),
    ("/tombola.v1.SweepService/Diff", LOOK),
    ("/tombola.v1.SweepService/Submit", STEER),
    ("/tombola.v1.SweepService/Extend", STEER),
    ("/tombola.v1.SweepService/Get", LOOK),
    ("/tombola.v1.SweepService/List", LOOK),
    ("/tombola.v1.SweepService/Watch", LOOK),
    ("/tombola.v1.SweepService/Pause", STEER),
    ("/tombola.v1.SweepService/Resume", STEER),
    ("/tombola.v1.SweepService/Stop", STEER),
    ("/tombola.v1.SweepService/Cancel", STEER),
    ("/tombola.v1.SweepService/Retry", STEER),
    ("/tombola.v1.SweepService/Explain", LOOK),
    ("/tombola.v1.SweepService/Failures", LOOK),
    ("/tombola.v1.SweepService/Results", LOOK),
    ("/tombola.v1.SweepService/Ticket", LOOK),
    ("/tombola.v1.SweepService/MakeAgain", STEER),
    ("/tombola.v1.SweepService/Workers", LOOK),
    ("/tombola.v1.SweepService/Drain", STEER),
    ("/tombola.v1.QueryService/Query", LOOK),
    ("/tombola.v1.WorkerService/Session", WORK),
    ("/tombola.v1.ArtifactService/Put", SEND),
    // Pins what it finds: a first step of sending.
    ("/tombola.v1.ArtifactService/Have", SEND),
    ("/tombola.v1.ArtifactService/Get", TAKE),
    ("/tombola.v1.AccessService/CreateToken", OPERATE),
    ("/tombola.v1.AccessService/ListTokens", OPERATE),
    ("/tombola.v1.AccessService/RevokeToken", OPERATE),
    ("/grpc.health.v1.Health/Check", Anyone),
    ("/grpc.health.v1.Health/Watch", Anyone),
    ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", AnyToken),
    ("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", AnyToken),
];

/// The rule of a method, by its path.
pub(crate) fn rule(path: &str) -> Option<Rule> {
    RULES.iter().find(|(method, _)| *method == path).map(|(_, rule)| *rule)
}

impl Rule {
    /// Whether the holder of a token of this role may ask.
    pub(crate) fn allows(self, role: Role) -> bool {
        match self {
            Anyone | AnyToken => true,
            Only(roles) => roles.contains(&role),
        }
    }

    /// Who may ask, for people: `client or worker`.
    pub(crate) fn who(self) -> String {
        match self {
            Anyone | AnyToken => "any".to_owned(),
            Only([]) => "operator".to_owned(),
            Only(roles) => roles.iter().map(|role| role.name()).collect::<Vec<_>>().join(" or "),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost::Message as _;
    use std::collections::BTreeSet;

    /// Paths of all methods in an encoded set of descriptors.
    fn methods(descriptors: &[u8]) -> Vec<String> {
        let set = prost_types::FileDescriptorSet::decode(descriptors).unwrap();
        let mut paths = Vec::new();
        for file in &set.file {
            for service in &file.service {
                let path = |method: &str| format!("/{}.{}/{method}", file.package(), service.name());
                paths.extend(service.method.iter().map(|method| path(method.name())));
            }
        }
        paths
    }

    #[test]
    fn every_method_has_one_rule_and_every_rule_a_method() {
        let served = [
            tombola_wire::DESCRIPTORS,
            tonic_health::pb::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
        ];
        let served: BTreeSet<String> = served.into_iter().flat_map(methods).collect();
        let ruled: Vec<String> = RULES.iter().map(|(path, _)| (*path).to_owned()).collect();
        assert_eq!(ruled.len(), ruled.iter().collect::<BTreeSet<_>>().len(), "a method has two rules");
        assert_eq!(ruled.into_iter().collect::<BTreeSet<_>>(), served);
    }

    #[test]
    fn a_role_does_what_it_is_for_and_no_more() {
        let may = |role, method: &str| rule(&format!("/tombola.v1.{method}")).unwrap().allows(role);
        let all =
            ["SweepService/List", "SweepService/Submit", "WorkerService/Session", "AccessService/ListTokens"];
        assert_eq!(all.map(|method| may(Reader, method)), [true, false, false, false]);
        assert_eq!(all.map(|method| may(Client, method)), [true, true, false, false]);
        assert_eq!(all.map(|method| may(Worker, method)), [false, false, true, false]);
        let files = ["ArtifactService/Put", "ArtifactService/Have", "ArtifactService/Get"];
        assert_eq!(files.map(|method| may(Reader, method)), [false, false, true]);
        assert!([Client, Worker].iter().all(|role| files.iter().all(|method| may(*role, method))));
    }
}
