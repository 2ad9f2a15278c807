//! The load generator: subscribes many clients to one transport after the other, and brings what they saw together
//! with what was due.
//!
//! [`plan`] turns flags and a scenario into a [`plan::Plan`]; [`run`] does all its rounds; [`trial`] does one of them,
//! with a server from [`target`] and virtual clients from [`client`].

pub mod analysis;
pub mod cli;
pub mod client;
pub mod duplex;
pub mod environment;
pub mod floor;
pub mod health;
pub mod knobs;
pub mod link;
pub mod plan;
pub mod run;
pub mod scenarios;
pub mod target;
pub mod trial;
