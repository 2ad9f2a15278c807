//! How many nodes a workload needs, and which resource limits them.

use serde::Serialize;

use super::fit::Band;
use super::{CapacityError, Model, Need};
use crate::limits;
use crate::run::capacity::Workload;

/// The resources of one node.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct NodeLimits {
    /// Processors.
    pub cores: f64,
    /// The share of its processors that may be busy.
    pub busy_share: f64,
    /// Open files that a process may have.
    pub files: u64,
    /// Memory in bytes.
    pub memory_bytes: f64,
    /// Bits a second of its link, both ways; `None` for no limit.
    pub bits_per_s: Option<f64>,
    /// Payload of a full TCP segment to its clients.
    pub segment_bytes: u64,
}

/// A resource that limits a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Resource {
    /// Its processors.
    Processor,
    /// Its memory.
    Memory,
    /// Its open files, one for each connection.
    Files,
    /// Its link.
    Bandwidth,
}

impl Resource {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Processor, Self::Memory, Self::Files, Self::Bandwidth];
}

/// How many nodes a resource requires: the most likely number, and those at both ends of the interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct NodeCount {
    /// The resource.
    pub resource: Resource,
    /// The most likely number; `None` if no number of nodes is enough.
    pub value: Option<u64>,
    /// The number at the low end of the interval.
    pub low: Option<u64>,
    /// The number at the high end of the interval.
    pub high: Option<u64>,
}

/// The estimate for a workload.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// The workload.
    pub workload: Workload,
    /// The resources of each node.
    pub limits: NodeLimits,
    /// Nodes that are enough for every resource, and the resource that requires the most; `None` if no number is
    /// enough.
    pub nodes: Option<NodeCount>,
    /// Nodes by resource.
    pub by_resource: Vec<NodeCount>,
    /// Clients of one of these nodes.
    pub clients_per_node: u64,
    /// The resources that one node needs.
    pub node: Need,
    /// Deliveries a second, over all nodes.
    pub deliveries_per_s: f64,
    /// Processors that all nodes keep busy.
    pub cores: Band,
    /// Memory of all nodes.
    pub memory_bytes: Band,
    /// Bits a second of all nodes, both ways.
    pub bits_per_s: Band,
}

impl Model {
    /// Estimates what a workload needs on nodes with these limits.
    ///
    /// Errors: [`CapacityError::NoTheory`].
    pub fn estimate(&self, workload: &Workload, node: NodeLimits) -> Result<Estimate, CapacityError> {
        let mut by_resource = Vec::new();
        for resource in Resource::ALL {
            if resource == Resource::Bandwidth && node.bits_per_s.is_none() {
                continue;
            }
            let count = |end: fn(&Band) -> f64| self.least_nodes(workload, node, resource, end);
            let [value, low, high] = [count(|band| band.value)?, count(|band| band.low)?, count(|band| band.high)?];
            by_resource.push(NodeCount { resource, value, low, high });
        }
        // A resource for which no number is enough requires the most.
        let most = |of: fn(&NodeCount) -> Option<u64>| {
            by_resource.iter().max_by_key(|one| of(one).unwrap_or(u64::MAX)).copied()
        };
        let nodes = most(|one| one.value).filter(|one| one.value.is_some()).map(|bound| NodeCount {
            low: most(|one| one.low).and_then(|one| one.low),
            high: most(|one| one.high).and_then(|one| one.high),
            ..bound
        });
        let count = nodes.and_then(|nodes| nodes.value).unwrap_or(1);
        let clients_per_node = workload.clients.div_ceil(count);
        let need = self.need(&Workload { clients: clients_per_node, ..*workload }, node.segment_bytes)?;
        // The last node may have fewer.
        let share = workload.clients as f64 / clients_per_node as f64;
        let deliveries_per_s = workload.deliveries_per_s();
        Ok(Estimate {
            workload: *workload,
            limits: node,
            nodes,
            by_resource,
            clients_per_node,
            deliveries_per_s,
            cores: need.cores.times(share),
            memory_bytes: need.memory_bytes.times(share),
            bits_per_s: need.bytes_per_delivery.times(deliveries_per_s * 8.0),
            node: need,
        })
    }

    /// The smallest number of nodes that have enough of a resource; `None` if a single client is too much for one node.
    fn least_nodes(
        &self,
        workload: &Workload,
        node: NodeLimits,
        resource: Resource,
        end: fn(&Band) -> f64,
    ) -> Result<Option<u64>, CapacityError> {
        let is_enough = |nodes: u64| {
            let of_one = Workload { clients: workload.clients.div_ceil(nodes), ..*workload };
            let need = self.need(&of_one, node.segment_bytes)?;
            Ok(match resource {
                Resource::Processor => end(&need.cores) <= node.cores * node.busy_share,
                Resource::Memory => end(&need.memory_bytes) + need.kernel_bytes.unwrap_or(0.0) <= node.memory_bytes,
                Resource::Files => of_one.clients + limits::FD_RESERVE <= node.files,
                Resource::Bandwidth => {
                    let bits = end(&need.bytes_per_delivery) * of_one.deliveries_per_s() * 8.0;
                    node.bits_per_s.is_none_or(|most| bits <= most)
                }
            })
        };
        let (mut too_few, mut enough) = (0, workload.clients);
        if !is_enough(enough)? {
            return Ok(None);
        }
        while enough - too_few > 1 {
            let middle = too_few + (enough - too_few) / 2;
            if is_enough(middle)? { enough = middle } else { too_few = middle }
        }
        Ok(Some(enough))
    }
}
