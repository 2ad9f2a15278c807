//! The four claims under several conditions: the verdicts of the runs in `reports/claims/` for each round trip and each
//! kind of heads, and where a verdict changes. `scripts/claims` makes the runs.
//!
//! | claim | judged by |
//! |---|---|
//! | 1, 3 | an update to ten polls, all four transports (`waste-…`) |
//! | 2 | 200 updates a second, polling at intervals down to the shortest that can be kept (`fresh-…`): 5 ms, and past a round trip where there is one |
//! | 4 | bytes and processor time a second, with clients and rate swept (`load-…`) |

mod fresh;
mod load;

pub use fresh::{Equal, Fresh};
pub use load::{LARGE_MIN, Load};

use crate::report::findings::claims::{self, Claim, Holding};
use crate::report::findings::view::View;
use crate::run::Heads;
use crate::run::file::{Run, Verdict};
use crate::units::Nanos;

/// The condition under which a claim was judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Round trip between clients and server.
    pub round_trip: Nanos,
    /// The heads of requests.
    pub heads: Heads,
}

/// The findings under one condition.
#[derive(Clone, Debug)]
pub struct Found {
    /// The condition.
    pub condition: Condition,
    /// Claim 1, with its figures.
    pub waste: Claim,
    /// Claim 2.
    pub fresh: Fresh,
    /// Claim 3: pushing without requests.
    pub pushes: Claim,
    /// Claim 4: the advantage.
    pub load: Load,
    /// The worst verdict of the three runs.
    pub verdict: Verdict,
}

impl Found {
    /// The verdicts on the four claims.
    pub fn holdings(&self) -> [Holding; 4] {
        [self.waste.holding, self.fresh.holding(), self.pushes.holding, self.load.holding()]
    }
}

/// The findings of three runs under one condition: `waste`, `fresh` and `load`. `None` if one of them lacks data.
pub fn of([waste, fresh, load]: [&Run; 3]) -> Option<Found> {
    let views = [waste, fresh, load].map(View::new);
    let point = views[0].point(*views[0].points().first()?)?;
    Some(Found {
        condition: Condition { round_trip: point.round_trip(), heads: point.heads },
        waste: claims::polling_wastes(&views[0])?,
        fresh: Fresh::of(&views[1])?,
        pushes: claims::sse_pushes(&views[0])?,
        load: Load::of(&views[2])?,
        verdict: [waste, fresh, load].map(|run| run.verdict).into_iter().max()?,
    })
}
