//! `https://` and `wss://` against our own server under a lab's authority: who is believed, who is not, and that it is said.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};

use crate::common::{Said, Server};
use crate::measure::{SHORT, rows, run};

/// An authority with a server's certificate that it has signed, as PEM files.
struct Lab {
    folder: tempfile::TempDir,
}

impl Lab {
    /// With a certificate for this name, which is over if it `is_expired`.
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
        let lab = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::write(lab.path("ca.pem"), authority.pem()).unwrap();
        std::fs::write(lab.path("cert.pem"), certificate.pem()).unwrap();
        std::fs::write(lab.path("key.pem"), key.serialize_pem()).unwrap();
        lab
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn authority(&self) -> String {
        self.path("ca.pem").to_str().unwrap().to_owned()
    }

    async fn server(&self, feed: &[&str]) -> Server {
        let (certificate, key) = (self.path("cert.pem"), self.path("key.pem"));
        let identity = ["--tls-cert", certificate.to_str().unwrap(), "--tls-key", key.to_str().unwrap()];
        Server::start(&[&identity, feed].concat()).await
    }

    /// A target file for a server that has both streams.
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

async fn tried(url: &str, more: &[&str], out: &Path) -> Said {
    let _earlier = std::fs::remove_file(out);
    run(&[&["try", url, "--for", "1s", "--out", out.to_str().unwrap()], more].concat(), &[]).await
}

/// One sentence, which names what is wrong and asks nothing that has been answered.
fn is_refused(said: &Said, parts: &[&str]) {
    assert_eq!(said.code, Some(1), "{said:?}");
    let lines: Vec<&str> = said.stderr.lines().filter(|line| line.starts_with("error:")).collect();
    let [line] = lines[..] else { panic!("one line: {said:?}") };
    assert!(line.contains("certificate") && parts.iter().all(|part| line.contains(part)), "{parts:?}: {line}");
    assert!(!line.contains('?'), "{line}");
}

pub async fn a_server_over_tls_is_tried_and_measured_with_its_authority() {
    let lab = Lab::new("localhost", false);
    let server = lab.server(&["--feed", "synthetic", "--rate", "50"]).await;
    let (port, authority) = (server.address.port(), lab.authority());
    let out = lab.path("found.toml");
    for (url, section) in [
        (format!("https://localhost:{port}/updates/sse"), "[sse]"),
        (format!("wss://localhost:{port}/updates/ws"), "[websocket]"),
    ] {
        let said = tried(&url, &["--ca", &authority], &out).await;
        let file = std::fs::read_to_string(&out).unwrap_or_else(|error| panic!("{error}: {said:?}"));
        assert_eq!(said.code, Some(0), "{said:?}");
        assert!(file.contains("base = \"https://localhost") && file.contains(section), "{file}");
    }
    let quiet = lab.server(&["--feed", "none"]).await;
    let target = lab.describe(quiet.address.port());
    for (more, is_said) in [(&["--ca", authority.as_str()][..], false), (&["--insecure"], true)] {
        let folder = tempfile::tempdir().unwrap();
        let arguments = [&["run", "--target", &target, "--out", folder.path().to_str().unwrap()], &SHORT[..], more];
        let said = run(&arguments.concat(), &[]).await;
        let made = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
        let made = made.filter(|path| path.is_dir()).max().unwrap_or_else(|| panic!("no run: {said:?}"));
        let run: serde_json::Value = serde_json::from_slice(&std::fs::read(made.join("run.json")).unwrap()).unwrap();
        let found: Vec<&str> = rows(&run).iter().map(|row| row["transport"].as_str().unwrap()).collect();
        assert_eq!(found, ["sse", "websocket"], "{said:?}");
        for row in rows(&run) {
            assert_eq!((row["expected"].as_u64(), row["delivered"].as_u64()), (Some(400), Some(400)), "{row}");
        }
        assert_eq!(run["environment"]["notes"]["certificates"].is_string(), is_said, "{}", run["environment"]);
        let page = std::fs::read_to_string(made.join("index.html")).unwrap();
        assert_eq!(page.contains("certificates were not checked"), is_said, "{more:?}");
    }
}

pub async fn whoever_cannot_be_trusted_is_refused_with_one_sentence_that_says_why() {
    let [right, expired, other] =
        [Lab::new("localhost", false), Lab::new("localhost", true), Lab::new("example.org", false)];
    let stranger = Lab::new("localhost", false);
    let out = right.path("found.toml");
    let flags = ["--feed", "synthetic", "--rate", "50"];
    for (lab, believed, parts) in [
        (&right, Some(&stranger), &["not signed by a trusted authority", "--ca"][..]),
        (&right, None, &["not signed by a trusted authority", "--ca"]),
        (&expired, Some(&expired), &["has expired", "--insecure"]),
        (&other, Some(&other), &["example.org", "localhost", "--insecure"]),
    ] {
        let server = lab.server(&flags).await;
        let believed = believed.map(Lab::authority);
        let trust: Vec<&str> = believed.iter().flat_map(|file| ["--ca", file.as_str()]).collect();
        let port = server.address.port();
        for url in [format!("https://localhost:{port}/updates/sse"), format!("wss://localhost:{port}/updates/ws")] {
            is_refused(&tried(&url, &trust, &out).await, parts);
            assert!(!out.exists());
        }
        let target = lab.describe(port);
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
        is_refused(&run(&[&arguments[..], &trust].concat(), &[]).await, parts);
        let url = format!("https://localhost:{port}/updates/sse");
        assert_eq!(tried(&url, &["--insecure"], &out).await.code, Some(0), "whoever wants to may");
    }
    let plain = Server::start(&flags).await;
    let said = tried(&format!("https://{}/updates/sse", plain.address), &["--insecure"], &out).await;
    assert!(said.code == Some(1) && said.stderr.contains("does not speak TLS"), "{said:?}");
}
