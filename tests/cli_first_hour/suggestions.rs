//! For every name that can be mistyped, the closest valid name is suggested.

use crate::{ended, loadgen_in};
use tokio::process::Command;

#[tokio::test]
async fn a_mistyped_name_is_answered_with_a_suggestion() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("mine.toml"), "question = \"q?\"\n[set]\nclinets = 5\n").unwrap();
    for (arguments, meant) in [
        (&["rnu"][..], "'run'"),
        (&["scenario"], "'scenarios'"),
        (&["quikc"], "loadgen run quick"),
        (&["run", "quikc"], "`quick`"),
        (&["run", "Sparse"], "`sparse`"),
        (&["run", "mine.toml"], "`clients`"),
        (&["run", "--clinets", "5"], "'--clients'"),
        (&["run", "--meas", "5s"], "'--measure'"),
        (&["run", "--transports", "ws"], "`websocket`"),
        (&["run", "--transports", "long-polling"], "`long_polling`"),
        (&["run", "--fail-if", "sse.p99 > 5ms"], "`sse.latency_ns.p99`"),
        (&["run", "--fail-if", "ssee.lost > 0"], "`sse`"),
        (&["run", "--fail-if", "cpu > 5us"], "cpu_ns_per_delivery`"),
        (&["run", "--feed", "sinthetic"], "'synthetic'"),
        (&["run", "--arrivals", "posson"], "'poisson'"),
        (&["compare", "a", "b", "--failif", "lost > 0"], "'--fail-if'"),
        (&["serve", "--prot", "1"], "'--port'"),
    ] {
        let output = loadgen_in(folder.path(), arguments).await;
        assert_eq!(output.code, Some(2), "{arguments:?}: {output:?}");
        assert!(output.stderr.contains(meant), "{arguments:?}: {meant} in {}", output.stderr);
    }
    let server = env!("CARGO_BIN_EXE_server");
    let output = ended(Command::new(server).args(["--slow-consumer", "conflat"])).await;
    assert!(output.code == Some(2) && output.stderr.contains("'conflate'"), "{output:?}");
}

#[tokio::test]
async fn a_negative_number_is_answered_with_the_allowed_range() {
    let folder = tempfile::tempdir().unwrap();
    for (flag, value) in
        [("--clients", "-5"), ("--rounds", "-1"), ("--rate", "-0.5"), ("--measure", "-2s"), ("--seed", "-1")]
    {
        let output = loadgen_in(folder.path(), &["run", flag, value]).await;
        assert_eq!(output.code, Some(2), "{flag}: {output:?}");
        assert!(output.stderr.contains(&format!("invalid value '{value}' for '{flag}")), "{output:?}");
        assert!(!output.stderr.contains("'-- "), "{output:?}");
    }
    let output = loadgen_in(folder.path(), &["run", "--clients", "-5"]).await;
    assert!(output.stderr.contains("1216000"), "{output:?}");
}
