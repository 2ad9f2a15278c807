//! Typical wrong solutions, each a right one with a line or two changed, and what a check must find.

use pushpull::learn::{Code, Exercise, Language};

/// One of them.
pub struct Wrong {
    pub exercise: Exercise,
    pub language: Language,
    /// What the student did.
    pub what: &'static str,
    /// What stands there in the solution, and what stood in its place.
    pub changes: &'static [(&'static str, &'static str)],
    pub code: Code,
}

/// What a starter is told, in each language.
pub fn of_starter(exercise: Exercise) -> Code {
    match exercise {
        Exercise::Poller | Exercise::LongPoller | Exercise::Resume => Code::FromNow,
    }
}

pub const WRONG: &[Wrong] = &[
    Wrong {
        exercise: Exercise::Poller,
        language: Language::Python,
        what: "no cursor",
        changes: &[("/updates/poll?after={cursor}", "/updates/poll")],
        code: Code::FromNow,
    },
    Wrong {
        exercise: Exercise::Poller,
        language: Language::Javascript,
        what: "an interval behind each answer",
        changes: &[("Math.max(due + interval, performance.now())", "performance.now() + interval")],
        code: Code::Drifts,
    },
    Wrong {
        exercise: Exercise::Poller,
        language: Language::Rust,
        what: "milliseconds for seconds in Retry-After",
        changes: &[("Duration::from_secs(seconds)", "Duration::from_millis(seconds)")],
        code: Code::IgnoresRetryAfter,
    },
    Wrong {
        exercise: Exercise::Poller,
        language: Language::Javascript,
        what: "an empty answer read as JSON",
        changes: &[("answer.status === 200", "answer.status < 300")],
        code: Code::Ended,
    },
    Wrong {
        exercise: Exercise::Poller,
        language: Language::Python,
        what: "no wait between polls",
        changes: &[("    time.sleep(due - now)", "    pass")],
        code: Code::TooManyRequests,
    },
    Wrong {
        exercise: Exercise::Poller,
        language: Language::Javascript,
        what: "the cursor kept from the first answer",
        changes: &[("cursor = batch.cursor;", "if (cursor === \"earliest\") cursor = batch.cursor;")],
        code: Code::Twice,
    },
    Wrong {
        exercise: Exercise::LongPoller,
        language: Language::Javascript,
        what: "no cursor",
        changes: &[("&after=${cursor}", "")],
        code: Code::FromNow,
    },
    Wrong {
        exercise: Exercise::LongPoller,
        language: Language::Rust,
        what: "no wait behind an empty answer",
        changes: &[("_ => std::thread::sleep(Duration::from_millis(100)),", "_ => {}")],
        code: Code::TightLoop,
    },
    Wrong {
        exercise: Exercise::LongPoller,
        language: Language::Python,
        what: "held for two minutes",
        changes: &[("hold=20", "hold=120")],
        code: Code::HoldTooLong,
    },
    Wrong {
        exercise: Exercise::LongPoller,
        language: Language::Python,
        what: "a cut ends the program",
        changes: &[(
            "    except (OSError, http.client.HTTPException, ValueError):  # of a head that is cut Python makes an empty body\n        time.sleep(0.1)\n        continue\n",
            "",
        )],
        code: Code::Ended,
    },
    Wrong {
        exercise: Exercise::LongPoller,
        language: Language::Javascript,
        what: "the cursor moved before the answer is read",
        changes: &[(
            "const batch = await answer.json();",
            "cursor = answer.headers.get(\"etag\").replaceAll('\"', \"\"); const batch = await answer.json();",
        )],
        code: Code::MovedOn,
    },
    Wrong {
        exercise: Exercise::Resume,
        language: Language::Python,
        what: "asks from now behind a cut",
        changes: &[(
            "request = urllib.request.Request(f\"{lab}/updates/sse?after={cursor}\")",
            "request = f\"{lab}/updates/sse?after={cursor}\" if cursor == \"earliest\" else f\"{lab}/updates/sse\"",
        )],
        code: Code::FromNow,
    },
    Wrong {
        exercise: Exercise::Resume,
        language: Language::Javascript,
        what: "waits for ever on a dead line",
        changes: &[("setTimeout(() => dead.abort(), silence)", "setTimeout(() => {}, silence)")],
        code: Code::NoReturn,
    },
    Wrong {
        exercise: Exercise::Resume,
        language: Language::Rust,
        what: "a gap is not printed",
        changes: &[("\"gap\" => lab::print(&format!(\"{{\\\"gap\\\":{data}}}\")),", "\"gap\" => {}")],
        code: Code::Gap,
    },
    Wrong {
        exercise: Exercise::Resume,
        language: Language::Javascript,
        what: "asks for everything again behind a cut",
        changes: &[("if (fields.id) cursor = fields.id;", "")],
        code: Code::Twice,
    },
    Wrong {
        exercise: Exercise::Resume,
        language: Language::Python,
        what: "the cursor moved with a line and not with a block",
        changes: &[(
            "                block[name] = value\n",
            "                block[name] = value\n                cursor = block.get(\"id\", cursor)\n",
        )],
        code: Code::MovedOn,
    },
];
