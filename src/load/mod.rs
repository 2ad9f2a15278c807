//! The load generator: subscribes many clients to one transport after the other, and compares what they received with
//! what was due.
//!
//! [`plan`] turns flags and a scenario into a [`plan::Plan`]. [`run`] runs all its rounds. [`trial`] runs one trial,
//! with a server from [`target`] and virtual clients from [`client`]. [`analysis`], with `costs`, computes the metrics
//! from the trial's data; `notes` adds what the plan alone knows of its surroundings. With [`agents`] the clients of a
//! trial are spread over several processes or hosts.

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
pub mod interval;
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
