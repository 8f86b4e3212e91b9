//! Runs one of `tombola-guided`'s targets: over and over by libFuzzer, if it was built with that; else on files.
//!
//! ```text
//! guided                     names of the targets
//! guided TARGET              its good inputs
//! guided TARGET FILE...      these inputs, such as one that libFuzzer left
//! ```

#![cfg_attr(feature = "libfuzzer", no_main)]

#[cfg(feature = "libfuzzer")]
mod guided {
    use std::{env, path::Path, process, sync::LazyLock};
    use tombola_guided::{TARGETS, Target, target};

    /// The one that `TOMBOLA_FUZZ_TARGET` names: libFuzzer has the command line for itself.
    static TARGET: LazyLock<&Target> = LazyLock::new(|| {
        let name = env::var("TOMBOLA_FUZZ_TARGET").unwrap_or_default();
        target(&name).unwrap_or_else(|error| panic!("{error}; TOMBOLA_FUZZ_TARGET names one"))
    });

    libfuzzer_sys::fuzz_target!(init: begin(), |bytes: &[u8]| (TARGET.run)(bytes));

    /// With `TOMBOLA_FUZZ_LAY_OUT` only makes what libFuzzer begins with, in a folder there for each target, and names these.
    #[expect(clippy::exit, reason = "libFuzzer has `main`")]
    fn begin() {
        let Some(folder) = env::var_os("TOMBOLA_FUZZ_LAY_OUT") else {
            LazyLock::force(&TARGET);
            return;
        };
        for target in TARGETS {
            target.lay_out(&Path::new(&folder).join(target.name)).expect("a folder that can be written");
            super::say(target.name);
        }
        process::exit(0);
    }
}

#[cfg(not(feature = "libfuzzer"))]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    use std::fs;
    use tombola_guided::{TARGETS, target};

    let words: Vec<String> = std::env::args().skip(1).collect();
    let Some((name, files)) = words.split_first() else {
        let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
        say(&names.join("\n"));
        return Ok(());
    };
    let target = target(name)?;
    match files {
        [] => {
            let seeds = (target.seeds)();
            assert!(!seeds.is_empty(), "there is nothing to begin with");
            seeds.iter().for_each(|seed| (target.run)(seed));
        }
        files => {
            for file in files {
                (target.run)(&fs::read(file).map_err(|error| format!("`{file}`: {error}"))?);
            }
        }
    }
    say("nothing went wrong");
    Ok(())
}

#[expect(clippy::print_stdout, reason = "it is a program for people")]
fn say(text: &str) {
    println!("{text}");
}
