//! The claims that this run tests, and whether they hold.

use maud::{Markup, html};

use crate::report::findings::claims;
use crate::report::findings::view::View;
use crate::report::text::wording::{because, claim_holds, claimed};

/// The section; `None` for a run that tests no claim.
pub(crate) fn html(view: &View<'_>) -> Option<Markup> {
    let claims = claims::of(view);
    (!claims.is_empty()).then(|| {
        html! {
            section #claims {
                h2 { "Claims" }
                dl.answers {
                    @for one in &claims {
                        div {
                            dt { "Claim " (one.evidence.number()) ": " (claimed(&one.evidence)) }
                            dd { strong { "It " (claim_holds(one.holding)) "." } span { " " (because(view, &one.evidence)) } }
                        }
                    }
                }
            }
        }
    })
}
