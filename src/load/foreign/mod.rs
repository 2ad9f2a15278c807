//! Third-party servers. A target file states how to start one, how to publish to it and how to subscribe
//! ([`description`]; [`catalog`] finds it by name). A client per transport follows it ([`client`]). A publisher puts a
//! sequence number and the due time into each update ([`publisher`]). [`server`] combines them for a trial. Latency,
//! age, audit, bytes and requests are then measured in the same way as for the project's own server.

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
