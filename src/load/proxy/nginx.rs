//! nginx, either with its shortest configuration or tuned for streams. Settings that are not listed keep nginx's
//! defaults.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::Path;

use crate::limits;

/// Arguments that run it with a configuration.
pub fn args(configuration: &Path) -> Vec<OsString> {
    vec!["-e".into(), "stderr".into(), "-c".into(), configuration.into()]
}

/// nginx in one process, so that its CPU time is that of one process.
pub fn configuration(folder: &Path, listen: SocketAddr, server: SocketAddr, is_tuned: bool) -> String {
    let folder = folder.display();
    let (upstream, streams) = match is_tuned {
        // https://nginx.org/en/docs/http/ngx_http_upstream_module.html#keepalive
        true => ("keepalive 128;", "proxy_buffering off; proxy_http_version 1.1; proxy_set_header Connection \"\";"),
        false => ("", ""),
    };
    let connections = limits::PROXY_CONNECTIONS;
    let files = 2 * connections;
    format!(
        "daemon off; master_process off; pid {folder}/pid; error_log stderr crit;\n\
         worker_rlimit_nofile {files};\n\
         events {{ worker_connections {connections}; }}\n\
         http {{\n\
           access_log off;\n\
           client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;\n\
           uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;\n\
           upstream pushpull {{ server {server}; {upstream} }}\n\
           server {{\n\
             listen {listen} backlog=4096;\n\
             proxy_set_header Host {server};\n\
             location / {{ proxy_pass http://pushpull; {streams} proxy_set_header Host {server}; }}\n\
             # https://nginx.org/en/docs/http/websocket.html\n\
             location ~ /ws$ {{\n\
               proxy_pass http://pushpull; proxy_http_version 1.1; proxy_set_header Host {server};\n\
               proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;\n\
             }}\n\
           }}\n\
         }}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tuned_proxy_buffers_nothing_and_keeps_its_connections_and_a_plain_one_is_left_alone() {
        let [listen, server] = [8080, 8081].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        let written = |is_tuned| configuration(Path::new("folder"), listen, server, is_tuned);
        for (directive, is_tuned) in
            [("proxy_buffering off", true), ("keepalive 128", true), ("listen 127.0.0.1:8080", false)]
        {
            assert!(written(true).contains(directive), "{directive}");
            assert_eq!(written(false).contains(directive), !is_tuned, "{directive}");
        }
        for text in [written(true), written(false)] {
            assert!(text.contains("proxy_set_header Host 127.0.0.1:8081"), "the server sees the address that it knows");
            assert_eq!(text.matches('{').count(), text.matches('}').count());
        }
    }
}
