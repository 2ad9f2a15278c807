//! The worked examples of docs/YOUR-SERVER.md, each measured as written there.

use std::path::Path;

use crate::measure::{measured, rows};

/// The page's code blocks in this language, in order.
fn blocks(language: &str) -> Vec<String> {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/YOUR-SERVER.md")).unwrap();
    let opened = format!("```{language}\n");
    page.split(&opened).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

/// Writes the files of an example, as the page says, and measures it.
async fn measure_example(files: [(&str, &str); 2], transport: &str) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let target = folder.path().join(files[1].0);
    let (output, run) = measured(target.to_str().unwrap(), &[], &[]).await;
    let [row] = rows(&run) else { panic!("{output:?}") };
    assert_eq!(row["transport"], transport);
    assert_eq!((row["expected"].as_u64(), row["delivered"].as_u64()), (Some(400), Some(400)), "{row}");
    assert_eq!((row["duplicate"].as_u64(), row["payload_bytes"].as_f64()), (Some(0), Some(200.0)), "{row}");
}

pub async fn the_node_example_is_measured_as_written() {
    measure_example([("server.cjs", &blocks("js")[0]), ("my-node.toml", &blocks("toml")[0])], "sse").await;
}

pub async fn the_python_example_is_measured_as_written() {
    measure_example([("server.py", &blocks("python")[0]), ("my-python.toml", &blocks("toml")[1])], "websocket").await;
}

pub async fn the_axum_example_is_the_target_file_that_is_tested() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("targets/textbook_axum.toml");
    assert_eq!(blocks("toml")[2], std::fs::read_to_string(file).unwrap());
    assert_eq!(blocks("toml").len(), 3, "each further example needs a test");
}
