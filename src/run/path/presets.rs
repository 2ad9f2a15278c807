//! Named paths, from published figures. A figure that a source does not give is omitted from the preset, or marked
//! "unconfirmed".
//!
//! | name | from |
//! |---|---|
//! | `lan` | rate: 1000BASE-T (IEEE 802.3ab); round trip: unconfirmed |
//! | `fibre` | WebPageTest's connectivity profile "FIOS (20/5 Mbps 4ms RTT)" |
//! | `lte` | WebPageTest's "LTE (12 Mbps/12 Mbps 70ms RTT)" |
//! | `4g` | WebPageTest's "4G (9 Mbps/9 Mbps 170ms RTT)" |
//! | `slow-4g` | Lighthouse's default throttling (docs/throttling.md): 150 ms, 1.6 Mbit/s down, 750 kbit/s up: the slowest quarter of 4G connections |
//! | `3g` | WebPageTest's "3G (1.6 Mbps/768 Kbps 300ms RTT)" |
//! | `satellite` | round trip: RFC 2488 section 2, 558 ms over a geostationary satellite; rates: 25 and 3 Mbit/s, the FCC's benchmark for fixed broadband from 2015 to 2024, unconfirmed for satellites |
//! | `bad-wifi` | round trip and jitter: C. Pei and others, "WiFi can be the weakest link of round trip network latency in the wild", INFOCOM 2016: half of all packets waited more than 20 ms on the wireless hop; the hop is put before the path of `fibre`. Loss of 2 % in bursts of 3: unconfirmed |
//!
//! Of these sources, only Pei says anything about jitter. The profiles of WebPageTest and Lighthouse have no loss.

use std::sync::LazyLock;

use super::PathSettings;
use crate::units::Nanos;

/// A named path.
#[derive(Clone, Debug, PartialEq)]
pub struct Preset {
    /// Its name in flags and scenario files.
    pub name: &'static str,
    /// The kind of connection that it models, for lists.
    pub about: &'static str,
    /// The source of the figures, and which figures are unconfirmed.
    pub source: &'static str,
    /// The path.
    pub settings: PathSettings,
}

/// All of them, from near to far.
pub static PRESETS: LazyLock<Vec<Preset>> = LazyLock::new(|| {
    let path = |rtt_us: u64, down_kbit: u64, up_kbit: u64| PathSettings {
        rtt: Nanos(rtt_us * 1_000),
        down_bits_per_s: Some(down_kbit * 1_000),
        up_bits_per_s: Some(up_kbit * 1_000),
        ..PathSettings::default()
    };
    let wifi = PathSettings {
        rtt: Nanos(24 * Nanos::MILLI.0),
        jitter: Nanos(10 * Nanos::MILLI.0),
        loss: 0.02,
        burst: Some(3.0),
        ..path(0, 20_000, 5_000)
    };
    vec![
        Preset {
            name: "lan",
            about: "a local network",
            source: "rate: 1000BASE-T (IEEE 802.3ab); round trip: unconfirmed",
            settings: path(500, 1_000_000, 1_000_000),
        },
        Preset {
            name: "fibre",
            about: "home fibre",
            source: "WebPageTest, FIOS (20/5 Mbps 4ms RTT)",
            settings: path(4_000, 20_000, 5_000),
        },
        Preset {
            name: "bad-wifi",
            about: "home fibre behind bad Wi-Fi",
            source: "delay: Pei et al., INFOCOM 2016; rate: as fibre; loss in bursts: unconfirmed",
            settings: wifi,
        },
        Preset {
            name: "lte",
            about: "a good mobile connection",
            source: "WebPageTest, LTE (12 Mbps/12 Mbps 70ms RTT)",
            settings: path(70_000, 12_000, 12_000),
        },
        Preset {
            name: "slow-4g",
            about: "the slowest quarter of 4G connections",
            source: "Lighthouse, docs/throttling.md",
            settings: path(150_000, 1_600, 750),
        },
        Preset {
            name: "4g",
            about: "a mobile connection",
            source: "WebPageTest, 4G (9 Mbps/9 Mbps 170ms RTT)",
            settings: path(170_000, 9_000, 9_000),
        },
        Preset {
            name: "3g",
            about: "an old mobile connection",
            source: "WebPageTest, 3G (1.6 Mbps/768 Kbps 300ms RTT)",
            settings: path(300_000, 1_600, 768),
        },
        Preset {
            name: "satellite",
            about: "a geostationary satellite",
            source: "round trip: RFC 2488 section 2; rates: FCC benchmark of 2015, unconfirmed for satellites",
            settings: path(558_000, 25_000, 3_000),
        },
    ]
});

/// The preset of this name.
pub fn find(name: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.name == name)
}

/// The names of all presets, for lists.
pub fn names() -> String {
    PRESETS.iter().map(|preset| preset.name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_is_a_path_that_could_be_written_with_keys() {
        for preset in PRESETS.iter() {
            let written: PathSettings = preset.settings.to_string().parse().unwrap();
            assert_eq!(written, preset.settings, "{}", preset.name);
            assert_eq!(preset.name.parse(), Ok(written));
        }
    }

    #[test]
    fn presets_are_listed_from_near_to_far_and_their_names_are_unique() {
        assert!(PRESETS.is_sorted_by_key(|preset| preset.settings.rtt));
        let mut names: Vec<_> = PRESETS.iter().map(|preset| preset.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), PRESETS.len());
    }
}
