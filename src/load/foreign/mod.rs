//! Servers that are not ours. A target file says how to start one, how to publish there and how to subscribe
//! ([`description`]; [`catalog`] finds it by name). One client for each transport follows it ([`client`]), a publisher puts number
//! and due time into what it publishes ([`publisher`]), and [`server`] brings both together for a trial: latency, age, audit,
//! bytes and requests then come from the same place as for our own server.

pub mod catalog;
pub mod client;
pub mod connect;
pub mod description;
mod events;
pub mod explore;
mod explore_errors;
pub mod follow;
mod http;
pub mod json_path;
mod polls;
pub mod process;
pub mod publisher;
pub mod secrets;
pub mod server;
mod socket;
pub mod subscriber;
pub mod template;
pub mod timestamp;
