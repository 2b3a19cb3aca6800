//! What the client should have said to its sockets: not to wait.
//!
//! `eventstore` 4.0.0 leaves Nagle's algorithm on and writes the head and the body of a request apart, so the body waits for
//! the acknowledgement of the head, which a server's kernel puts off for 40 ms: 40 ms on every question. The client gives
//! nobody its sockets, and the kernel lends them: each descriptor of this process that leads to a port of the cluster is
//! duplicated, told, and closed again. Where that is not possible, everything works, and is slower.

/// Tells the sockets that lead to one of these ports, and says how many had to be told.
#[cfg(target_os = "linux")]
pub(super) fn tell(ports: &[u16]) -> usize {
    use rustix::net::{SocketAddrAny, getpeername, sockopt};
    use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};

    let (Ok(open), Ok(process)) = (std::fs::read_dir("/proc/self/fd"), pidfd_open(getpid(), PidfdFlags::empty()))
    else {
        return 0;
    };
    // Sockets only: a file that is closed once loses its locks, however often else it is open.
    let is_socket = |it: &std::fs::DirEntry| {
        std::fs::read_link(it.path()).is_ok_and(|target| target.as_os_str().as_encoded_bytes().starts_with(b"socket:"))
    };
    let sockets = open.flatten().filter(is_socket);
    let numbers = sockets.filter_map(|it| it.file_name().to_str()?.parse::<i32>().ok());
    let told = numbers.filter(|number| {
        let Ok(socket) = pidfd_getfd(&process, *number, PidfdGetfdFlags::empty()) else { return false };
        let leads_there = getpeername(&socket).ok().flatten().is_some_and(|peer: SocketAddrAny| {
            std::net::SocketAddr::try_from(peer).is_ok_and(|peer| ports.contains(&peer.port()))
        });
        leads_there && sockopt::tcp_nodelay(&socket) == Ok(false) && sockopt::set_tcp_nodelay(&socket, true).is_ok()
    });
    told.count()
}

/// Only Linux lends descriptors.
#[cfg(not(target_os = "linux"))]
pub(super) fn tell(_ports: &[u16]) -> usize {
    0
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, TcpListener, TcpStream};

    #[test]
    fn a_socket_is_told_once_and_others_are_left_alone() {
        let [there, elsewhere] = [(); 2].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
        let [to, away] = [&there, &elsewhere].map(|it| TcpStream::connect(it.local_addr().unwrap()).unwrap());
        let ports = [there.local_addr().unwrap().port()];
        assert!(!to.nodelay().unwrap() && !away.nodelay().unwrap());
        assert_eq!((tell(&ports), tell(&ports)), (1, 0));
        assert!(to.nodelay().unwrap() && !away.nodelay().unwrap());
    }
}
