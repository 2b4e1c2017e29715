//! The looplab program.

fn main() -> std::process::ExitCode {
    looplab::cli::main()
}
