//! A connection that asks one thing at a time and is kept.

use super::response::{self, Response};
use super::{Asked, Failure};
use mio::net::TcpStream;
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;

pub(super) struct Connection {
    pub(super) stream: TcpStream,
    /// What the socket did not take at once, and how much of it was sent since.
    unsent: Vec<u8>,
    sent: usize,
    /// The first bytes of an answer whose rest has not come.
    partial: Vec<u8>,
    /// What is under way, and since when, in microseconds of the run.
    pub(super) under_way: Option<(Asked, u64)>,
}

impl Connection {
    pub(super) fn open(address: SocketAddr) -> Result<Self, Failure> {
        let stream = std::net::TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let stream = TcpStream::from_std(stream);
        Ok(Self { stream, unsent: Vec::new(), sent: 0, partial: Vec::new(), under_way: None })
    }

    pub(super) fn ask(&mut self, request: &[u8], asked: Asked, since_us: u64) -> Result<(), Failure> {
        self.under_way = Some((asked, since_us));
        let sent = write(&mut self.stream, request)?;
        if sent < request.len() {
            self.unsent.extend_from_slice(&request[sent..]);
        }
        Ok(())
    }

    /// Sends on what the socket had no room for.
    pub(super) fn go_on(&mut self) -> Result<(), Failure> {
        if self.unsent.is_empty() {
            return Ok(());
        }
        self.sent += write(&mut self.stream, &self.unsent[self.sent..])?;
        if self.sent == self.unsent.len() {
            self.unsent.clear();
            self.sent = 0;
        }
        Ok(())
    }

    /// Reads what has come, and hands the answer over if it is whole. `buffer` is anybody's; nothing is kept in it.
    pub(super) fn receive<T>(
        &mut self,
        buffer: &mut [u8],
        told: impl FnOnce(Response, &[u8]) -> T,
    ) -> Result<Option<T>, Failure> {
        loop {
            let count = match self.stream.read(buffer) {
                Ok(0) => return Err("the service closed a connection".into()),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            if self.under_way.is_none() {
                return Err("the service answered what nobody asked".into());
            }
            // Nearly always the whole answer comes at once, and nothing is copied. There is never a second one behind it.
            let bytes = if self.partial.is_empty() {
                &buffer[..count]
            } else {
                self.partial.extend_from_slice(&buffer[..count]);
                &self.partial
            };
            match response::read(bytes)? {
                Some(response) if response.body.end == bytes.len() => {
                    let told = told(response, bytes);
                    self.partial.clear();
                    return Ok(Some(told));
                }
                Some(_) => return Err("the service answered once too often".into()),
                None if self.partial.is_empty() => self.partial.extend_from_slice(&buffer[..count]),
                None => (),
            }
        }
    }
}

/// Writes as much as the socket takes.
fn write(stream: &mut TcpStream, bytes: &[u8]) -> Result<usize, Failure> {
    let mut sent = 0;
    while sent < bytes.len() {
        match stream.write(&bytes[sent..]) {
            Ok(count) => sent += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == ErrorKind::Interrupted => (),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(sent)
}
