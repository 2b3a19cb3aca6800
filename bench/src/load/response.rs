//! Reads of an answer what a load generator needs: its status and where it ends. Bodies are not looked into.

use memchr::memmem;
use std::ops::Range;

/// Longer heads are not Mizan's.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// An answer that has arrived whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// Where its body is in the bytes that were read. The next answer begins where it ends.
    pub(crate) body: Range<usize>,
}

/// What came is not an answer with a length.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Broken(pub(crate) &'static str);

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "an answer could not be read: {}", self.0)
    }
}

impl std::error::Error for Broken {}

/// The first answer in these bytes; none while some of it has not arrived.
pub(crate) fn read(bytes: &[u8]) -> Result<Option<Response>, Broken> {
    let Some(head_end) = memmem::find(bytes, b"\r\n\r\n") else {
        return if bytes.len() > HEAD_BYTES_MAX { Err(Broken("its head does not end")) } else { Ok(None) };
    };
    let mut lines = bytes[..head_end].split(|byte| *byte == b'\n');
    let status = lines.next().and_then(status).ok_or(Broken("its first line has no status"))?;
    let length = match lines.find_map(content_length) {
        Some(length) => length.ok_or(Broken("its length is not a number"))?,
        None if matches!(status, 204 | 304) => 0,
        None => return Err(Broken("it has no Content-Length")),
    };
    let start = head_end + 4;
    let body = start..start + length;
    Ok((bytes.len() >= body.end).then_some(Response { status, body }))
}

/// `HTTP/1.1 200 OK`
fn status(line: &[u8]) -> Option<u16> {
    let digits = line.strip_prefix(b"HTTP/1.1 ")?.get(..3)?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// The value of the line that says how long the body is; none for other lines.
fn content_length(line: &[u8]) -> Option<Option<usize>> {
    const NAME: &[u8] = b"content-length:";
    let name = line.get(..NAME.len())?;
    if !name.eq_ignore_ascii_case(NAME) {
        return None;
    }
    let value = std::str::from_utf8(&line[NAME.len()..]).ok();
    Some(value.and_then(|it| it.trim().parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nx: y\r\nContent-Length: 5\r\netag: \"1\"\r\n\r\nhello";

    #[test]
    fn an_answer_is_whole_when_its_last_byte_is_there_and_not_before() {
        for some in 0..ANSWER.len() {
            assert_eq!(read(&ANSWER[..some]), Ok(None), "{some} bytes");
        }
        let whole = read(ANSWER).unwrap().unwrap();
        assert_eq!((whole.status, &ANSWER[whole.body]), (200, b"hello".as_slice()));
    }

    #[test]
    fn what_follows_an_answer_is_left_alone() {
        let two = [ANSWER, ANSWER].concat();
        let first = read(&two).unwrap().unwrap();
        assert_eq!(first.body.end, ANSWER.len());
        assert_eq!(read(&two[first.body.end..]).unwrap().unwrap(), first);
    }

    #[test]
    fn an_empty_body_is_a_body_and_some_statuses_have_none() {
        for (bytes, status) in [
            (b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n".as_slice(), 503),
            (b"HTTP/1.1 304 Not Modified\r\n\r\n".as_slice(), 304),
        ] {
            let read = read(bytes).unwrap().unwrap();
            assert_eq!((read.status, read.body), (status, bytes.len()..bytes.len()));
        }
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        let endless = vec![b'x'; HEAD_BYTES_MAX + 1];
        for broken in [
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".as_slice(),
            b"HTTP/1.1 200 OK\r\ncontent-length: five\r\n\r\n",
            b"SSH-2.0-OpenSSH\r\n\r\n",
            &endless,
        ] {
            assert!(read(broken).is_err(), "{:?}", String::from_utf8_lossy(&broken[..20]));
        }
    }
}
