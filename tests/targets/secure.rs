//! `https://` and `wss://` with pushpull's own server and a test authority: which certificates are accepted, which are
//! refused, and that the message says why.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};

use crate::common::{CommandOutput, Server};
use crate::measure::{SHORT, rows, run};

/// A certificate authority and a server certificate that it has signed, as PEM files.
struct Authority {
    folder: tempfile::TempDir,
}

impl Authority {
    /// An authority with a server certificate for `name`, expired if `is_expired`.
    fn new(name: &str, is_expired: bool) -> Self {
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        if is_expired {
            params.not_after = date_time_ymd(2001, 1, 1);
        }
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &authority).unwrap();
        let files = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::write(files.path("ca.pem"), authority.pem()).unwrap();
        std::fs::write(files.path("cert.pem"), certificate.pem()).unwrap();
        std::fs::write(files.path("key.pem"), key.serialize_pem()).unwrap();
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn ca_path(&self) -> String {
        self.path("ca.pem").to_str().unwrap().to_owned()
    }

    async fn server(&self, feed: &[&str]) -> Server {
        let (certificate, key) = (self.path("cert.pem"), self.path("key.pem"));
        let identity = ["--tls-cert", certificate.to_str().unwrap(), "--tls-key", key.to_str().unwrap()];
        Server::start(&[&identity, feed].concat()).await
    }

    /// Writes a target file for a server with an event stream and a WebSocket; returns its path.
    fn describe(&self, port: u16) -> String {
        let text = format!(
            "about = 'ours, over TLS'\nbase = 'https://localhost:{port}'\n\
             [publish.http]\nurl = '{{base}}/updates'\n\
             [sse]\nurl = '{{base}}/updates/sse'\nmessage = {{ json = '$.data' }}\n\
             [websocket]\nurl = '{{ws}}/updates/ws'\nhandshake = [{{ expect = '{{\"cursor\"' }}]\nmessage = {{ json = '$.data' }}\n"
        );
        std::fs::write(self.path("secure.toml"), text).unwrap();
        self.path("secure.toml").to_str().unwrap().to_owned()
    }
}

async fn tried(url: &str, more: &[&str], out: &Path) -> CommandOutput {
    let _earlier = std::fs::remove_file(out);
    run(&[&["try", url, "--for", "1s", "--out", out.to_str().unwrap()], more].concat(), &[]).await
}

/// Asserts that the program failed with one error line, which names the certificate and each of `parts`, and has no
/// question.
fn assert_refused(output: &CommandOutput, parts: &[&str]) {
    assert_eq!(output.code, Some(1), "{output:?}");
    let lines: Vec<&str> = output.stderr.lines().filter(|line| line.starts_with("error:")).collect();
    let [line] = lines[..] else { panic!("one line: {output:?}") };
    assert!(line.contains("certificate") && parts.iter().all(|part| line.contains(part)), "{parts:?}: {line}");
    assert!(!line.contains('?'), "{line}");
}

pub async fn a_server_over_tls_can_be_tried_and_measured_with_its_authority() {
    let ca = Authority::new("localhost", false);
    let server = ca.server(&["--feed", "synthetic", "--rate", "50"]).await;
    let (port, authority) = (server.address.port(), ca.ca_path());
    let out = ca.path("found.toml");
    for (url, section) in [
        (format!("https://localhost:{port}/updates/sse"), "[sse]"),
        (format!("wss://localhost:{port}/updates/ws"), "[websocket]"),
    ] {
        let output = tried(&url, &["--ca", &authority], &out).await;
        let file = std::fs::read_to_string(&out).unwrap_or_else(|error| panic!("{error}: {output:?}"));
        assert_eq!(output.code, Some(0), "{output:?}");
        assert!(file.contains("base = \"https://localhost") && file.contains(section), "{file}");
    }
    let quiet = ca.server(&["--feed", "none"]).await;
    let target = ca.describe(quiet.address.port());
    for (more, is_warned) in [(&["--ca", authority.as_str()][..], false), (&["--insecure"], true)] {
        let folder = tempfile::tempdir().unwrap();
        let arguments = [&["run", "--target", &target, "--out", folder.path().to_str().unwrap()], &SHORT[..], more];
        let output = run(&arguments.concat(), &[]).await;
        let made = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
        let made = made.filter(|path| path.is_dir()).max().unwrap_or_else(|| panic!("no run: {output:?}"));
        let run: serde_json::Value = serde_json::from_slice(&std::fs::read(made.join("run.json")).unwrap()).unwrap();
        let found: Vec<&str> = rows(&run).iter().map(|row| row["transport"].as_str().unwrap()).collect();
        assert_eq!(found, ["sse", "websocket"], "{output:?}");
        for row in rows(&run) {
            assert_eq!((row["expected"].as_u64(), row["delivered"].as_u64()), (Some(400), Some(400)), "{row}");
        }
        assert_eq!(run["environment"]["notes"]["certificates"].is_string(), is_warned, "{}", run["environment"]);
        let page = std::fs::read_to_string(made.join("index.html")).unwrap();
        assert_eq!(page.contains("(--insecure)"), is_warned, "{more:?}");
    }
}

pub async fn a_server_that_cannot_be_trusted_is_refused_with_one_error_that_says_why() {
    let [right, expired, other] =
        [Authority::new("localhost", false), Authority::new("localhost", true), Authority::new("example.org", false)];
    let unrelated = Authority::new("localhost", false);
    let out = right.path("found.toml");
    let flags = ["--feed", "synthetic", "--rate", "50"];
    for (ca, trusted, parts) in [
        (&right, Some(&unrelated), &["--ca"][..]),
        (&right, None, &["--ca"]),
        (&expired, Some(&expired), &["expired", "--insecure"]),
        (&other, Some(&other), &["example.org", "localhost", "--insecure"]),
    ] {
        let server = ca.server(&flags).await;
        let trusted = trusted.map(Authority::ca_path);
        let trust: Vec<&str> = trusted.iter().flat_map(|file| ["--ca", file.as_str()]).collect();
        let port = server.address.port();
        for url in [format!("https://localhost:{port}/updates/sse"), format!("wss://localhost:{port}/updates/ws")] {
            assert_refused(&tried(&url, &trust, &out).await, parts);
            assert!(!out.exists());
        }
        let target = ca.describe(port);
        let arguments = [
            "run",
            "--target",
            &target,
            "--clients",
            "2",
            "--rounds",
            "1",
            "--tcp-baseline",
            "false",
            "--out",
            right.folder.path().to_str().unwrap(),
        ];
        assert_refused(&run(&[&arguments[..], &trust].concat(), &[]).await, parts);
        let url = format!("https://localhost:{port}/updates/sse");
        assert_eq!(tried(&url, &["--insecure"], &out).await.code, Some(0), "--insecure accepts any certificate");
    }
    let plain = Server::start(&flags).await;
    let output = tried(&format!("https://{}/updates/sse", plain.address), &["--insecure"], &out).await;
    assert!(output.code == Some(1) && output.stderr.contains("does not speak TLS"), "{output:?}");
}
