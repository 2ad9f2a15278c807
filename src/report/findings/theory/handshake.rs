//! The bytes of a TLS 1.3 handshake as rustls does it with a lab certificate, field by field (RFC 8446 section 4).

/// A record's head, while nothing is sealed yet (RFC 8446 section 5.1).
const RECORD_HEAD: usize = 5;
/// What sealing adds to a record in addition to its head: content type and tag (RFC 8446 section 5.2).
const SEAL: usize = 1 + 16;
/// A handshake message's type and length (RFC 8446 section 4).
const MESSAGE_HEAD: usize = 4;
/// An extension's type and length (RFC 8446 section 4.2).
const EXTENSION_HEAD: usize = 4;
/// `change_cipher_spec`, sent by each side for middleboxes (RFC 8446 appendix D.4).
const CHANGE_CIPHER_SPEC: usize = RECORD_HEAD + 1;
/// SHA-384, which the suite agreed on has (TLS_AES_256_GCM_SHA384).
const HASH: usize = 48;
const FINISHED: usize = MESSAGE_HEAD + HASH;
/// Version, random and session id.
const HELLO: usize = MESSAGE_HEAD + 2 + 32 + (1 + 32);
/// Ten cipher suites and one compression method, each list with its length, and the length of the extensions.
const OFFERED: usize = 2 + 10 * 2 + (1 + 1) + 2;
/// `server_name` of the lab's name.
const SERVER_NAME: usize = EXTENSION_HEAD + 2 + 1 + 2 + "localhost".len();
/// What else rustls offers, each with its head: `status_request`, three groups, point formats, nine signature schemes,
/// `extended_main_secret`, two versions, `psk_key_exchange_modes`, and a share of X25519.
const OTHERS: usize = 8 * EXTENSION_HEAD + 5 + (2 + 3 * 2) + 2 + (2 + 9 * 2) + (1 + 2 * 2) + 2 + KEY_SHARES;
const KEY_SHARES: usize = 2 + 2 + 2 + 32;
/// The extension by which a session of TLS 1.2 would be resumed; not sent when one of 1.3 is.
const SESSION_TICKET: usize = EXTENSION_HEAD;
/// The suite, the compression method, the length of the extensions, `supported_versions` and the share.
const ANSWERED: usize = 2 + 1 + 2 + (EXTENSION_HEAD + 2) + (EXTENSION_HEAD + 2 + 2 + 32);
/// The lab's certificate: a key on P-256, three names, signed by itself. Its signature differs by a byte or two from one to
/// the next.
const LAB_CERTIFICATE: usize = 383;
/// An ECDSA signature in DER, likewise.
const SIGNATURE: usize = 71;
/// A sealed session without the protocol's name: key name, nonce, state and tag, as rustls writes them with ring.
const TICKET: usize = 126;
/// Tickets that a server sends behind a handshake (rustls's `send_tls13_tickets`).
const TICKETS: usize = 2;
/// Lifetime, age, nonce and lengths of a ticket (RFC 8446 section 4.6.1).
const TICKET_HEAD: usize = MESSAGE_HEAD + 4 + 4 + (1 + 32) + 2 + 2;
/// `close_notify` of each side: what is inside its record (RFC 8446 section 6.1).
const CLOSES: usize = 2 * 2;

/// How a connection begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handshake {
    /// The name of the protocol that is agreed on (RFC 7301): `http/1.1`, `h2`.
    pub alpn: &'static str,
    /// It resumes a session, so that no certificate is sent.
    pub is_resumed: bool,
}

impl Handshake {
    /// What both sides send until TLS is agreed on.
    pub fn agreed(self) -> usize {
        self.client_hello() + self.server_hello() + 2 * CHANGE_CIPHER_SPEC + self.sealed_of_server() + sealed(FINISHED)
    }

    /// What the server's tickets take behind it, without the record that they come in.
    pub fn tickets(self) -> usize {
        TICKETS * (TICKET_HEAD + self.ticket())
    }

    /// The bytes of a connection made for one request, without the records of request, answer and tickets.
    pub fn whole(self) -> f64 {
        (self.agreed() + self.tickets() + CLOSES) as f64
    }

    fn client_hello(self) -> usize {
        let resumption = match self.is_resumed {
            false => SESSION_TICKET,
            // One identity with its age, one binder (RFC 8446 section 4.2.11).
            true => EXTENSION_HEAD + 2 + (2 + self.ticket() + 4) + 2 + (1 + HASH),
        };
        RECORD_HEAD + HELLO + OFFERED + SERVER_NAME + OTHERS + self.alpn_extension() + resumption
    }

    fn server_hello(self) -> usize {
        let resumption = if self.is_resumed { EXTENSION_HEAD + 2 } else { 0 };
        RECORD_HEAD + HELLO + ANSWERED + resumption
    }

    /// EncryptedExtensions, Certificate, CertificateVerify and Finished in one record.
    fn sealed_of_server(self) -> usize {
        let extensions = MESSAGE_HEAD + 2 + self.alpn_extension();
        let certificate = MESSAGE_HEAD + 1 + 3 + (3 + LAB_CERTIFICATE + 2);
        let verify = MESSAGE_HEAD + 2 + 2 + SIGNATURE;
        sealed(extensions + FINISHED + if self.is_resumed { 0 } else { certificate + verify })
    }

    fn alpn_extension(self) -> usize {
        EXTENSION_HEAD + 2 + 1 + self.alpn.len()
    }

    fn ticket(self) -> usize {
        TICKET + self.alpn.len()
    }
}

fn sealed(content: usize) -> usize {
    RECORD_HEAD + content + SEAL
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handshake_is_as_long_as_it_was_on_the_wire() {
        // Captured of this program: the records of ClientHello, ServerHello, two change_cipher_spec, the server's flight and
        // the client's Finished, and the tickets.
        for (alpn, is_resumed, records, tickets) in [
            ("http/1.1", false, [251, 127, 12, 569, 74], 366),
            ("http/1.1", true, [444, 133, 12, 95, 74], 366),
            ("h2", true, [432, 133, 12, 89, 74], 354),
        ] {
            let handshake = Handshake { alpn, is_resumed };
            let off = handshake.agreed().abs_diff(records.iter().sum());
            assert!(off <= if is_resumed { 0 } else { 4 }, "{handshake:?}: {}", handshake.agreed());
            assert_eq!(handshake.tickets(), tickets, "{handshake:?}");
        }
    }
}
