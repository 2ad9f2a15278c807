use super::*;
use tokio::io::{DuplexStream, duplex};

/// A server that answers each request with the next of `answers`, `piece` bytes at a time, and then closes.
async fn answer(mut far: DuplexStream, answers: &[&[u8]], piece: usize) {
    for answer in answers {
        let mut asked = Vec::new();
        while !asked.ends_with(b"\r\n\r\n") {
            let Ok(byte) = far.read_u8().await else { return };
            asked.push(byte);
        }
        for bytes in answer.chunks(piece) {
            if far.write_all(bytes).await.is_err() {
                return;
            }
            tokio::task::yield_now().await;
        }
    }
}

async fn get(connection: &mut Http1<DuplexStream>) -> Result<(StatusCode, Vec<u8>), ClientError> {
    let head = connection.send(&Method::GET, "/", &HeaderMap::new(), &[]).await?;
    Ok((head.status, connection.whole(1 << 20).await?))
}

/// Reads these answers with one client, one after the other.
async fn read(answers: &[&[u8]], piece: usize) -> Vec<Result<(StatusCode, Vec<u8>), ClientError>> {
    let (near, far) = duplex(1 << 16);
    let reading = async {
        let mut connection = Http1::new(near);
        let mut read = Vec::new();
        for _ in answers {
            read.push(get(&mut connection).await);
        }
        read
    };
    let serving = async {
        // The client may stop reading, so the server must not wait for it for ever.
        let _served = tokio::time::timeout(std::time::Duration::from_secs(9), answer(far, answers, piece)).await;
    };
    tokio::join!(serving, reading).1
}

#[tokio::test(start_paused = true)]
async fn a_body_is_the_same_however_it_is_framed_and_split_by_the_network() {
    let answers: [&[u8]; 6] = [
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
        b"HTTP/1.1 204 No Content\r\netag: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=1\r\nhello\r\nC\r\n and\r\n good \r\n0\r\nx: y\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nup to the end",
    ];
    let wanted: [(u16, &[u8]); 6] =
        [(200, b"hello"), (204, b""), (200, b"hello and\r\n good "), (304, b""), (200, b""), (200, b"up to the end")];
    for piece in 1..60 {
        let read = read(&answers, piece).await;
        for (read, (status, body)) in read.into_iter().zip(wanted) {
            let (read_status, read_body) = read.unwrap();
            assert_eq!((read_status.as_u16(), read_body.as_slice()), (status, body), "{piece}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_cut_off_or_malformed_is_never_taken_for_a_whole_one() {
    let answers: [&[u8]; 9] = [
        b"",
        b"HTTP/1.1 200 OK\r\nconten",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhell",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello, world\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n+5\r\nhello\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: five\r\n\r\nhello",
        b"SSH-2.0-OpenSSH\r\n\r\n",
    ];
    for answer in answers {
        let read = read(&[answer], 7).await.remove(0);
        assert!(matches!(read, Err(ClientError::Broken(_))), "{}: {read:?}", String::from_utf8_lossy(answer));
    }
}

#[tokio::test(start_paused = true)]
async fn a_head_line_or_body_without_end_is_refused_and_not_buffered() {
    let endless = vec![b'x'; 1 << 20];
    for begin in ["HTTP/1.1 200 OK\r\nx: ", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5;"] {
        let answer = [begin.as_bytes(), &endless].concat();
        let read = read(&[&answer], 1 << 16).await.remove(0);
        assert!(matches!(read, Err(ClientError::Broken(_))), "{begin}: {read:?}");
    }
    let (near, far) = duplex(1 << 16);
    let mut connection = Http1::new(near);
    let long = async {
        connection.send(&Method::GET, "/", &HeaderMap::new(), &[]).await?;
        connection.whole(4).await
    };
    let serving = answer(far, &[b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"], 99);
    assert!(matches!(tokio::join!(long, serving).0, Err(ClientError::Broken(_))));
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_has_ended_or_whose_request_was_cancelled_takes_no_other_request() {
    let last: [&[u8]; 3] = [
        b"HTTP/1.1 200 OK\r\nConnection: Close\r\ncontent-length: 2\r\n\r\nhi",
        b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\n\r\nhi",
    ];
    for answer in last {
        let read = read(&[answer, b""], 99).await;
        assert!(matches!(&read[..], [Ok((StatusCode::OK, _)), Err(ClientError::Closed)]), "{read:?}");
    }
    // The server closes between two requests.
    let (near, far) = duplex(1 << 16);
    let mut connection = Http1::new(near);
    let serving = answer(far, &[b"HTTP/1.1 204 No Content\r\n\r\n"], 99);
    assert!(tokio::join!(get(&mut connection), serving).0.is_ok());
    assert!(matches!(get(&mut connection).await, Err(ClientError::Closed)));
    // The request was cancelled.
    let (near, _far) = duplex(1 << 16);
    let mut connection = Http1::new(near);
    let gave_up = tokio::time::timeout(limits::DIAL_TIMEOUT, get(&mut connection)).await;
    assert!(gave_up.is_err());
    assert!(matches!(get(&mut connection).await, Err(ClientError::Closed)));
}

#[tokio::test]
async fn a_request_has_its_headers_and_its_length_and_its_target_cannot_inject_another_request() {
    let headers = HeaderMap::from_iter([(CONNECTION, HeaderValue::from_static("close"))]);
    let request = encode(&Method::POST, "/echo", &headers, b"hi").unwrap();
    assert_eq!(request, b"POST /echo HTTP/1.1\r\nconnection: close\r\ncontent-length: 2\r\n\r\nhi");
    for target in ["/a b", "/\r\nx: y", "/\u{e9}"] {
        assert!(matches!(encode(&Method::GET, target, &headers, b""), Err(ClientError::Contract(_))), "{target:?}");
    }
}
