//! All limits of the program, each with its unit and the reason for its value. Relations between them are asserted at
//! compile time, so that a change to one cannot silently break another.
//!
//! Over 400 lines: every limit has its reason, and all are in one place.

use std::net::IpAddr;
use std::time::Duration;

use crate::units::Nanos;

// The journal ---------------------------------------------------------------------------------------------------------

/// Updates retained: at 10 a second, a client may be disconnected for more than a quarter of an hour without a gap.
pub const JOURNAL_UPDATES_MAX: usize = 10_000;
/// Bytes retained, all encoded forms together: little compared with the sockets of a thousand clients.
pub const JOURNAL_BYTES_MAX: usize = 32 << 20;
/// The largest setting for updates retained: a day at ten a second.
pub const JOURNAL_UPDATES_SETTING_MAX: usize = 1_000_000;
/// The smallest setting for bytes retained: with less, hardly one update would fit.
pub const JOURNAL_BYTES_SETTING_MIN: usize = 4 << 10;
/// The largest setting for bytes retained: the encoded forms of a million updates of 4 KiB, in memory.
pub const JOURNAL_BYTES_SETTING_MAX: usize = 16 << 30;
const _: () = assert!(JOURNAL_BYTES_SETTING_MIN < JOURNAL_BYTES_MAX && JOURNAL_BYTES_MAX < JOURNAL_BYTES_SETTING_MAX);
/// Bytes of an entry in addition to its encoded forms: the entry itself, its counters and its place in the ring.
pub const JOURNAL_ENTRY_OVERHEAD_BYTES: usize = 160;
/// One update's `data`, and so the body of `POST /updates`: above every payload of the `payload` scenario (64 KiB).
pub const UPDATE_BYTES_MAX: usize = 256 << 10;
/// How deeply its arrays and objects may be nested. Common parsers fail at 128 (serde_json), of which the envelope of a
/// poll's answer takes three; a client that cannot parse an update would fail again at each resume.
pub const UPDATE_NESTING_MAX: usize = 100;
const _: () = assert!(UPDATE_BYTES_MAX * 4 < JOURNAL_BYTES_MAX);

// The log that several nodes follow -----------------------------------------------------------------------------------

/// Interval of the NATS server's idle heartbeats. If two in a row are missing, the connection is dead.
pub const LOG_HEARTBEAT: Duration = Duration::from_millis(500);
/// How long one request for messages is valid; it must be longer than two heartbeats.
pub const LOG_PULL_EXPIRES: Duration = Duration::from_secs(10);
const _: () = assert!(LOG_HEARTBEAT.as_millis() * 2 < LOG_PULL_EXPIRES.as_millis());
/// Messages per request: far below the 65,536 that the client library buffers before it drops some.
pub const LOG_PULL_MESSAGES: usize = 1_000;
/// How often a node compares its journal with the stream.
pub const LOG_CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// Checks in a row at which the stream must end before the journal does until the node believes it: a new leader of a
/// cluster may answer before it has applied everything.
pub const LOG_BACK_CHECKS: u32 = 3;
/// How long the NATS server may take for an answer.
pub const LOG_REQUEST_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a node waits before it tries to follow again.
pub const LOG_PAUSE: Duration = Duration::from_millis(100);
/// The longest such wait; it doubles up to this while nothing answers.
pub const LOG_REST_MAX: Duration = Duration::from_secs(1);
/// How long a stream that a node has followed may be missing before the node recreates it: enough time for an operator
/// who has deleted it to create it with other settings.
pub const LOG_MISSING_MAX: Duration = Duration::from_secs(5);
/// How many updates another node may be ahead of this one: a quarter of an hour at a thousand updates a second.
pub const LOG_AHEAD_MAX: u64 = 1_000_000;
/// How long one attempt to publish waits for its acknowledgement: above the p99 of three servers under load (9 ms), and
/// below their change of leader (6.5 s), which further attempts may or may not outlast.
pub const LOG_ACK_TIMEOUT: Duration = Duration::from_secs(2);
/// How long `POST /updates` tries to publish before it answers 503.
pub const LOG_PUBLISH_PATIENCE: Duration = Duration::from_secs(5);
const _: () = assert!(LOG_ACK_TIMEOUT.as_millis() < LOG_PUBLISH_PATIENCE.as_millis());
/// The `Retry-After` of a publisher that was refused because of the log.
pub const LOG_RETRY_AFTER: Duration = Duration::from_secs(1);
/// Unacknowledged updates of a feed at the same time: 10,000 publishes at once hang the server.
pub const LOG_IN_FLIGHT_MAX: usize = 256;
/// How long the server remembers the identifiers of published messages and so detects duplicates.
pub const LOG_DUPLICATE_WINDOW: Duration = Duration::from_secs(120);
/// How long a feed tries to publish an update before it drops it: after the duplicate window it could be stored twice.
pub const LOG_FEED_PATIENCE: Duration = Duration::from_secs(60);
const _: () = assert!(LOG_FEED_PATIENCE.as_secs() + LOG_ACK_TIMEOUT.as_secs() < LOG_DUPLICATE_WINDOW.as_secs());
/// Bytes of an `Idempotency-Key`: a UUID has 36 characters.
pub const IDEMPOTENCY_KEY_BYTES_MAX: usize = 128;
/// Bytes of a message in a stream that a node creates: an update with its headers.
pub const LOG_MESSAGE_BYTES_MAX: i32 = (UPDATE_BYTES_MAX + 1024) as i32;
/// Bytes of a stream's name; the NATS server allows 255.
pub const LOG_NAME_BYTES_MAX: usize = 64;
/// Replicas of one stream: RAFT gains nothing from more.
pub const LOG_REPLICAS_MAX: usize = 5;

// The feed ------------------------------------------------------------------------------------------------------------

/// Updates a second of the synthetic feed: with more, the schedule would be finer than the kernel's timer.
pub const RATE_MAX: f64 = 20_000.0;
/// The lowest rate: an update in a quarter of an hour, so that the longest measured interval ([`LENGTH_MAX`]) has some.
pub const RATE_MIN: f64 = 0.001;
const _: () = assert!(LENGTH_MAX.0 as f64 / 1e9 * RATE_MIN > 1.0);
/// The lowest speed of a recording: a dense one of [`RATE_MAX`] then has an update a minute.
pub const SPEED_MIN: f64 = 1e-6;
/// The highest speed: a recording of one update a month then has hundreds a second. [`RATE_MAX`] limits its rate too.
pub const SPEED_MAX: f64 = 1e9;
/// Updates in one burst of the bursty feed.
pub const BURST_UPDATES: u64 = 10;
/// How much faster than the mean rate updates come inside a burst.
pub const BURST_SPEEDUP: f64 = 10.0;
/// The shortest pause between two loops of a recording, so that a recording of one line does not spin.
pub const REPLAY_TURN_GAP_MIN: Nanos = Nanos::MILLI;

// Answers -------------------------------------------------------------------------------------------------------------

/// Updates in one poll answer if the client gives no limit.
pub const POLL_LIMIT_DEFAULT: usize = 1_000;
/// The largest `limit` of a poll.
pub const POLL_LIMIT_MAX: usize = 10_000;
const _: () = assert!(POLL_LIMIT_DEFAULT <= POLL_LIMIT_MAX);
/// JSON bytes in one answer or one wake-up of a stream: a client that is far behind catches up in pieces of this size,
/// so that no subscriber makes the server build a larger buffer.
pub const BATCH_BYTES_MAX: usize = 512 << 10;
const _: () = assert!(BATCH_BYTES_MAX >= UPDATE_BYTES_MAX, "an update must fit a batch");
/// Updates written in one go to a stream that lags: the send call is most of the cost, so more is better.
pub const STREAM_BATCH_UPDATES_MAX: usize = 256;
/// Bytes of them, except for one larger update. Each connection has its own buffer for them, and a client that reads a
/// byte now and then can keep it full: 10,000 such clients take 313 MiB.
pub const STREAM_BATCH_BYTES_MAX: usize = 32 << 10;
/// Subscribers that one task serves: at five microseconds a write, it blocks its thread for a third of a millisecond,
/// and from some hundred subscribers on there are enough groups to keep all processors busy.
pub const GROUP_MEMBERS_MAX: usize = 64;
/// Unsent bytes of a WebSocket: a batch with its frame headers, or one update of the largest size after one.
pub const WS_WRITE_BUFFER_BYTES_MAX: usize = 2 * (UPDATE_BYTES_MAX + STREAM_BATCH_BYTES_MAX);

/// How long a long poll is held if the client does not say. Below 30 s, which RFC 6202 section 5.5 calls safe for
/// intermediaries that time out silent requests.
pub const LONG_POLL_HOLD: Duration = Duration::from_secs(25);
/// The shortest hold in a plan: with less, a long poll is a poll without an interval.
pub const LONG_POLL_HOLD_MIN: Duration = Duration::from_millis(10);
/// The longest hold.
pub const LONG_POLL_HOLD_MAX: Duration = Duration::from_secs(120);
const _: () = assert!(LONG_POLL_HOLD.as_secs() < LONG_POLL_HOLD_MAX.as_secs());

/// Time between heartbeat comments of an event stream. WHATWG HTML, "Server-sent events", authoring notes: a comment
/// line every 15 seconds or so keeps proxies from cutting the stream.
pub const SSE_HEARTBEAT: Duration = Duration::from_secs(15);
/// The `retry` at the start of an event stream: how long a browser waits before it reconnects.
pub const SSE_RETRY: Duration = Duration::from_secs(1);
/// One event block in the client's parser: an update of the largest size with its envelope and fields.
pub const EVENT_BYTES_MAX: usize = UPDATE_BYTES_MAX + 1024;

/// Time between pings of a WebSocket: below the 60 s after which common proxies cut an idle connection.
pub const WS_PING: Duration = Duration::from_secs(20);
/// How long a pong may take before the connection counts as dead.
pub const WS_PONG_WAIT: Duration = Duration::from_secs(20);
/// How long a closing server waits for the client's close frame.
pub const WS_CLOSE_WAIT: Duration = Duration::from_secs(2);
/// Bytes that a client reads at once: several updates of the usual size, and little enough for a stack.
pub const READ_BYTES_MAX: usize = 8192;
/// Header fields of an answer: the same limit as hyper's.
pub const HEADERS_MAX: usize = 100;
/// Bytes that are read of a refusal: its problem document, whose `detail` is a sentence.
pub const REFUSAL_BYTES_MAX: usize = 4096;
/// Read buffer of a server WebSocket. The library fills it with zeros at each read and keeps it for the connection's
/// life. A client of `/updates/ws` sends only control frames, of at most 125 B and 6 B of header (RFC 6455 sections 5.2
/// and 5.5). Anything longer takes several reads.
pub const WS_READ_BUFFER_BYTES: usize = 136;
/// The library's read buffer in a client WebSocket. It is filled with zeros each time and kept for the connection's
/// life; a longer message takes several reads.
pub const WS_CLIENT_BUFFER_BYTES: usize = 512;
/// Read buffer of `/echo/ws` and `/talk/ws`, which read whole messages.
pub const WS_LARGE_READ_BUFFER_BYTES: usize = 4096;
/// Bytes of one message to `/updates/ws`, where only control frames are expected.
pub const WS_UP_BYTES_MAX: usize = 4096;
/// Bytes of one message to `/echo` or `/echo/ws`, unless set.
pub const ECHO_BYTES_MAX: usize = 1 << 20;
/// The largest setting for it.
pub const ECHO_BYTES_SETTING_MAX: usize = 16 << 20;
const _: () = assert!(ECHO_BYTES_MAX <= ECHO_BYTES_SETTING_MAX);

// Connections ---------------------------------------------------------------------------------------------------------

/// Length of the accept queue. If a fast ramp overflows it, a client waits a second for its SYN to be retransmitted.
/// Also the kernel's limit (`net.core.somaxconn`).
pub const LISTEN_BACKLOG: u32 = 4096;
/// Connections from one address that is not loopback, unless set: a classroom behind one router, with four lanes and a
/// spare connection each.
pub const CONNECTIONS_PER_ADDRESS: usize = 256;
/// The largest setting for connections, in total or per address: what the addresses of 127.0.0.0/8 could open. The
/// actual limit is that on open files.
pub const CONNECTIONS_SETTING_MAX: usize = 1_000_000;
/// The shortest setting for a server timeout or a stream's age: a client on another continent can still answer.
pub const SERVER_LENGTH_MIN: Nanos = Nanos(100 * Nanos::MILLI.0);
/// The longest: a day, which is practically for ever, and far from where clocks overflow.
pub const SERVER_LENGTH_MAX: Nanos = Nanos(24 * 3_600 * Nanos::SECOND.0);
/// The highest processor number to which a program can be pinned, as in the kernel's CPU set (`CPU_SETSIZE`).
pub const CORE_MAX: usize = 1023;
/// CPU time that can be burnt per update: with more than the time between two updates, the server would stall.
pub const BURN_MAX: Nanos = Nanos::SECOND;
/// Refused connections that are kept open until their client has read the reason; others are only closed.
pub const REFUSALS_AT_ONCE: usize = 32;
/// File descriptors not available for connections: listener, timers, logs, `/proc`, standard streams, runtime, and the
/// connections that are being refused.
pub const FD_RESERVE: u64 = 64 + REFUSALS_AT_ONCE as u64;
/// How long a request head may take. hyper also uses this timeout for a kept-alive connection that waits for its next
/// request, so it must be longer than the longest poll interval.
pub const HEAD_READ_TIMEOUT: Duration = Duration::from_secs(75);
/// The longest poll interval in a plan.
pub const POLL_INTERVAL_MAX: Duration = Duration::from_secs(60);
const _: () = assert!(POLL_INTERVAL_MAX.as_secs() < HEAD_READ_TIMEOUT.as_secs());
/// Bytes of a request head; also the smallest buffer that hyper accepts, and it has one per connection.
pub const HEAD_BYTES_MAX: usize = 8192;
/// How long a request body may take: the largest echo at 4.5 Mbit/s. Otherwise a client that sends a byte now and then
/// could keep its bytes in the server's memory for ever.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes of a control request of the live page: a few numbers.
pub const ORDER_BYTES_MAX: usize = 4096;
/// How long a client may read nothing of what it is sent before it is cut.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a stopping server waits for its connections.
pub const DRAIN: Duration = Duration::from_secs(5);
/// How long a closing connection still reads, so that a client in the middle of a body gets the answer that refuses it
/// and not a reset (RFC 9112 section 9.6).
pub const LINGER: Duration = Duration::from_secs(2);
const _: () = assert!(LINGER.as_secs() < DRAIN.as_secs(), "a drain must not end lingering connections");
/// Connections of one trial that may be closing while they are still counted: each is an open file.
pub const SOCKETS_ENDING_MAX: usize = 64;
/// The share of the drain time over which streams are asked to end; they can use the rest to end.
pub const DRAIN_SPREAD_SHARE: f64 = 0.5;
/// The share of a stream's maximum age over which the ends of streams are spread, so that streams which started
/// together do not end together.
pub const AGE_JITTER: f64 = 0.2;
/// The `Retry-After` of a client that was refused: connections end and permits return within seconds.
pub const RETRY_AFTER: Duration = Duration::from_secs(5);
/// How long the accept loop waits after the kernel refused it a socket: long enough not to spin, short enough to be
/// unnoticed.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

// Access control ------------------------------------------------------------------------------------------------------

/// Updates a second that `POST /updates` accepts, unless set: each is encoded and sent to all clients.
pub const PUBLISH_PER_S: f64 = 1_000.0;
/// The lowest setting: one in a quarter of an hour, a wait that `Retry-After` can still express.
pub const PUBLISH_PER_S_MIN: f64 = 0.001;
/// The shortest token: with fewer than 64 bits, in hexadecimal digits, all tokens could be tried over a network.
pub const TOKEN_BYTES_MIN: usize = 16;
/// The longest token: it must easily fit into a request head.
pub const TOKEN_BYTES_MAX: usize = 512;
const _: () = assert!(TOKEN_BYTES_MAX * 4 < HEAD_BYTES_MAX);

// The load generator --------------------------------------------------------------------------------------------------

/// Clients of one generator: limited by the file descriptors of one process and the addresses of 127.0.0.0/8.
pub const CLIENTS_MAX: u32 = 19_000;
/// Clients of a run: those of the largest number of generators that can work together.
pub const CLIENTS_SETTING_MAX: u32 = CLIENTS_MAX * AGENTS_MAX as u32;
/// Clients behind one source address: past about 14,000 connections from one address to one port the kernel's search
/// for a free port slows sharply.
pub const CLIENTS_PER_ADDRESS: u32 = 8_000;
/// Connections that the bare reader asks the kernel about at once: as many as the runtime's own epoll.
pub const BARE_READER_EVENTS: usize = 1024;
/// How often the bare reader checks whether the trial is over while nothing arrives.
pub const BARE_READER_CHECK_INTERVAL: Duration = Duration::from_millis(50);
/// Clients that dial at the same time during the ramp: far fewer than a listener's backlog (`net.core.somaxconn`, 4,096).
pub const DIALS_AT_ONCE: usize = 128;
/// How long one dial may take: a SYN that is lost three times arrives after 7 s.
pub const DIAL_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a TLS handshake may take, on either side: two round trips of the longest link, and the time for a signature
/// on a busy host.
pub const TLS_HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// TLS sessions that a client keeps for resumption. Each handshake brings two tickets, and a client has one connection
/// at a time.
pub const TLS_CLIENT_SESSIONS: usize = 4;
/// How often a client yields while it waits for the first frame of an HTTP/2 server, before it starts to sleep: on
/// loopback the frame has arrived by then.
pub const SETTINGS_YIELDS: u32 = 50;
/// The sleep between two checks for it.
pub const SETTINGS_CHECK_INTERVAL: Duration = Duration::from_millis(1);
/// A shorter answer is not compressed: gzip's header and trailer take 18 bytes (RFC 1952), and little in it repeats.
pub const COMPRESS_BYTES_MIN: u64 = 100;
/// gzip's level: zlib's default.
pub const GZIP_LEVEL: u32 = 6;
/// zstd's level. Higher levels gain little on small messages and take more memory per client.
pub const ZSTD_LEVEL: i32 = 1;
/// The server's zstd window: 64 KiB, some hundred updates, in the memory of both sides for each stream.
pub const ZSTD_WINDOW_LOG: u32 = 16;
/// The largest zstd window that a client accepts: 8 MiB (RFC 9659 section 3).
pub const ZSTD_WINDOW_LOG_MAX: u32 = 23;
/// Compressed bytes between two checks of the decompressed size. Four of them can encode a block of 128 KiB (RFC 8878
/// section 3.1.1.2), so a piece decompresses to at most 2 MiB.
pub const UNPACK_PIECE_BYTES: usize = 64;
/// Concurrent streams on one HTTP/2 connection: twice the minimum that RFC 9113 section 6.5.2 recommends, and hyper's
/// default.
pub const H2_STREAMS_MAX: u32 = 200;
/// The largest setting for it.
pub const H2_STREAMS_SETTING_MAX: usize = 10_000;
/// Bytes of one HTTP/2 stream that the server buffers for a client that reads nothing: as many as a large update.
/// hyper's default is 400 KiB, for each of 200 streams.
pub const H2_SEND_BUFFER_BYTES: usize = 64 * 1024;
/// Time between two checks of a client that has sent only part of the HTTP/2 preface.
pub const PREFACE_CHECK_INTERVAL: Duration = Duration::from_millis(10);
/// Time between the pings of an HTTP/2 connection, as for WebSockets.
pub const H2_PING: Duration = WS_PING;
/// How long the answer to a ping may take.
pub const H2_PING_WAIT: Duration = WS_PONG_WAIT;
/// Streams of a connection that the byte ledger follows individually, and waiting requests that it records: far above
/// the 200 concurrent streams that a server allows.
pub const LEDGER_STREAMS_MAX: usize = 20_000;
/// Waiting times of requests that are kept per connection: 32 MB.
pub const QUEUE_WAITS_MAX: usize = 2_000_000;
/// How long the server may take until it listens.
pub const SERVER_START_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the drain of a trial waits for the last updates, beyond the time for two requests; also how long the last
/// publication may take.
pub const TRIAL_DRAIN: Duration = Duration::from_secs(5);
/// After this time without an answer TCP retransmits a SYN, and then after twice that each time (RFC 6298, sections 2 and
/// 5.5).
pub const SYN_TIMEOUT: Duration = Duration::from_secs(1);
/// Linux adds at least this to the round trip before it retransmits data (`TCP_RTO_MIN`).
pub const RTO_MIN: Duration = Duration::from_millis(200);
/// How much longer a request may take on a lossy path: a SYN that is lost three times is retransmitted after one
/// second, two more and four more.
pub const LOSSY_REQUEST_EXTRA: Duration = Duration::from_secs(7);
const _: () = assert!(LOSSY_REQUEST_EXTRA.as_secs() == SYN_TIMEOUT.as_secs() * (1 + 2 + 4));
/// How much longer a request may take after a kill: a change of the stream's leader takes 6.5 s on an idle machine, and
/// nodes and clients reconnect after it.
pub const KILL_REQUEST_EXTRA: Duration = Duration::from_secs(8);
/// Retransmissions of a SYN before Linux gives up (`tcp_syn_retries`).
pub const SYN_RETRIES: i32 = 6;
/// Period of the tick by which the generator measures its own lateness.
pub const HEALTH_TICK: Duration = Duration::from_millis(10);
/// Slices of the measured interval for latency over time.
pub const TIMELINE_SLICES: u32 = 60;
/// Bootstrap resamples for a confidence interval (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993,
/// chapter 13: 1,000 or more for intervals): the number of ways to draw five trials from five, so that for up to five
/// rounds every possible draw is made and none is random.
pub const BOOTSTRAP_RESAMPLES: usize = 3_125;
/// Ceiling of the first wait before a reconnect; it doubles with each further attempt.
pub const BACKOFF_FIRST: Duration = Duration::from_millis(100);
/// The longest wait that a server may ask for, so that a mistake there does not keep clients away for days.
pub const ASKED_WAIT_MAX: Duration = Duration::from_secs(300);
/// The highest ceiling of the wait before a reconnect.
pub const BACKOFF_MAX: Duration = Duration::from_secs(10);
const _: () = assert!(BACKOFF_FIRST.as_millis() < BACKOFF_MAX.as_millis());
/// How much longer than its transport allows a connection may be silent before a client drops it, because a network
/// that fails may not report it. As long as four retransmissions of a segment take (RFC 6298: 1, 2, 4, 8 s).
pub const SILENCE_GRACE: Duration = Duration::from_secs(15);

// Histograms and headers ----------------------------------------------------------------------------------------------

/// Significant digits of a latency histogram: an error of at most 0.1 %.
pub const HISTOGRAM_DIGITS: u8 = 3;
/// The largest latency in a histogram; a larger one is recorded as this.
pub const HISTOGRAM_MAX: Nanos = Nanos(600 * Nanos::SECOND.0);
/// Bytes of a response head in the client and in its byte ledger.
pub const LEDGER_HEAD_BYTES_MAX: usize = 16 << 10;
/// Header of a TCP segment over IPv4 with the timestamp option, as Linux sends it: 20 (RFC 791) + 20 (RFC 9293) + 12
/// (RFC 7323 section 3.2, padded).
pub const TCP_IPV4_HEADER_BYTES: u64 = 52;
/// The same over IPv6: 40 (RFC 8200) + 20 + 12.
pub const TCP_IPV6_HEADER_BYTES: u64 = 72;

/// How many bytes longer the two segments that open a connection are together: each carries 20 bytes of options
/// (segment size, window scale, selective acknowledgements and timestamps: RFC 9293 section 3.2, RFC 7323, RFC 2018)
/// instead of 12.
pub const TCP_OPENING_BYTES: u64 = 2 * (20 - 12);

/// The header bytes per segment of a connection with this address.
pub fn segment_header_bytes(address: IpAddr) -> u64 {
    match address {
        IpAddr::V4(_) => TCP_IPV4_HEADER_BYTES,
        IpAddr::V6(_) => TCP_IPV6_HEADER_BYTES,
    }
}

// Plans ---------------------------------------------------------------------------------------------------------------

/// Rounds of a run: at a second each a quarter of an hour, and far more than any interval needs.
pub const ROUNDS_MAX: u32 = 1_000;
/// Updates or polls for which the measured interval may be lengthened.
pub const CYCLES_MAX: u32 = 1_000;
/// Points of a sweep: with one round of one second each and one transport, a run of half an hour. Lists multiply, so
/// this also limits the effect of a mistake in a list.
pub const POINTS_MAX: u64 = 1_000;
/// Any duration in a plan.
pub const LENGTH_MAX: Nanos = Nanos(3_600 * Nanos::SECOND.0);
/// The shortest warm-up: the generator's runtime sleeps in whole milliseconds.
pub const WARM_UP_MIN: Nanos = Nanos::MILLI;
/// The shortest measured interval: ten ticks of the generator's health check, which shows whether it kept up.
pub const MEASURE_MIN: Nanos = Nanos(100 * Nanos::MILLI.0);
const _: () = assert!(MEASURE_MIN.0 as u128 >= 10 * HEALTH_TICK.as_nanos());
/// The largest seed: every whole number up to it is exact in every JSON parser (RFC 8259 section 6).
pub const SEED_MAX: u64 = (1 << 53) - 1;
/// Bytes that may be added to a request's head, which must still fit the server's limit.
pub const REQUEST_HEADER_BYTES_MAX: u32 = 4 << 10;
const _: () = assert!(REQUEST_HEADER_BYTES_MAX as usize + 1024 < HEAD_BYTES_MAX);
/// The fewest bytes that can be added: the shortest header field, `cookie: c` and its line end.
pub const REQUEST_HEADER_BYTES_MIN: u32 = 11;
/// The shortest poll interval: the generator's runtime sleeps in whole milliseconds.
pub const POLL_INTERVAL_MIN: Duration = Duration::from_millis(5);
/// A longer run is most likely a mistake in a list.
pub const RUN_HOURS_MAX: f64 = 24.0;
/// Deliveries that must lie beyond a percentile, so that it does not depend on a single one: 2,000 in all for a p99.
pub const PERCENTILE_SAMPLES_MIN: u64 = 20;
/// Trials that must reach a percentile above the median: what only one trial shows may be an accident, and with two it
/// is not clear which is typical.
pub const PERCENTILE_TRIALS_MIN: u64 = 3;
/// Rounds from which transports are ranked with some power: with two, Student's t finds only large differences.
pub const ROUNDS_TO_RANK: u32 = 3;
/// Updates of a schedule that are counted before a run; more are estimated from the rate.
pub const PREFLIGHT_UPDATES_MAX: f64 = 20_000.0;
/// Bytes of them: a synthetic update can only be counted by generating it.
pub const PREFLIGHT_BYTES_MAX: f64 = 1e6;
/// Typical time to start and stop the server of a trial, for estimates: 10 to 60 ms here.
pub const TRIAL_START_USUAL: Duration = Duration::from_millis(50);
/// Typical connections per second during a ramp, for estimates.
pub const RAMP_PER_SECOND_USUAL: f64 = 5_000.0;
const _: () = assert!(RAMP_PER_SECOND_USUAL > RAMP_PER_SECOND_MIN as f64);
/// Bytes of a control answer: far above a page of the schedule, which has 10,000 updates of some 200 bytes.
pub const CONTROL_BYTES_MAX: usize = 64 << 20;
/// How long one control request may take.
pub const CONTROL_TIMEOUT: Duration = Duration::from_secs(10);
/// Exchanges from which the offset of two hosts' clocks is estimated.
pub const CLOCK_EXCHANGES: usize = 16;
/// Deliveries that one client may record in a trial: 24 B each.
pub const DELIVERIES_MAX: u64 = 20_000_000;
/// Deliveries that all clients of a trial may record: some 4 GiB.
pub const TRIAL_DELIVERIES_MAX: u64 = 200_000_000;
const _: () = assert!(DELIVERIES_MAX < TRIAL_DELIVERIES_MAX);
/// Time between the start signal and the first update.
pub const FEED_LEAD: Nanos = Nanos(50 * Nanos::MILLI.0);
/// Clients from which the kernel's memory per client is reported. It is known only for the whole host, whose other
/// sockets and caches vary by some megabytes, while a client takes some tens of kilobytes.
pub const KERNEL_MEMORY_CLIENTS_MIN: u32 = 500;
/// Clients from which reports compare the memory per client of transports: with fewer, what the process's allocator
/// happens to keep, a megabyte or so, is as much as all clients need.
pub const MEMORY_CLIENTS_MIN: u32 = KERNEL_MEMORY_CLIENTS_MIN;
/// Client counts needed for a line of memory over clients: a line fits any two.
pub const MEMORY_CLIENT_COUNTS_MIN: usize = 3;
/// The widest bound, as a factor, within which reports call two transports equal: a quarter more or less of a cost or
/// of a wait is about the smallest difference for which anyone would choose one over the other. A wider bound is
/// inconclusive.
pub const EQUAL_WITHIN_MAX: f64 = 1.25;
/// Time between the last client's first answer and the reading of memory.
pub const SETTLE: Duration = Duration::from_millis(200);
/// How often a drain checks whether it is done.
pub const DRAIN_CHECK_INTERVAL: Duration = Duration::from_millis(5);
/// The fewest connections per second of a ramp; a slower ramp is aborted.
pub const RAMP_PER_SECOND_MIN: u32 = 200;

// Agents --------------------------------------------------------------------------------------------------------------

/// Agents of one run.
pub const AGENTS_MAX: usize = 64;
/// How long a coordinator waits for the agents that it was told to expect.
pub const AGENTS_WAIT: Duration = Duration::from_secs(30);
/// How often it checks which agents have connected.
pub const AGENT_CHECK_INTERVAL: Duration = Duration::from_millis(50);
/// Interval of an agent's heartbeats.
pub const AGENT_ALIVE_PERIOD: Duration = Duration::from_millis(500);
/// Silence after which an agent or a coordinator counts as gone: ten heartbeats, to allow for a busy host.
pub const AGENT_SILENCE: Duration = Duration::from_secs(5);
const _: () = assert!(AGENT_SILENCE.as_millis() >= 10 * AGENT_ALIVE_PERIOD.as_millis());
/// How long an agent waits for an answer.
pub const AGENT_ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// Time between two hellos of an agent that has no coordinator yet.
pub const AGENT_HELLO_PAUSE: Duration = Duration::from_millis(200);
/// How long an agent waits for the next command in a trial: the longest interval and its schedule.
pub const AGENT_ORDER_TIMEOUT: Duration = Duration::from_secs(3_900);
const _: () = assert!(AGENT_ORDER_TIMEOUT.as_secs() as u128 * 1_000_000_000 > LENGTH_MAX.0 as u128);
/// Time that the coordinator allows agents in addition to that for its own clients: clock exchanges, and a message.
pub const AGENT_GRACE: Duration = Duration::from_secs(10);
/// Time between the start signal and the first update, with agents: the signal must reach all of them before it.
pub const AGENT_LEAD: Nanos = Nanos(500 * Nanos::MILLI.0);
/// Unread messages; an agent sends some tens of them in a trial.
pub const AGENT_MESSAGES_WAITING: usize = 4_096;
/// Unread commands for a trial: begin, finish, abandon.
pub const AGENT_ORDERS_WAITING: usize = 8;
/// Bytes of a message before compression: a part with its histograms and 60 slices takes a few megabytes.
pub const AGENT_MESSAGE_BYTES_MAX: usize = 32 << 20;
/// How long connecting to a NATS server may take: far above a round trip and a TLS handshake.
pub const NATS_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

// Capacity ------------------------------------------------------------------------------------------------------------

/// Trials per transport in a calibration: more than twice the terms of the fit, and about a minute.
pub const CAPACITY_TRIALS: usize = 14;
/// The fewest trials from which anything is predicted: with one more than there are terms, the error could not be
/// estimated.
pub const CAPACITY_TRIALS_MIN: usize = 8;
/// The most: a calibration of half an hour.
pub const CAPACITY_TRIALS_MAX: usize = 100;
const _: () = assert!(CAPACITY_TRIALS_MIN <= CAPACITY_TRIALS && CAPACITY_TRIALS <= CAPACITY_TRIALS_MAX);
/// Settings that a validation measures, of all transports together.
pub const CAPACITY_HELD_OUT: usize = 40;
/// Clients of the smallest trial: with fewer, timers cost more than the clients.
pub const CAPACITY_CLIENTS_MIN: u32 = 50;
/// Clients of the largest trial, unless set higher: a ramp of half a second.
pub const CAPACITY_CLIENTS: u32 = 2_000;
/// Updates a second in a trial, lowest and highest.
pub const CAPACITY_RATES: [f64; 2] = [1.0, 20.0];
/// Bytes of an update, lowest and highest.
pub const CAPACITY_PAYLOADS: [f64; 2] = [16.0, 4_096.0];
/// Seconds between two polls of a client, lowest and highest.
pub const CAPACITY_POLL_INTERVALS: [f64; 2] = [0.25, 2.0];
/// Deliveries a second of a trial, at most: a fifth of what two cores carry, generator and server together.
pub const CAPACITY_DELIVERIES_PER_S: f64 = 8_000.0;
/// Warm-up of a trial.
pub const CAPACITY_WARM_UP: Nanos = Nanos::SECOND;
/// Measured interval of a trial, or [`CAPACITY_CYCLES`] of its updates and polls if that is longer.
pub const CAPACITY_MEASURE: Nanos = Nanos(2 * Nanos::SECOND.0);
/// See [`CAPACITY_MEASURE`].
pub const CAPACITY_CYCLES: u32 = 2;
/// The share of a node's processors that predictions allow to be busy. The rest is for bursts, and for the clients of
/// another node when it fails.
pub const CAPACITY_BUSY_SHARE: f64 = 0.7;
/// Open files of a process on a node in a prediction: a thousand times Linux's default for `fs.nr_open`, 2²⁰.
pub const CAPACITY_FILES_MAX: u64 = 1 << 30;
/// Memory of a node in a prediction: a server without a client takes a few mebibytes.
pub const CAPACITY_MEMORY_MIN: u64 = 16 << 20;
/// The most memory: above any machine's.
pub const CAPACITY_MEMORY_MAX: u64 = 1 << 50;
/// Clients in a prediction: more than there are people.
pub const CAPACITY_ASKED_MAX: f64 = 1e10;
/// Payload of a full segment on Ethernet: 1,500 B minus the headers of IPv4 and TCP with timestamps.
pub const ETHERNET_SEGMENT_BYTES: u64 = 1_500 - TCP_IPV4_HEADER_BYTES;

// The link ------------------------------------------------------------------------------------------------------------

/// Round trip of the link: three times the 600 ms of a geostationary satellite, and more.
pub const LINK_ROUND_TRIP_MAX: Nanos = Nanos(2 * Nanos::SECOND.0);
/// The lowest rate of the link, in bits per second: one byte a millisecond.
pub const LINK_BITS_PER_S_MIN: u64 = 8_000;
/// The highest: with more, sending a segment takes less than the clock can resolve.
pub const LINK_BITS_PER_S_MAX: u64 = 100_000_000_000;
/// Bytes in flight in one direction of one client's link; with more, the sender must wait, as for a full router. At the
/// longest delay this is still 128 KiB a second.
pub const LINK_BUFFER_BYTES: usize = 256 << 10;
/// Bytes that are read from a socket at once: a full link sends in pieces of at most this size.
pub const LINK_READ_BYTES: usize = 8 << 10;
const _: () = assert!(LINK_READ_BYTES <= LINK_BUFFER_BYTES);
/// Time between two probes of the link's own delay: often enough for a median in a trial of one second.
pub const LINK_PROBE_PAUSE: Duration = Duration::from_millis(20);
/// How far the link's round trip may differ from the setting, in addition to [`LINK_OFF_SHARE_MAX`] of it.
pub const LINK_OFF_MAX: Nanos = Nanos(2 * Nanos::MILLI.0);
/// The share of the round trip by which it may differ.
pub const LINK_OFF_SHARE_MAX: f64 = 0.05;
/// Mean time that a client stays disconnected, as when a person passes a short tunnel or a phone changes cells.
pub const CHURN_AWAY: Nanos = Nanos(300 * Nanos::MILLI.0);
/// The shortest mean time that a client stays connected: with less, it would hardly connect.
pub const CHURN_STAY_MIN: Nanos = Nanos(50 * Nanos::MILLI.0);

/// Connections of a proxy, from its clients and to its server: two for each of the largest number of clients.
pub const PROXY_CONNECTIONS: u32 = 2 * CLIENTS_MAX + 1_000;
/// Connections of a load balancer in addition to one per client: for clients that reconnect before their old connection
/// has ended.
pub const BALANCER_CONNECTIONS_SPARE: u32 = 200;

/// Nodes that one run starts: each is a process with as many threads as there are processors.
pub const NODES_MAX: u32 = 16;
/// How long the only server of a log stays down after it is killed in the middle of an interval: longer than a client's
/// timeout for a single request, and short enough for an interval of some seconds.
pub const LOG_KILLED_FOR: Duration = Duration::from_secs(2);
/// The slices of time in which a storm of connections is counted.
pub const STORM_SLICE: Nanos = Nanos(100 * Nanos::MILLI.0);
/// How long nodes may take until they follow their log, and the log until it has all updates that were due: several
/// times as long as the election of a new leader.
pub const NODES_READY_TIMEOUT: Duration = Duration::from_secs(60);

// The path ------------------------------------------------------------------------------------------------------------

/// Largest IP packet of the path, as on Ethernet (RFC 894), so that TCP's segments have their real size: 1,448 bytes of
/// data with the timestamp option.
pub const PATH_MTU_BYTES: usize = 1_500;
/// Share of the packets that a path may lose in each direction. With half of them lost, TCP hardly works.
pub const PATH_LOSS_MAX: f64 = 0.5;
/// Mean length of a burst of losses, in packets: with more, one burst is longer than a trial.
pub const PATH_BURST_MAX: f64 = 1_000.0;
/// The silence after which a burst of losses ends: on the Internet, losses are correlated over a second or less
/// (Yajnik, Moon, Kurose, Towsley, "Measurement and modelling of the temporal dependence in packet loss", INFOCOM
/// 1999).
pub const LOSS_MEMORY: Duration = Duration::from_secs(1);
/// The smallest queue of a rate limit: one packet being sent, and one that waits.
pub const PATH_QUEUE_BYTES_MIN: u64 = 2 * PATH_MTU_BYTES as u64;
/// The largest queue: 300 ms at a gigabit a second and more.
pub const PATH_QUEUE_BYTES_MAX: u64 = 64 << 20;
/// The default queue of a rate limit: 300 ms of that rate, as in RFC 8867 (the test cases for congestion control;
/// "bottleneck queue size" of section 5), but no less than [`PATH_QUEUE_DEFAULT_BYTES_MIN`].
pub const PATH_QUEUE_DEFAULT: Nanos = Nanos(300 * Nanos::MILLI.0);
/// The smallest default queue: ten full packets, TCP's initial window (RFC 6928). With fewer, a slow link drops part of
/// each connection's first flight.
pub const PATH_QUEUE_DEFAULT_BYTES_MIN: u64 = 10 * PATH_MTU_BYTES as u64;
/// Bytes of all packets in flight in one relay: those of 1,500 clients with 64 KiB in each direction.
pub const PATH_BYTES_MAX: usize = 192 << 20;
/// Packets in the device's queue until the relay reads them: what 10,000 clients send at once, so that only the relay's
/// own queues drop packets.
pub const PATH_DEVICE_PACKETS: u32 = 20_000;
/// Packets read in a row before those that are due are sent: a busy sender must not delay the other direction.
pub const PATH_READ_BATCH: usize = 64;
/// Hosts on the near side of a path: the last 16 bits of an address, without 0 and the broadcast address.
pub const PATH_HOSTS_MAX: u16 = u16::MAX - 1;
const _: () = assert!(CLIENTS_MAX < PATH_HOSTS_MAX as u32, "the last host is the probes'");
/// Bytes of the relay's answer to one request.
pub const PATH_ANSWER_BYTES_MAX: u64 = 16 << 10;
/// Paths that one process distinguishes in sweeps and comparisons: far more than the points of any run.
pub const PATHS_KNOWN_MAX: usize = 10_000;

// Third-party servers -------------------------------------------------------------------------------------------------

/// Names of servers that a process remembers, of all run files that it reads: far more than a list of a thousand points
/// ([`POINTS_MAX`]).
pub const TARGETS_MET_MAX: usize = 10_000;
/// Bytes of such a name: a path or an address that still fits on a line.
pub const TARGET_NAME_BYTES_MAX: usize = 200;
/// Bytes of a target file: many times the longest one included.
pub const TARGET_FILE_BYTES_MAX: u64 = 256 << 10;
/// The shortest environment value that is redacted in output: a shorter one protects nothing, and would match parts of
/// words.
pub const SECRET_BYTES_MIN: usize = 4;
/// How long a started server may take until it answers: an interpreter and its packages on a busy machine.
pub const TARGET_START_TIMEOUT: Duration = Duration::from_secs(30);
/// Time between two checks whether it does.
pub const TARGET_START_CHECK_INTERVAL: Duration = Duration::from_millis(20);
/// How long it may take to stop.
pub const TARGET_STOP_TIMEOUT: Duration = Duration::from_secs(3);
/// Lines of its output that are shown if it does not start.
pub const TARGET_OUTPUT_LINES: usize = 8;
/// How long a subscription may be silent before it counts as open: some servers send the head of an event stream only
/// with the first event, and publishing would otherwise never start.
pub const TARGET_OPEN_PATIENCE: Duration = Duration::from_secs(1);
/// Bytes of one answer or one message.
pub const TARGET_MESSAGE_BYTES_MAX: usize = 4 << 20;
/// How long a publishing request may take before it counts as failed.
pub const PUBLISH_TIMEOUT: Duration = Duration::from_secs(10);
/// How long one step of a target's handshake may take.
pub const HANDSHAKE_STEP_TIMEOUT: Duration = Duration::from_secs(10);
/// How long `loadgen try` waits for an answer.
pub const TRY_ANSWER_TIMEOUT: Duration = Duration::from_secs(3);
/// How long it waits for the messages of a resumed stream, which arrive at once if at all.
pub const TRY_RESUME_WAIT: Duration = Duration::from_secs(2);
/// Messages that it keeps.
pub const TRY_MESSAGES_MAX: usize = 10_000;
/// Messages that it shows.
pub const TRY_MESSAGES_SHOWN: usize = 3;
/// How far a timestamp in a message may be from now to be taken as the time of sending.
pub const TRY_TIMESTAMP_OFF_MAX: Duration = Duration::from_secs(24 * 3_600);
/// Candidates for the envelope in one message: more would not help to choose.
pub const TRY_ENVELOPES_MAX: usize = 16;
/// The time between the sending of two messages from which their arrival together means that they were buffered.
pub const TRY_HELD_BACK: Duration = Duration::from_millis(50);
/// How long starting a path, or a request to its relay, may take.
pub const PATH_ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// Length of each part of a path check: shorter ones have too few packets for a verdict.
pub const PATH_CHECK_MIN: Duration = Duration::from_secs(1);
/// The longest: a check has several parts, and none tells more after ten minutes.
pub const PATH_CHECK_MAX: Duration = Duration::from_secs(600);
/// Time between two probes of the path: 50 a second, 4 kB/s with their headers.
pub const PATH_PROBE_PAUSE: Duration = Duration::from_millis(20);
/// Buffer for unread probes: a second of 500 probes, each of which takes about a kilobyte.
pub const PATH_PROBE_BUFFER_BYTES: usize = 512 << 10;
/// How much longer than the set round trip a probe may take before it counts as lost.
pub const PATH_PROBE_GRACE: Duration = Duration::from_millis(500);

/// Standard deviations by which a path's losses may differ from the setting: by chance, more happens once in two
/// million.
pub const PATH_LOSS_DEVIATIONS_MAX: f64 = 5.0;
/// Share of the packets that a relay may lose unintentionally: a tenth of 0.1 %, the smallest loss that is worth setting.
pub const PATH_MISSED_SUSPECT: f64 = 1e-4;

// When a trial is not to be trusted -----------------------------------------------------------------------------------

/// Median lateness of the generator's own tick from which its latencies are invalid. tokio's timer itself is up to 1 ms
/// late.
pub const LAG_P50_INVALID: Nanos = Nanos(5 * Nanos::MILLI.0);
/// The same at the 99th percentile.
pub const LAG_P99_INVALID: Nanos = Nanos(50 * Nanos::MILLI.0);
/// Lateness at the 99th percentile from which they are suspect.
pub const LAG_P99_SUSPECT: Nanos = Nanos(10 * Nanos::MILLI.0);
const _: () = assert!(LAG_P99_SUSPECT.0 < LAG_P99_INVALID.0 && LAG_P50_INVALID.0 < LAG_P99_INVALID.0);
/// Share of the time in which the generator has work that it may wait for a processor, if it shares the processors with
/// its server. Measured: 0.5 with a thousand clients on two idle cores, 0.6 with a compiler running as well, 0.85 with
/// eight busy programs.
pub const WAIT_INVALID: f64 = 0.75;
/// The same with a processor of its own (`--pin`). Measured: 0.01 to 0.11 if it is otherwise idle, 0.4 to 0.5 with a
/// busy loop on it.
pub const WAIT_PINNED_INVALID: f64 = 0.25;
const _: () = assert!(WAIT_PINNED_INVALID < WAIT_INVALID);
/// CPU time of a server in one trial below which it depends as much on how the server was woken as on its work.
pub const PROCESSOR_TIME_BRIEF: Nanos = Nanos(100 * Nanos::MILLI.0);
/// Share of the host's processors from which the host itself was the bottleneck.
pub const HOST_BUSY_SUSPECT: f64 = 0.95;
/// Share of the host's processors that other programs, or other guests of the same machine, may use before a trial is
/// suspect. The background work of an idle machine takes less than a hundredth, and a twentieth is half of the usual
/// difference in CPU time between two transports.
pub const OTHERS_BUSY_SUSPECT: f64 = 0.05;
/// Share of a run's trials that may be repeated because other programs used too much: enough for a browser that wakes
/// up now and then. On a machine that is busy throughout, the repeats end after a quarter more time.
pub const REPEATED_FRACTION_MAX: f64 = 0.25;
/// Uncertainty of a latency, because of the clocks of two hosts, as a share of its median, before a trial is suspect.
pub const CLOCK_UNCERTAIN_SUSPECT: f64 = 0.1;
/// How long before the measured interval the server is asked for its counters: the answer takes it some hundred
/// microseconds, which must not count as a cost of the interval.
pub const QUERY_LEAD: Nanos = Nanos(20 * Nanos::MILLI.0);
/// Share of the polls that may be skipped.
pub const MISSED_POLLS_SUSPECT: f64 = 0.01;
/// The share by which more updates may be due in one transport's measured intervals than in another's, if the generator
/// does not start the feed: costs per delivery depend on the rate, and rounds differ by less than a fifth anyway.
pub const STRETCH_DIFFERENCE_SUSPECT: f64 = 0.2;
/// The share by which the sum of the parts of the bytes may differ from the sockets' own count.
pub const WIRE_MISMATCH_SUSPECT: f64 = 0.01;

// The live page -------------------------------------------------------------------------------------------------------

/// Open pages: a class with a page each; a session takes about 700 B.
pub const LIVE_SESSIONS_MAX: usize = 64;
/// How long a page's session is kept without a connection or a request.
pub const LIVE_SESSION_SILENCE_MAX: Duration = Duration::from_secs(60);
/// The round trip that a page may add: that of a geostationary satellite is about 600 ms.
pub const LIVE_ROUND_TRIP_MAX: Duration = Duration::from_secs(2);
/// Delayed bytes of a connection with added latency; with more, the sender must wait, as for a full socket.
pub const LIVE_LINE_BYTES_MAX: usize = 1 << 20;
const _: () = assert!(LIVE_LINE_BYTES_MAX >= BATCH_BYTES_MAX, "a batch must fit the line");
/// How long a page may have its own connections cut.
pub const LIVE_CUT_MAX: Duration = Duration::from_secs(30);
/// The lowest rate that a page may set: one update in ten seconds is the slowest that is still worth watching.
pub const LIVE_RATE_MIN: f64 = 0.1;
/// The highest: the four lanes of a page draw four times as many arrows.
pub const LIVE_RATE_MAX: f64 = 200.0;
const _: () = assert!(LIVE_RATE_MIN < LIVE_RATE_MAX && LIVE_RATE_MAX <= RATE_MAX);
/// Bytes of data in an update that a page may set.
pub const LIVE_PAYLOAD_BYTES_MAX: usize = 16 << 10;
const _: () = assert!(LIVE_PAYLOAD_BYTES_MAX <= UPDATE_BYTES_MAX);
/// Rooms in addition to the main stream: a class with one each. With full journals, they take 64 MiB.
pub const ROOMS_MAX: usize = 64;
/// Bytes of a room's name: short enough for an address and a blackboard.
pub const ROOM_NAME_BYTES_MAX: usize = 32;
/// Updates that a room's journal retains: twenty seconds of its highest rate.
pub const ROOM_JOURNAL_UPDATES_MAX: usize = 1_000;
/// Bytes that it retains.
pub const ROOM_JOURNAL_BYTES_MAX: usize = 1 << 20;
/// Updates a second in a room, posted or from its feed: anyone may set them, and all rooms together must leave enough
/// CPU time for the main stream.
pub const ROOM_UPDATES_PER_S_MAX: f64 = 50.0;
const _: () = assert!(LIVE_RATE_MIN < ROOM_UPDATES_PER_S_MAX && ROOM_UPDATES_PER_S_MAX <= LIVE_RATE_MAX);
/// Bytes of an update in a room.
pub const ROOM_UPDATE_BYTES_MAX: usize = 4 << 10;
const _: () = assert!(ROOM_UPDATE_BYTES_MAX <= LIVE_PAYLOAD_BYTES_MAX);
/// How long a room is kept without a subscriber or a request: longer than a page takes to reload.
pub const ROOM_SILENCE_MAX: Duration = Duration::from_secs(60);
/// How often this is checked.
pub const ROOM_CHECK_INTERVAL: Duration = Duration::from_secs(5);
/// Bytes that a page's middlebox may buffer: as much of an answer as nginx keeps in memory by default (eight buffers of
/// 8 KiB).
pub const MIDDLEBOX_BUFFER_BYTES_MAX: usize = 64 << 10;
/// The shortest idle time of the middlebox: with less, it would cut answers in progress.
pub const MIDDLEBOX_IDLE_MIN: Duration = Duration::from_secs(1);
/// The longest: common proxies wait for 60 s, and nobody watches a page for longer.
pub const MIDDLEBOX_IDLE_MAX: Duration = Duration::from_secs(120);
/// How often it checks whether a connection is silent.
pub const MIDDLEBOX_CHECK_INTERVAL: Duration = Duration::from_millis(50);
/// Bytes of one message between the pages of a room: a sentence, or a stroke of a thousand points.
pub const TALK_MESSAGE_BYTES_MAX: usize = 4 << 10;
/// Messages a second of one page: drawing by hand makes sixty.
pub const TALK_MESSAGES_PER_S_MAX: f64 = 100.0;
/// Pages that talk in one room: a class.
pub const TALK_PARTICIPANTS_MAX: usize = 64;
/// Messages that a page may be behind; if it misses more, it is told how many.
pub const TALK_BEHIND_MAX: usize = 256;
/// Bytes of a frame that are shown to its sender.
pub const TALK_SHOWN_BYTES_MAX: usize = 160;
const _: () = assert!(TALK_SHOWN_BYTES_MAX < TALK_MESSAGE_BYTES_MAX);
/// Runs in the page's list of reports.
pub const LIVE_REPORTS_MAX: usize = 50;
/// Bytes of a report's file that the server sends.
pub const LIVE_REPORT_BYTES_MAX: u64 = 64 << 20;

// Exercises -----------------------------------------------------------------------------------------------------------

/// How long a student's program may take until its first request: Python or Node.js takes seconds to start on a busy
/// machine.
pub const LEARN_START: Duration = Duration::from_secs(20);
/// How long a student's program may print nothing while there is something to print.
pub const LEARN_PATIENCE: Duration = Duration::from_secs(10);
/// How often a check looks whether missing output can still arrive.
pub const LEARN_CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// How long the program may take to end once its output is closed.
pub const LEARN_END: Duration = Duration::from_secs(2);
/// How long a whole check may take: several times the longest one, so that no program fails because of a slow machine.
pub const LEARN_CHECK_MAX: Duration = Duration::from_secs(90);
const _: () = assert!(LEARN_START.as_secs() + LEARN_PATIENCE.as_secs() < LEARN_CHECK_MAX.as_secs());
/// How long one run of a student's scenario may take.
pub const LEARN_CASE_MAX: Duration = Duration::from_secs(40);
const _: () = assert!(LEARN_CASE_MAX.as_secs() * 2 < LEARN_CHECK_MAX.as_secs());
/// Bytes of one line of a student's program: an update of the largest size with its envelope.
pub const LEARN_LINE_BYTES_MAX: usize = UPDATE_BYTES_MAX + 1024;
/// Lines that wait to be checked; a program that prints faster has to wait.
pub const LEARN_LINES_WAITING: usize = 256;
/// Bytes of its standard error that are kept: a stack trace.
pub const LEARN_ERRORS_BYTES_MAX: usize = 8 << 10;
/// Characters of a student's line that are quoted.
pub const LEARN_QUOTE_CHARACTERS: usize = 120;
/// Period of the tick by which a check measures how late its machine is.
pub const LEARN_TICK: Duration = Duration::from_millis(10);
/// The lateness from which a tick counts as late: a smaller one is normal for a sleep.
pub const LEARN_TICK_LATE: Duration = Duration::from_millis(5);
/// Bytes of a student's hand-in: a course's guesses, answers and notes take a few tens of kilobytes.
pub const HAND_IN_BYTES_MAX: u64 = 1 << 20;
/// Characters of a name: short enough for a table; also the schema's limit.
pub const HAND_IN_NAME_CHARACTERS: usize = 80;
/// A guess within a quarter of the measured value counts as near, as in class.
pub const GUESS_NEAR_SHARE: f64 = 0.25;
/// Questions that a teacher is shown as the hardest.
pub const GRADE_QUESTIONS_SHOWN: usize = 5;
/// Requests of a student's program that are remembered: a check takes seconds, and even a tight loop is detected in
/// time.
pub const LEARN_REQUESTS_MAX: usize = 20_000;
