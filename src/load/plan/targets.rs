//! The servers of a plan: by name, by file, or at an address.

use crate::limits;
use crate::load::context::Subject;
use crate::load::foreign::catalog::{Catalog, CatalogEntry};
use crate::load::foreign::connect::Endpoint;
use crate::load::foreign::description::Description;
use crate::load::foreign::json_path::JsonPath;
use crate::load::foreign::process::is_here;
use crate::load::foreign::publisher::PAYLOAD_BYTES_MIN;
use crate::load::foreign::secrets::Secrets;
use crate::load::foreign::template::Values;
use crate::load::plan::{Plan, PlanError};
use crate::load::target::parse_address;
use crate::net::tls::Trust;
use crate::run::RunSettings;
use crate::run::file::Point;
use crate::run::setting::{AtTarget, List};

/// The requested servers.
pub(super) struct Resolved {
    /// The server that is already running and implements the project's contract.
    pub address: Option<reqwest::Url>,
    /// All others, by name.
    pub catalog: Catalog,
}

/// Does this server publish by itself?
pub(super) fn is_observed(entry: &CatalogEntry) -> bool {
    entry.description.publish.is_none()
}

/// Finds the servers, and replaces their names in the settings by those of a run file.
pub(super) fn resolve(settings: &mut RunSettings) -> Result<Resolved, PlanError> {
    let mut resolved = Resolved { address: None, catalog: Catalog::new() };
    let Some(List(given)) = &mut settings.target else { return Ok(resolved) };
    let named = given.iter().filter_map(|one| one.0).count();
    if named == 0 {
        return Ok(resolved);
    }
    if named < given.len() {
        return Err(PlanError::NoneBesideTarget);
    }
    if let Some(address) = given.iter().filter_map(|one| one.0).find(|name| name.as_str().contains("://")) {
        if given.len() > 1 {
            return Err(PlanError::AddressBesideTarget(address));
        }
        resolved.address = Some(parse_address(address.as_str()).map_err(|said| PlanError::Address(address, said))?);
        settings.target = None;
        return Ok(resolved);
    }
    for one in given.iter_mut() {
        let Some(name) = one.0 else { continue };
        let entry = CatalogEntry::load(name)?;
        entry.check_environment()?;
        *one = AtTarget(Some(entry.name));
        resolved.catalog.insert(entry.name, entry);
    }
    let is_echo = settings.echo.iter().flat_map(|List(kinds)| kinds).any(|kind| kind.0.is_some());
    if is_echo {
        return Err(PlanError::EchoToTarget);
    }
    Ok(resolved)
}

impl Plan {
    /// The target file of a point, if it has one.
    pub fn entry(&self, point: &Point) -> Option<&CatalogEntry> {
        point.target.and_then(|name| self.catalog.get(&name))
    }

    /// Values from the environment used in target files.
    pub fn secrets(&self) -> Secrets {
        Secrets::of(self.catalog.values().flat_map(CatalogEntry::variables))
    }

    /// Does loadgen publish at none of the points?
    pub fn is_observed(&self) -> bool {
        self.target.is_some() || (!self.catalog.is_empty() && self.catalog.values().all(is_observed))
    }

    /// Removes transports that no target has, and refuses a target that has none of the requested ones.
    pub(super) fn keep_described(&mut self) -> Result<(), PlanError> {
        for index in 0..self.points.len() {
            let point = &self.points[index];
            let Some(entry) = self.entry(&point.point) else { continue };
            let is_transport = |subject: &Subject| matches!(subject, Subject::Transport(_));
            if !self.subjects(index).iter().any(is_transport) {
                let names: Vec<&str> = entry.description.transports().iter().map(|one| one.label()).collect();
                return Err(PlanError::NotDescribed { target: entry.name, has: names.join(", ") });
            }
            let is_small = (point.point.payload_bytes as usize) < PAYLOAD_BYTES_MIN;
            if !is_observed(entry) && !point.point.measured_feed && is_small {
                return Err(PlanError::PayloadTooSmall { least: PAYLOAD_BYTES_MIN });
            }
        }
        if !self.catalog.is_empty() {
            let has = |one: &crate::run::Transport| {
                self.catalog.values().any(|entry| entry.description.transports().contains(one))
            };
            let kept: Vec<_> = self.scenario.transports.iter().copied().filter(has).collect();
            self.scenario.transports = kept;
        }
        Ok(())
    }

    /// Errors: [`PlanError::Remote`] for a server that is not on this host. Called unless the user has allowed that
    /// load.
    pub async fn refuse_remote(&self) -> Result<(), PlanError> {
        let of_files = self.catalog.values().flat_map(|entry| {
            let named = |url| (entry.name.to_string(), url);
            addresses(&entry.description).into_iter().map(named).collect::<Vec<_>>()
        });
        let of_address = self.target.iter().map(|url| ("--target".to_owned(), url.to_string()));
        for (name, url) in of_files.chain(of_address) {
            // An unknown host is reported when it is dialled.
            let Ok(endpoint) = Endpoint::of(&url, &Trust::Anyone).await else { continue };
            if !is_here(endpoint.address.ip()) {
                return Err(PlanError::Remote { name, address: endpoint.address.ip().to_string() });
            }
        }
        Ok(())
    }

    /// Reads the send time of messages at this path, for servers that loadgen does not publish to.
    ///
    /// Errors: [`PlanError::TimestampIdle`] if there is no such server.
    pub fn read_timestamps(&mut self, path: &JsonPath) -> Result<(), PlanError> {
        if !self.catalog.values().any(is_observed) {
            return Err(PlanError::TimestampIdle);
        }
        for entry in self.catalog.values_mut().filter(|entry| is_observed(entry)) {
            std::sync::Arc::make_mut(&mut entry.description).timestamp = Some(path.clone());
        }
        Ok(())
    }
}

/// The addresses that a target file leads to. All subscriptions are at its base, but it may publish elsewhere. A
/// server that is started here may be a gateway to another.
fn addresses(description: &Description) -> Vec<String> {
    // The port is unknown before the server is started, and does not change the host.
    let of_server = Values { port: 1, ..Values::default() };
    let base = description.base.fill(&of_server);
    let values = Values { base: base.trim_end_matches('/'), ..of_server };
    let publish = description.publish.as_ref();
    let http = publish.and_then(|publish| publish.http.as_ref()).map(|http| &http.url);
    let socket = publish.and_then(|publish| publish.websocket.as_ref()).map(|socket| &socket.url);
    let published = http.into_iter().chain(socket).map(|url| url.fill(&values));
    std::iter::once(base.clone()).chain(published).collect()
}

const _: () = assert!(PAYLOAD_BYTES_MIN < limits::UPDATE_BYTES_MAX);
