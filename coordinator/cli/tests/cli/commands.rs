//! Every command against a stand-in coordinator: what it asks, what it shows as a table and as JSON, how it exits.

use crate::rig::{ENDLESS, FAILED, Rig, SWEEP, WHOLE, tombola};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    io::{BufRead, BufReader},
    process::Stdio,
};

/// A rig with a good and a broken sweep file at hand.
fn rig() -> Rig {
    let rig = Rig::start();
    rig.write("sweep.toml", SWEEP);
    rig.write("more.toml", &SWEEP.replace("1..=2", "1..=3").replace("1.2e-3", "1e-3"));
    rig.write("broken.toml", &SWEEP.replace("batch", "bacth").replace("0.2", "20"));
    rig
}

mod looking {
    use super::*;

    #[test]
    fn list_shows_every_sweep_in_a_line() {
        insta::assert_snapshot!(rig().shown(&["list"]));
    }

    #[test]
    fn show_tells_how_far_a_sweep_is_and_repeats_its_file() {
        insta::assert_snapshot!(rig().shown(&["show", "lenet"]));
    }

    #[test]
    fn results_put_ticket_and_controls_side_by_side() {
        let rig = rig();
        insta::assert_snapshot!(rig.shown(&["results", "s1"]));
        insta::assert_snapshot!("results_sql", rig.told(&["results", "lenet", "--sql"]));
    }

    #[test]
    fn results_of_a_sweep_that_only_failed_lead_to_its_failures() {
        insta::assert_snapshot!(rig().told(&["results", FAILED]));
    }

    #[test]
    fn report_is_a_page_that_names_the_sweep_and_draws_its_runs() {
        let rig = rig();
        insta::assert_snapshot!(rig.shown(&["report", "lenet", "--file", "page.html"]));
        let page = std::fs::read_to_string(rig.folder().join("page.html")).unwrap();
        assert!(page.contains("<title>lenet</title>") && page.matches("r=\"2.4\"").count() == 10);
        assert_eq!(rig.run(&["report", "lenet", "--file", "no/such/folder/page.html"]).code, 1);
    }

    #[test]
    fn failures_say_what_went_wrong_where() {
        insta::assert_snapshot!(rig().shown(&["failures", "lenet"]));
    }

    #[test]
    fn explain_says_what_a_job_waits_for() {
        insta::assert_snapshot!(rig().shown(&["explain", "j12"]));
    }

    #[test]
    fn workers_show_their_slots_and_what_runs_there() {
        insta::assert_snapshot!(rig().shown(&["workers"]));
    }

    #[test]
    fn watch_without_a_terminal_writes_a_log_and_exits_with_1_if_jobs_failed() {
        insta::assert_snapshot!(rig().told(&["watch", "lenet"]));
    }

    #[test]
    fn watch_waits_for_a_coordinator_that_restarts() {
        let rig = rig();
        let outcome = rig.run(&["watch", "s1"]);
        assert!(outcome.stderr.contains("sweep lenet: failed"), "{}", outcome.stderr);
        assert_eq!(rig.asked(), ["Watch s1"; 2]);
        let said: Vec<&str> = outcome.stderr.lines().collect();
        let at =
            said.iter().position(|line| line.starts_with("the coordinator does not answer; waiting for it"));
        assert!(said[at.unwrap() + 1].starts_with("the coordinator is back after "), "{said:?}");
    }

    #[test]
    fn ctrl_c_leaves_the_sweep_alone_and_says_how_to_see_it_again() {
        let rig = rig();
        let mut command = rig.command(&["watch", ENDLESS]);
        let mut watch = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(watch.stderr.take().unwrap()).lines().map(Result::unwrap);
        assert_eq!(said.next().as_deref(), Some("lenet: 50 %, 131 jobs done, 2 running"));
        kill_process(Pid::from_child(&watch), Signal::INT).unwrap();
        assert_eq!(said.collect::<Vec<_>>(), ["the sweep goes on; `tombola watch endless` shows it again"]);
        assert_eq!(watch.wait().unwrap().code(), Some(130));
    }

    #[test]
    fn watch_for_scripts_is_one_object_a_line() {
        let outcome = rig().run(&["watch", "lenet", "--output", "json"]);
        let events: Vec<serde_json::Value> =
            outcome.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(events.len(), 3);
        assert_eq!(events[1]["ended"][1]["message"], "not finite: the loss at iteration 400");
        assert_eq!((events[2]["sweep"]["finished"].as_bool(), outcome.code), (Some(true), 1));
    }

    #[test]
    fn sql_prints_a_table_json_or_csv() {
        let rig = rig();
        insta::assert_snapshot!(rig.shown(&["sql", "select 1"]));
        let csv = rig.run(&["sql", "select 1", "--format", "csv"]);
        assert_eq!(
            csv.stdout,
            "sweep,seed,accuracy,matching\r\nlenet,1,0.8886,true\r\n\"a, \"\"b\"\"\",2,,false\n"
        );
        let json = rig.run(&["sql", "select 1", "--format", "json"]);
        assert_eq!(json.stdout, rig.run(&["sql", "select 1", "--output", "json"]).stdout);
    }

    #[test]
    fn a_statement_may_begin_with_a_comment() {
        let rig = rig();
        let outcome = rig.run(&["sql", "-- how many\nselect 1", "--max-rows", "2", "--format", "csv"]);
        assert_eq!(rig.asked(), ["Query -- how many"], "{}", outcome.stderr);
    }

    #[test]
    fn sql_says_when_rows_are_left_out_and_why_a_statement_is_refused() {
        let rig = rig();
        insta::assert_snapshot!("sql_cut", rig.told(&["sql", "select 1", "--max-rows", "2"]));
        insta::assert_snapshot!("sql_refused", rig.told(&["sql", "drop table jobs"]));
    }
}

mod asking {
    use super::*;

    #[test]
    fn plan_says_what_would_run_and_what_is_done_already() {
        let rig = rig();
        insta::assert_snapshot!(rig.shown(&["plan", "sweep.toml"]));
        assert_eq!(rig.asked(), ["Plan name = \"lenet\""; 2]);
    }

    #[test]
    fn plan_without_a_coordinator_says_what_it_cannot_know() {
        let rig = rig();
        let words = ["plan", "sweep.toml"];
        insta::assert_snapshot!(tombola(rig.folder(), None, &words).show(&words));
        let json = tombola(rig.folder(), None, &["plan", "sweep.toml", "--output", "json"]);
        let plan: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
        assert_eq!((&plan["jobs"], &plan["jobs_known"]), (&16.into(), &serde_json::Value::Null));
        assert_eq!(plan["device_seconds"], serde_json::Value::Null);
        assert_eq!(json.code, 0);
    }

    #[test]
    fn a_broken_file_is_refused_before_anything_is_asked() {
        let rig = rig();
        insta::assert_snapshot!(rig.told(&["submit", "broken.toml"]));
        assert_eq!(rig.asked(), [""; 0]);
        for words in [&["plan", "broken.toml"][..], &["extend", "lenet", "broken.toml"]] {
            assert_eq!(rig.run(words).code, 2, "{words:?}");
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        insta::assert_snapshot!(rig().told(&["submit", "missing.toml"]));
    }

    #[test]
    fn diff_tells_what_two_files_would_do_differently_without_a_coordinator() {
        let rig = rig();
        let words = ["diff", "sweep.toml", "more.toml"];
        insta::assert_snapshot!(tombola(rig.folder(), None, &words).show(&words));
        insta::assert_snapshot!(
            "diff_json",
            rig.told(&["diff", "sweep.toml", "more.toml", "--output", "json"])
        );
        insta::assert_snapshot!("diff_same", rig.told(&["diff", "sweep.toml", "sweep.toml"]));
        assert_eq!(rig.asked(), [""; 0]);
    }

    #[test]
    fn diff_takes_a_stored_sweep_for_a_file() {
        let rig = rig();
        insta::assert_snapshot!(rig.told(&["diff", WHOLE, "more.toml"]));
        assert_eq!(rig.asked(), ["Get whole"]);
        // Of "lenet" the stand-in has no whole file, which is told like any broken one.
        insta::assert_snapshot!("diff_broken", rig.told(&["diff", "lenet", "more.toml"]));
    }

    #[test]
    fn submit_says_what_is_new() {
        let rig = rig();
        insta::assert_snapshot!(rig.shown(&["submit", "sweep.toml"]));
        assert_eq!(rig.asked()[0], "Submit name = \"lenet\"");
    }

    #[test]
    fn submit_can_stay_and_watch() {
        insta::assert_snapshot!(rig().told(&["submit", "sweep.toml", "--watch"]));
    }

    #[test]
    fn extend_says_when_there_is_nothing_new() {
        let rig = rig();
        insta::assert_snapshot!(rig.shown(&["extend", "lenet", "more.toml"]));
        assert_eq!(rig.asked()[..2], ["Extend lenet", "by name = \"lenet\""]);
    }

    #[test]
    fn sweeps_are_steered_by_four_verbs() {
        let rig = rig();
        for verb in ["pause", "resume", "stop", "cancel"] {
            insta::assert_snapshot!(verb, rig.told(&[verb, "lenet"]));
        }
        assert_eq!(rig.asked(), ["Pause lenet", "Resume lenet", "Stop lenet", "Cancel lenet"]);
        insta::assert_snapshot!("pause_json", rig.told(&["pause", "lenet", "--output", "json"]));
    }

    #[test]
    fn retry_says_how_many_jobs_are_open_again() {
        insta::assert_snapshot!(rig().shown(&["retry", "lenet"]));
    }

    #[test]
    fn drain_asks_a_worker_to_leave() {
        let rig = rig();
        insta::assert_snapshot!(rig.shown(&["drain", "worker-1"]));
        assert_eq!(rig.asked(), ["Drain worker-1"; 2]);
    }
}

mod exits {
    use super::*;

    #[test]
    fn an_unknown_sweep_is_refused_with_1() {
        insta::assert_snapshot!(rig().told(&["show", "lenett"]));
    }

    #[test]
    fn wrong_words_are_refused_with_2() {
        let rig = rig();
        for words in [&["lsit"][..], &["show"], &["fetch", "lenet/0/1"], &["list", "--output", "xml"]] {
            assert_eq!(rig.run(words).code, 2, "{words:?}");
        }
    }

    #[test]
    fn without_a_coordinator_a_command_says_how_to_start_one_and_exits_with_3() {
        let rig = rig();
        insta::assert_snapshot!(tombola(rig.folder(), None, &["list"]).show(&["list"]));
    }

    #[test]
    fn an_address_that_is_none_is_refused_with_2() {
        let rig = rig();
        let outcome = tombola(rig.folder(), Some("not an address:1"), &["list"]);
        insta::assert_snapshot!(outcome.show(&["list"]));
        let outcome = tombola(rig.folder(), Some("lab"), &["list"]);
        insta::assert_snapshot!("no_port", outcome.show(&["list"]));
    }

    #[test]
    fn a_host_nobody_knows_is_told_from_one_that_does_not_answer() {
        let rig = rig();
        // No name under `.invalid` is ever given to a host.
        let outcome = tombola(rig.folder(), Some("lab.invalid:7654"), &["list"]);
        assert!(outcome.stderr.contains("no host `lab.invalid` is known here"), "{}", outcome.stderr);
        assert_eq!(outcome.code, 3);
    }
}

mod teaching {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_overview_names_every_command_and_every_exit_code() {
        let rig = rig();
        let help = rig.run(&["--help"]).stdout;
        insta::assert_snapshot!(help);
    }

    #[test]
    fn every_command_explains_itself_and_its_arguments() {
        for command in tombola_cli::Args::command().get_subcommands() {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
                assert!(argument.get_help().is_some(), "{} {}", command.get_name(), argument.get_id());
            }
        }
    }

    #[test]
    fn a_commands_own_options_come_before_those_that_all_have() {
        let help = rig().run(&["watch", "--help"]).stdout;
        insta::assert_snapshot!(help);
    }

    #[test]
    fn up_starts_a_coordinator_and_takes_the_address_of_no_other() {
        let rig = rig();
        assert!(!rig.run(&["up", "--help"]).stdout.contains("--coordinator"));
        let outcome = rig.run(&["up", "--coordinator", "lab:7654"]);
        assert!(outcome.stderr.contains("--listen chooses its address"), "{}", outcome.stderr);
        assert_eq!(outcome.code, 2);
    }

    #[test]
    fn completions_are_scripts_for_each_shell() {
        let rig = rig();
        for (shell, part) in
            [("bash", "complete -F _tombola"), ("zsh", "#compdef tombola"), ("fish", "complete -c tombola")]
        {
            let outcome = rig.run(&["completions", shell]);
            assert!(outcome.code == 0 && outcome.stdout.contains(part), "{shell}");
        }
    }
}
