//! Reads the command line, the same way for both programs: clap's errors gain the name that was most likely meant, and
//! a negative number is a value, not a flag.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, Parser};

use crate::cli::process::{DONE, FAILED, USAGE_ERROR};
use crate::load::scenarios;
use crate::{print, suggest};

/// Reads the command line of this process.
///
/// Errors: the exit code; the problem, or the help that was asked for, has been printed.
pub fn parse<T: Parser>() -> Result<T, ExitCode> {
    T::try_parse_from(with_negative_values(std::env::args_os().collect())).map_err(|error| {
        let error = with_tips(error, &T::command());
        let printed = error.print();
        let code = if error.use_stderr() { USAGE_ERROR } else { DONE };
        match printed {
            Err(problem) if problem.kind() != std::io::ErrorKind::BrokenPipe => {
                print::err(&format!("error: cannot print to standard output: {problem}"));
                FAILED.into()
            }
            Ok(()) | Err(_) => code.into(),
        }
    })
}

/// Joins `--flag -5` to `--flag=-5`. No flag here is a digit, so anything that looks like a negative number is a
/// value, and the parser of that value says what to use instead.
fn with_negative_values(arguments: Vec<OsString>) -> Vec<OsString> {
    let is_flag =
        |one: &OsString| one.to_str().is_some_and(|one| one.starts_with("--") && one.len() > 2 && !one.contains('='));
    let is_negative = |one: &OsString| {
        let digits = one.to_str().and_then(|one| one.strip_prefix('-'));
        digits.is_some_and(|digits| digits.starts_with(|first: char| first.is_ascii_digit() || first == '.'))
    };
    let mut joined: Vec<OsString> = Vec::with_capacity(arguments.len());
    let mut is_over = false;
    for argument in arguments {
        match joined.last_mut() {
            Some(flag) if !is_over && is_flag(flag) && is_negative(&argument) => {
                flag.push("=");
                flag.push(argument);
            }
            Some(_) | None => {
                is_over |= argument == "--";
                joined.push(argument);
            }
        }
    }
    joined
}

/// Adds the nearest name where clap finds none.
fn with_tips(mut error: clap::Error, program: &Command) -> clap::Error {
    let text = |error: &clap::Error, kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        Some(_) | None => None,
    };
    let has = |error: &clap::Error, kind| error.get(kind).is_some();
    // The command (the program or a subcommand) in which the mistake was made.
    let words: Vec<String> = std::env::args().skip(1).collect();
    let here = program.get_subcommands().find(|sub| words.first().is_some_and(|word| word == sub.get_name()));
    let here = here.unwrap_or(program);
    let kind = error.kind();
    if kind == ErrorKind::InvalidSubcommand {
        let Some(found) = text(&error, ContextKind::InvalidSubcommand) else { return error };
        let is_scenario = scenarios::names().contains(&found.as_str());
        if has(&error, ContextKind::SuggestedSubcommand) && !is_scenario {
            return error;
        }
        let shown = program.get_subcommands().filter(|sub| !sub.is_hide_set());
        let names: Vec<&str> = shown.map(Command::get_name).collect();
        if is_scenario {
            let _other = error.remove(ContextKind::SuggestedSubcommand);
            tip(&mut error, format!("to run a scenario: '{} run {found}'", program.get_name()));
        } else if let Some(near) = suggest::nearest(&found, &names) {
            let _none = error.insert(ContextKind::SuggestedSubcommand, ContextValue::String(near.to_owned()));
        } else if let Some(near) = suggest::nearest(&found, &scenarios::names()) {
            tip(&mut error, format!("to run a scenario: '{} run {near}'", program.get_name()));
        }
    } else if kind == ErrorKind::UnknownArgument && !has(&error, ContextKind::SuggestedArg) {
        let Some(found) = text(&error, ContextKind::InvalidArg) else { return error };
        if found.parse::<u16>().is_ok() && here.get_arguments().any(|flag| flag.get_long() == Some("port")) {
            tip(&mut error, format!("to listen on that port: '--port {found}'"));
        }
        let Some(name) = found.strip_prefix("--") else { return error };
        let shown = here.get_arguments().filter(|flag| !flag.is_hide_set());
        let flags: Vec<&str> = shown.filter_map(clap::Arg::get_long).collect();
        if let Some(near) = suggest::nearest(name, &flags) {
            let _none = error.insert(ContextKind::SuggestedArg, ContextValue::String(format!("--{near}")));
        }
    } else if kind == ErrorKind::InvalidValue && !has(&error, ContextKind::SuggestedValue) {
        let Some(found) = text(&error, ContextKind::InvalidValue) else { return error };
        let Some(ContextValue::Strings(valid)) = error.get(ContextKind::ValidValue) else { return error };
        let valid: Vec<&str> = valid.iter().map(String::as_str).collect();
        if let Some(near) = suggest::nearest(&found, &valid).map(str::to_owned) {
            let _none = error.insert(ContextKind::SuggestedValue, ContextValue::String(near));
        }
    } else if kind == ErrorKind::ArgumentConflict && here.get_name() == program.get_name() {
        let mut named = program.get_subcommands().filter(|sub| words.iter().any(|word| word == sub.get_name()));
        if let Some(sub) = named.next() {
            let (program, sub) = (program.get_name(), sub.get_name());
            tip(&mut error, format!("put flags after the subcommand: '{program} {sub} --…'"));
        }
    }
    error
}

fn tip(error: &mut clap::Error, tip: String) {
    let _none = error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::loadgen::LoadgenArgs;
    use crate::cli::server::ServerArgs;
    use clap::CommandFactory;

    fn joined(arguments: &[&str]) -> Vec<String> {
        let arguments = arguments.iter().map(OsString::from).collect();
        with_negative_values(arguments).into_iter().map(|one| one.into_string().unwrap()).collect()
    }

    #[test]
    fn a_negative_number_is_the_value_of_the_flag_before_it() {
        assert_eq!(joined(&["x", "--clients", "-5", "--rate=-1"]), ["x", "--clients=-5", "--rate=-1"]);
        assert_eq!(joined(&["x", "--measure", "-5s", "--pin"]), ["x", "--measure=-5s", "--pin"]);
        assert_eq!(joined(&["x", "-5", "--", "--a", "-5"]), ["x", "-5", "--", "--a", "-5"]);
        assert_eq!(joined(&["x", "--out", "-folder"]), ["x", "--out", "-folder"]);
    }

    #[test]
    fn no_flag_is_a_digit_and_every_command_is_well_formed() {
        for command in [LoadgenArgs::command(), ServerArgs::command()] {
            command.clone().debug_assert();
            for command in std::iter::once(&command).chain(command.get_subcommands()) {
                let shorts = command.get_arguments().filter_map(clap::Arg::get_short);
                assert!(shorts.into_iter().all(|short| !short.is_ascii_digit()), "{}", command.get_name());
            }
        }
    }
}
