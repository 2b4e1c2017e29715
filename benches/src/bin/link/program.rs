//! The programs behind the proxies.

use std::convert::Infallible;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use bytes::Bytes;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;

/// Runs one of them until the benchmark ends.
pub fn run(kind: &str) {
    super::peers::end_with_parent();
    match kind {
        "echo" => serve(echo),
        "sink" => serve(sink),
        "http" => http(),
        "crowd" => crowd(),
        _ => panic!("there is no program {kind}"),
    }
}

/// A thread for each connection, which is as fast as it gets for a few.
fn serve(connection: fn(TcpStream) -> std::io::Result<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    println!("{}", listener.local_addr().expect("an address"));
    for stream in listener.incoming() {
        let stream = stream.expect("a connection");
        stream.set_nodelay(true).expect("a socket");
        std::thread::spawn(move || connection(stream));
    }
}

fn echo(mut stream: TcpStream) -> std::io::Result<()> {
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            n => stream.write_all(&buffer[..n])?,
        }
    }
}

/// Reads as many bytes as it is told, and says when they have come.
fn sink(mut stream: TcpStream) -> std::io::Result<()> {
    let mut buffer = vec![0; 256 * 1024];
    let mut announced = [0; 8];
    stream.read_exact(&mut announced)?;
    let mut left = u64::from_le_bytes(announced);
    while left > 0 {
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            n => left -= n as u64,
        }
    }
    stream.write_all(b"!")
}

/// hyper's hello-world on one thread: what a program costs that does nothing.
fn http() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async move {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        println!("{}", listener.local_addr().expect("an address"));
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            stream.set_nodelay(true).expect("a socket");
            tokio::spawn(async move {
                let service = service_fn(|_| async {
                    let body = Full::new(Bytes::from_static(b"Hello World"));
                    Ok::<_, Infallible>(hyper::Response::new(body))
                });
                let http = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service);
                let _ = http.await;
            });
        }
    });
}

/// An echo for very many connections.
fn crowd() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async move {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        println!("{}", listener.local_addr().expect("an address"));
        loop {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            tokio::spawn(async move {
                let (mut read, mut write) = stream.split();
                let _ = tokio::io::copy(&mut read, &mut write).await;
            });
        }
    });
}
