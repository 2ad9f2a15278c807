//! The load generator: subscribes many clients to one transport after the other, and brings what they saw together
//! with what was due.
//!
//! [`plan`] turns flags and a scenario into a [`plan::Plan`]; [`run`] does all its rounds; [`trial`] does one of them,
//! with a server from [`target`] and virtual clients from [`client`], and [`analysis`] with `costs` makes its
//! metrics of what it gathered; `notes` tells of the surroundings. With [`agents`] the clients of a trial are spread over several processes or hosts.

pub mod agents;
pub mod analysis;
pub mod capacity;
pub mod client;
pub mod clock_relation;
pub mod context;
mod control;
mod costs;
mod dial;
pub mod echo;
pub mod environment;
mod failover;
pub mod foreign;
pub mod guard;
pub mod health;
pub mod link;
pub mod nodes;
mod notes;
pub mod path;
pub mod plan;
pub mod proxy;
pub mod repeats;
pub mod run;
pub mod scenarios;
pub mod target;
pub mod tcp_baseline;
pub mod trial;
pub mod trial_data;
pub mod trial_error;
pub mod under_test;
