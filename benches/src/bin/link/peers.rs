//! The ways to a program: each proxy in a process of its own, gone with the benchmark.

use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use looplab::link::Links;
use looplab::net::block_on_real;
use looplab::plan::{Overrides, Plan};
use looplab::scenario::model::Scenario;
use looplab::{run, trace};

/// A process that is killed with its owner.
pub struct Process(pub Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A program of this benchmark, in a process of its own.
pub struct Program {
    pub address: SocketAddr,
    _process: Process,
}

/// Starts the program `kind`.
pub fn program(kind: &str) -> Program {
    let (process, address) = own(&["program", kind]);
    Program { address, _process: process }
}

/// Starts this very program with other words; it says where it listens.
fn own(words: &[&str]) -> (Process, SocketAddr) {
    let path = std::env::current_exe().expect("this program has a path");
    let child = Command::new(path).args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = child.expect("a process");
    let mut line = String::new();
    let output = child.stdout.take().expect("its output is read");
    BufReader::new(output).read_line(&mut line).expect("it says where it listens");
    (Process(child), line.trim().parse().expect("an address"))
}

/// One of the ways to a program.
pub struct Way {
    pub name: String,
    pub address: SocketAddr,
    _process: Option<Process>,
}

impl Way {
    pub fn direct(program: &Program) -> Way {
        Way { name: "direct".into(), address: program.address, _process: None }
    }

    /// `socat` as its manual has it, a process for each connection, without the delay of small writes.
    pub fn socat(program: &Program, options: &[&str]) -> Way {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = free.local_addr().expect("an address");
        drop(free);
        let listen = format!("TCP-LISTEN:{},fork,reuseaddr,nodelay,bind=127.0.0.1", address.port());
        let to = format!("TCP:{},nodelay", program.address);
        let child = Command::new("socat").args(options).args([listen, to]).spawn();
        let process = Process(child.expect("socat is installed"));
        while TcpStream::connect(address).is_err() {
            std::thread::sleep(Duration::from_millis(10));
        }
        let name = ["socat"].iter().chain(options).copied().collect::<Vec<_>>().join(" ");
        Way { name, address, _process: Some(process) }
    }

    pub fn noxious(program: &Program) -> Way {
        let (process, address) = own(&["noxious", &program.address.to_string()]);
        Way { name: "noxious".into(), address, _process: Some(process) }
    }

    pub fn looplab(protocol: &str, program: &Program) -> Way {
        let (process, address) = own(&["looplab", protocol, &program.address.to_string()]);
        Way { name: format!("looplab, {protocol}"), address, _process: Some(process) }
    }
}

/// Ends this process when the one that started it is gone.
pub fn end_with_parent() {
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
}

/// A link of looplab in front of `upstream`, its trace written to a file that nobody sees.
pub fn looplab(protocol: &str, upstream: SocketAddr) {
    end_with_parent();
    let text = format!(
        "looplab: 1\nservers: {{ app: {{ type: external, address: \"{upstream}\", protocol: {protocol} }} }}\n"
    );
    let scenario = Scenario::parse("bench.yaml", text.as_bytes(), None).expect("a scenario");
    let plan = Arc::new(Plan::new(scenario, Overrides::default()).expect("a plan"));
    let recorder = trace::Recorder::new(vec![writer(&plan)]);
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let end = block_on_real(threads, |net, clock| async move {
        let links = Links::new(plan.clone(), net, clock, recorder);
        let node = plan.nodes[0].id;
        links.foreign(node, upstream).expect("loopback");
        let listener = links.listen(node).expect("a port");
        println!("{}", listener.local_addr());
        std::future::pending::<()>().await;
    });
    end.expect("a runtime");
}

/// A writer of the trace into a file that nobody sees.
pub fn writer(plan: &Plan) -> Box<dyn trace::Observer> {
    let path = std::env::temp_dir().join(format!("looplab-bench-{}.jsonl", std::process::id()));
    let file = std::fs::File::create(&path).expect("a file");
    std::fs::remove_file(path).expect("the file is open, and needs no name");
    Box::new(trace::Writer::new(&run::header(plan), file))
}

/// The proxy of the `noxious` crate, without toxics, as its server runs it.
pub fn noxious(upstream: SocketAddr) {
    use noxious::proxy::{ProxyConfig, ProxyRunner, Runner, Toxics};
    end_with_parent();
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let listen = free.local_addr().expect("an address").to_string();
    drop(free);
    let config = ProxyConfig {
        name: "bench".into(),
        listen: listen.clone(),
        upstream: upstream.to_string(),
        enabled: true,
        rand_seed: None,
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let proxy =
            ProxyRunner::initialize_proxy::<noxious::socket::TcpListener>(config, Toxics::empty());
        let (listener, info) = proxy.await.expect("a port");
        let (_events, receiver) = bmrng::channel(1);
        let (stop, _stopper) = noxious::signal::Stop::new();
        let (_close, closer) = noxious::signal::Close::new();
        println!("{listen}");
        ProxyRunner::run_proxy(listener, info, receiver, stop, closer).await.expect("it runs");
    });
}
