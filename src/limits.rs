//! Every constant that bounds something: its unit, why it is what it is, and where that comes from. Relations between
//! them are asserted at compile time, so that a change to one cannot quietly break another. It is one list, and so one file,
//! however long.
//!
//! Over 400 lines: every bound has a line and its reason, and all are to be found in one place.

use std::net::IpAddr;
use std::time::Duration;

use crate::units::Nanos;

// The journal ---------------------------------------------------------------------------------------------------------

/// Updates retained: at 10 a second, more than a quarter of an hour in which a client may be away without a gap.
pub const JOURNAL_UPDATES_MAX: usize = 10_000;
/// Bytes retained, all encoded forms together: small beside the sockets of a thousand clients.
pub const JOURNAL_BYTES_MAX: usize = 32 << 20;
/// How many can be set to be retained: a day at ten a second.
pub const JOURNAL_UPDATES_SETTING_MAX: usize = 1_000_000;
/// How few bytes: the server starts with less, but hardly an update fits.
pub const JOURNAL_BYTES_SETTING_MIN: usize = 4 << 10;
/// How many: the encoded forms of a million updates of 4 KiB, in memory.
pub const JOURNAL_BYTES_SETTING_MAX: usize = 16 << 30;
const _: () = assert!(JOURNAL_BYTES_SETTING_MIN < JOURNAL_BYTES_MAX && JOURNAL_BYTES_MAX < JOURNAL_BYTES_SETTING_MAX);
/// What an entry takes beside its encoded forms: the entry itself, its counters and its place in the ring.
pub const JOURNAL_ENTRY_OVERHEAD_BYTES: usize = 160;
/// One update's `data`, and so the body of `POST /updates`: above every payload of the `payload` scenario (64 KiB).
pub const UPDATE_BYTES_MAX: usize = 256 << 10;
/// How deep its arrays and objects may be nested: common parsers give up at 128 (serde_json's), of which the envelope of
/// a poll's answer takes three, and an update that some clients cannot read would stop them at each resume.
pub const UPDATE_NESTING_MAX: usize = 100;
const _: () = assert!(UPDATE_BYTES_MAX * 4 < JOURNAL_BYTES_MAX);

// The log that several nodes follow -------------------------------------------------------------------------------------

/// How often the NATS server says that it has nothing new. Two that are missing in a row are a connection that is dead.
pub const LOG_HEARTBEAT: Duration = Duration::from_millis(500);
/// How long one request for messages stands; it must be longer than two heartbeats.
pub const LOG_PULL_EXPIRES: Duration = Duration::from_secs(10);
const _: () = assert!(LOG_HEARTBEAT.as_millis() * 2 < LOG_PULL_EXPIRES.as_millis());
/// Messages that are asked for at once: far below the 65,536 that the client library buffers before it drops some.
pub const LOG_PULL_MESSAGES: usize = 1_000;
/// How often a node compares what it holds with the stream.
pub const LOG_LOOK: Duration = Duration::from_secs(1);
/// Looks in a row at which the stream must have gone back behind what the node holds: a new leader of a cluster may
/// answer before it has applied all that it has.
pub const LOG_BACK_LOOKS: u32 = 3;
/// How long the NATS server may take for an answer.
pub const LOG_REQUEST_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a node rests before it tries to follow again.
pub const LOG_REST: Duration = Duration::from_millis(100);
/// The longest such rest; it doubles up to here while nothing answers.
pub const LOG_REST_MAX: Duration = Duration::from_secs(1);
/// How long a stream that a node has followed may be missing before the node makes it anew: time enough for whoever
/// deleted it to make it as they like.
pub const LOG_MISSING_MAX: Duration = Duration::from_secs(5);
/// How far ahead of this node another may be: at a thousand updates a second, a quarter of an hour.
pub const LOG_AHEAD_MAX: u64 = 1_000_000;
/// How long the acknowledgement of one attempt to publish is awaited: above the p99 of three servers under load (9 ms), and
/// below their change of leader (6.5 s), which further attempts outlast or not.
pub const LOG_ACK_TIMEOUT: Duration = Duration::from_secs(2);
/// How long `POST /updates` is tried before it is answered with 503.
pub const LOG_PUBLISH_PATIENCE: Duration = Duration::from_secs(5);
const _: () = assert!(LOG_ACK_TIMEOUT.as_millis() < LOG_PUBLISH_PATIENCE.as_millis());
/// After how long a publisher that was refused may try again.
pub const LOG_RETRY_AFTER: Duration = Duration::from_secs(1);
/// Updates of a feed that may be without acknowledgement at the same time: 10,000 publishes at once hang the server.
pub const LOG_IN_FLIGHT_MAX: usize = 256;
/// How long the server knows the identifiers of what was published, so that a second attempt is no duplicate.
pub const LOG_DUPLICATE_WINDOW: Duration = Duration::from_secs(120);
/// How long a feed tries to publish an update before it gives it up: past the window it could be stored twice.
pub const LOG_FEED_PATIENCE: Duration = Duration::from_secs(60);
const _: () = assert!(LOG_FEED_PATIENCE.as_secs() + LOG_ACK_TIMEOUT.as_secs() < LOG_DUPLICATE_WINDOW.as_secs());
/// An `Idempotency-Key`: a UUID has 36 characters.
pub const IDEMPOTENCY_KEY_BYTES_MAX: usize = 128;
/// A message of a stream that a node makes: an update with its headers.
pub const LOG_MESSAGE_BYTES_MAX: i32 = (UPDATE_BYTES_MAX + 1024) as i32;
/// A stream's name; the NATS server allows 255.
pub const LOG_NAME_BYTES_MAX: usize = 64;
/// Servers of one stream: RAFT gains nothing from more.
pub const LOG_REPLICAS_MAX: usize = 5;

// The feed ------------------------------------------------------------------------------------------------------------

/// Updates a second of the synthetic feed; past it the schedule would be finer than the kernel's timer.
pub const RATE_MAX: f64 = 20_000.0;
/// The least: an update in a quarter of an hour, so that the longest measured interval ([`LENGTH_MAX`]) holds some.
pub const RATE_MIN: f64 = 0.001;
const _: () = assert!(LENGTH_MAX.0 as f64 / 1e9 * RATE_MIN > 1.0);
/// How much slower than it was recorded a recording may be played: a dense one of [`RATE_MAX`] then has an update a minute.
pub const SPEED_MIN: f64 = 1e-6;
/// How much faster: a recording of one update a month then has hundreds a second. Its rate is bounded by [`RATE_MAX`] too.
pub const SPEED_MAX: f64 = 1e9;
/// Updates in one burst of the bursty feed.
pub const BURST_UPDATES: u64 = 10;
/// How much faster than the mean rate updates come inside a burst.
pub const BURST_SPEEDUP: f64 = 10.0;
/// The least pause between two turns of a recording, so that one of a single line does not spin.
pub const REPLAY_TURN_GAP_MIN: Nanos = Nanos::MILLI;

// Answers -------------------------------------------------------------------------------------------------------------

/// Updates in one poll answer when the client names no limit.
pub const POLL_LIMIT_DEFAULT: usize = 1_000;
/// Updates in one poll answer at the most.
pub const POLL_LIMIT_MAX: usize = 10_000;
const _: () = assert!(POLL_LIMIT_DEFAULT <= POLL_LIMIT_MAX);
/// JSON bytes in one answer or one wake-up of a stream: a client that is far behind catches up in pieces of this size,
/// so that no subscriber makes the server build a larger buffer.
pub const BATCH_BYTES_MAX: usize = 512 << 10;
const _: () = assert!(BATCH_BYTES_MAX >= UPDATE_BYTES_MAX, "an update must fit a batch");
/// Updates written in one go to a stream that lags: the send call is most of the cost, so more is better.
pub const STREAM_BATCH_UPDATES_MAX: usize = 256;
/// Bytes of them, one larger update excepted. The buffer for them is the connection's own, and a client that reads a
/// byte now and then can keep it full: 10,000 of them hold 320 MiB.
pub const STREAM_BATCH_BYTES_MAX: usize = 32 << 10;
/// Subscribers that one task serves: at five microseconds a write, it then holds its thread for a third of a millisecond,
/// and there are enough groups to keep all processors at work from some hundred subscribers on.
pub const GROUP_MEMBERS_MAX: usize = 64;
/// What a WebSocket may hold unsent: a batch with its frame headers, or one update of the largest size behind one.
pub const WS_WRITE_BUFFER_BYTES_MAX: usize = 2 * (UPDATE_BYTES_MAX + STREAM_BATCH_BYTES_MAX);

/// How long a long poll is parked when the client does not say. Below 30 s, at which RFC 6202 section 5.5 puts the
/// line for intermediaries that give up on a silent request.
pub const LONG_POLL_HOLD: Duration = Duration::from_secs(25);
/// How short a hold a client may plan: below it a long poll is a poll without an interval.
pub const LONG_POLL_HOLD_MIN: Duration = Duration::from_millis(10);
/// How long it may be parked at the most.
pub const LONG_POLL_HOLD_MAX: Duration = Duration::from_secs(120);
const _: () = assert!(LONG_POLL_HOLD.as_secs() < LONG_POLL_HOLD_MAX.as_secs());

/// Between heartbeat comments of an event stream. WHATWG HTML, "Server-sent events", authoring notes: a comment line
/// every 15 seconds or so keeps proxies from cutting the stream.
pub const SSE_HEARTBEAT: Duration = Duration::from_secs(15);
/// The `retry` that an event stream begins with: how long a browser waits before it comes back.
pub const SSE_RETRY: Duration = Duration::from_secs(1);
/// One event block in the client's parser: an update of the largest size with its envelope and fields.
pub const EVENT_BYTES_MAX: usize = UPDATE_BYTES_MAX + 1024;

/// Between pings of a WebSocket: below the 60 s at which common proxies cut an idle connection.
pub const WS_PING: Duration = Duration::from_secs(20);
/// How long a pong may take before the connection counts as dead.
pub const WS_PONG_WAIT: Duration = Duration::from_secs(20);
/// How long a closing server waits for the client's close frame.
pub const WS_CLOSE_WAIT: Duration = Duration::from_secs(2);
/// What a client takes off its socket at once: several updates of the usual size, and little enough for a stack.
pub const READ_BYTES_MAX: usize = 8192;
/// Header fields of an answer: what hyper allows too.
pub const HEADERS_MAX: usize = 100;
/// What is read of an answer that refuses: its problem document, whose detail is a sentence.
pub const REFUSAL_BYTES_MAX: usize = 4096;
/// Read buffer of a server WebSocket. The library fills it with zeros at each read and keeps it for the connection's
/// life; a client of `/updates/ws` sends only control frames, of at most 125 B and 6 B of header (RFC 6455 sections 5.2
/// and 5.5). Anything longer is read in several turns.
pub const WS_READ_BUFFER_BYTES: usize = 136;
/// What the library takes at once of what a client's WebSocket has read. It fills as much with zeros each time and keeps it
/// for the connection's life; a longer message is put together from several.
pub const WS_CLIENT_BUFFER_BYTES: usize = 512;
/// Read buffer of `/echo/ws` and `/talk/ws`, which read whole messages.
pub const WS_LARGE_READ_BUFFER_BYTES: usize = 4096;
/// One message to `/updates/ws`, on which nothing but control frames is expected.
pub const WS_UP_BYTES_MAX: usize = 4096;
/// One message to `/echo/ws` unless set otherwise.
pub const ECHO_BYTES_MAX: usize = 1 << 20;
/// How large that setting may be.
pub const ECHO_BYTES_SETTING_MAX: usize = 16 << 20;
const _: () = assert!(ECHO_BYTES_MAX <= ECHO_BYTES_SETTING_MAX);

// Connections ---------------------------------------------------------------------------------------------------------

/// Length of the queue of connections that the kernel has accepted and we have not: a fast ramp past a shorter one
/// waits a second for a SYN to be sent again. Also the kernel's own bound (`net.core.somaxconn`).
pub const LISTEN_BACKLOG: u32 = 4096;
/// Connections of one address that is not on loopback, unless set: a classroom behind one router, four lanes and a
/// spare each.
pub const CONNECTIONS_PER_ADDRESS: usize = 256;
/// Connections that can be set, of all or of one address: what the addresses of 127.0.0.0/8 could make. How many there
/// can be is said by the limit on open files.
pub const CONNECTIONS_SETTING_MAX: usize = 1_000_000;
/// How short a wait of the server, or the age of a stream, can be set: a client a continent away still answers.
pub const SERVER_LENGTH_MIN: Nanos = Nanos(100 * Nanos::MILLI.0);
/// How long: a day is as good as for ever, and far from where clocks overflow.
pub const SERVER_LENGTH_MAX: Nanos = Nanos(24 * 3_600 * Nanos::SECOND.0);
/// The last processor that a program can be kept to: the kernel's set has as many (`CPU_SETSIZE`).
pub const CORE_MAX: usize = 1023;
/// Processor time that can be burnt on each update: more than the time between two is a server that stands still.
pub const BURN_MAX: Nanos = Nanos::SECOND;
/// Refused connections that are given time to read why; further ones are only closed.
pub const REFUSALS_AT_ONCE: usize = 32;
/// File descriptors kept back from connections: listener, timers, logs, `/proc`, standard streams, runtime, and the
/// connections that are being refused.
pub const FD_RESERVE: u64 = 64 + REFUSALS_AT_ONCE as u64;
/// A request head, in time. hyper also runs it on a kept-alive connection that waits for its next request, so it must
/// be longer than the longest poll interval.
pub const HEAD_READ_TIMEOUT: Duration = Duration::from_secs(75);
/// The longest interval between polls that a client may plan.
pub const POLL_INTERVAL_MAX: Duration = Duration::from_secs(60);
const _: () = assert!(POLL_INTERVAL_MAX.as_secs() < HEAD_READ_TIMEOUT.as_secs());
/// A request head, in bytes; also the smallest buffer that hyper accepts, and it keeps one per connection.
pub const HEAD_BYTES_MAX: usize = 8192;
/// A request's body, in time: the largest echo at 4.5 Mbit/s. A client that sends a byte now and then would otherwise
/// keep what it has sent in memory for as long as it likes.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// The body of an order to the live page: a few numbers.
pub const ORDER_BYTES_MAX: usize = 4096;
/// How long a client may take nothing of what it is sent before it is cut.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a stopping server waits for its connections before it leaves them.
pub const DRAIN: Duration = Duration::from_secs(5);
/// How long a closed connection reads on what the client still sends, so that a client in the middle of a body gets the
/// answer that refused it and not a reset: RFC 9112 section 9.6.
pub const LINGER: Duration = Duration::from_secs(2);
const _: () = assert!(LINGER.as_secs() < DRAIN.as_secs(), "a drain must not end lingering connections");
/// How many connections of one trial may be on their way to their end while they are still counted: each is an open file.
pub const SOCKETS_ENDING_MAX: usize = 64;
/// Over which share of the drain time streams are asked to end; the rest is theirs to end in.
pub const DRAIN_SPREAD_SHARE: f64 = 0.5;
/// Share of a stream's greatest age over which the ends of streams are spread, so that those which began together do
/// not end together.
pub const AGE_JITTER: f64 = 0.2;
/// When a client that was refused may try again.
pub const RETRY_AFTER: Duration = Duration::from_secs(5);
/// How long an accept loop rests after the kernel refused it a socket.
pub const ACCEPT_REST: Duration = Duration::from_millis(50);

// Access control ------------------------------------------------------------------------------------------------------

/// Updates a second that are taken by `POST /updates`, unless set: each is encoded, and sent to everybody.
pub const PUBLISH_PER_S: f64 = 1_000.0;
/// The least that can be set: one in a quarter of an hour, which is still a wait that a client can be told of.
pub const PUBLISH_PER_S_MIN: f64 = 0.001;
/// A token: 64 bits in hexadecimal digits is the least that cannot be tried out over a network.
pub const TOKEN_BYTES_MIN: usize = 16;
/// The most: it must fit a request head with room to spare.
pub const TOKEN_BYTES_MAX: usize = 512;
const _: () = assert!(TOKEN_BYTES_MAX * 4 < HEAD_BYTES_MAX);

// The load generator --------------------------------------------------------------------------------------------------

/// Clients of one generator: what the file descriptors of one process allow, and the addresses of 127.0.0.0/8.
pub const CLIENTS_MAX: u32 = 19_000;
/// Clients of a run: those of as many generators as can work together.
pub const CLIENTS_SETTING_MAX: u32 = CLIENTS_MAX * AGENTS_MAX as u32;
/// Clients behind one source address: past about 14,000 connections from one address to one port the kernel's search
/// for a free port slows sharply.
pub const CLIENTS_PER_ADDRESS: u32 = 8_000;
/// Connections that the bare reader asks the kernel about at once: as many as the runtime's own epoll.
pub const BARE_READER_EVENTS: usize = 1024;
/// How often the bare reader looks whether the trial is over while nothing comes.
pub const BARE_READER_LOOK: Duration = Duration::from_millis(50);
/// Clients that dial at the same time during the ramp.
pub const DIALS_AT_ONCE: usize = 128;
/// How long one dial may take.
pub const DIAL_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a handshake of TLS may take, on either side: two round trips of the longest link, and a busy host's time for
/// a signature.
pub const TLS_HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Sessions that a client keeps to resume. Each handshake brings two tickets, and a client has one connection at a time.
pub const TLS_CLIENT_SESSIONS: usize = 4;
/// How often a client lets others run before it waits for the first frame of an HTTP/2 server by the clock: on loopback it
/// is there by then.
pub const SETTINGS_YIELDS: u32 = 50;
/// Between two looks for it from then on.
pub const SETTINGS_LOOK: Duration = Duration::from_millis(1);
/// An answer below this is not compressed: the head and the trailer of gzip take 18 bytes (RFC 1952), and few repeat.
pub const COMPRESS_BYTES_MIN: u64 = 100;
/// gzip's level: zlib's own middle.
pub const GZIP_LEVEL: u32 = 6;
/// zstd's level. Higher ones gain little on small messages and take more memory for each client.
pub const ZSTD_LEVEL: i32 = 1;
/// The window of zstd that the server sends with: 64 KiB, some hundred updates, in the memory of both sides for each stream.
pub const ZSTD_WINDOW_LOG: u32 = 16;
/// The largest window of zstd that a client takes: 8 MiB (RFC 9659 section 3).
pub const ZSTD_WINDOW_LOG_MAX: u32 = 23;
/// Compressed bytes between two looks at how much they were: of these, 4 can stand for a block of 128 KiB (RFC 8878
/// section 3.1.1.2), so at most 2 MiB come of a piece.
pub const UNPACK_PIECE_BYTES: usize = 64;
/// Streams at a time on one HTTP/2 connection: twice what RFC 9113 section 6.5.2 recommends as the least, and what hyper
/// takes by itself.
pub const H2_STREAMS_MAX: u32 = 200;
/// The most of these that can be set.
pub const H2_STREAMS_SETTING_MAX: usize = 10_000;
/// Bytes of one HTTP/2 stream that the server holds for a client that takes none: as many as a large update. hyper's own
/// bound is 400 KiB, for each of 200 streams.
pub const H2_SEND_BUFFER_BYTES: usize = 64 * 1024;
/// Between two looks at a client that has begun like one of HTTP/2 and not gone on.
pub const PREFACE_LOOK: Duration = Duration::from_millis(10);
/// How often an HTTP/2 connection is asked for a sign of life, as WebSockets are.
pub const H2_PING: Duration = WS_PING;
/// How long it may take to give one.
pub const H2_PING_WAIT: Duration = WS_PONG_WAIT;
/// Streams of a connection that the byte ledger follows one by one, and requests that it sees wait: far above the
/// 200 at a time that a server allows.
pub const LEDGER_STREAMS_MAX: usize = 20_000;
/// Waits of requests that are kept of one connection: 32 MB of them.
pub const QUEUE_WAITS_MAX: usize = 2_000_000;
/// How long the server may take to say that it listens.
pub const SERVER_START_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the drain of a trial waits for the last updates, beyond the poll interval.
pub const TRIAL_DRAIN: Duration = Duration::from_secs(5);
/// How much longer a client may take to ask where packets are lost: a SYN that is lost three times is sent again after one
/// second, two more and four more (RFC 6298, section 2).
pub const LOSSY_ASK: Duration = Duration::from_secs(7);
/// Period of the tick with which the generator watches its own lateness.
pub const HEALTH_TICK: Duration = Duration::from_millis(10);
/// Slices of the measured interval in which latency over time is kept.
pub const TIMELINE_SLICES: u32 = 60;
/// Bootstrap resamples for a confidence interval (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993,
/// chapter 13: 1,000 or more for intervals): as many as there are ways to draw five trials of five, so that up to five
/// rounds every way is taken and nothing is left to chance.
pub const BOOTSTRAP_RESAMPLES: usize = 3_125;
/// First wait before a reconnect; each further one doubles its ceiling.
pub const BACKOFF_FIRST: Duration = Duration::from_millis(100);
/// The longest wait that a server may ask for; a slip there must not keep clients away for days.
pub const ASKED_WAIT_MAX: Duration = Duration::from_secs(300);
/// Ceiling of the wait before a reconnect.
pub const BACKOFF_MAX: Duration = Duration::from_secs(10);
const _: () = assert!(BACKOFF_FIRST.as_millis() < BACKOFF_MAX.as_millis());
/// How much longer than its transport can be silent a connection may bring nothing before a client gives it up: a
/// network that is gone says nothing. Longer than a segment takes that is sent again four times (RFC 6298: 1, 2, 4, 8 s).
pub const SILENCE_GRACE: Duration = Duration::from_secs(15);

// Histograms and headers ----------------------------------------------------------------------------------------------

/// Significant digits of a latency histogram: an error of at most 0.1 %.
pub const HISTOGRAM_DIGITS: u8 = 3;
/// The largest latency that a histogram holds; a larger one is recorded as this.
pub const HISTOGRAM_MAX: Nanos = Nanos(600 * Nanos::SECOND.0);
/// A response head in the client's byte ledger.
pub const LEDGER_HEAD_BYTES_MAX: usize = 16 << 10;
/// Header of a TCP segment over IPv4 with the timestamp option, as Linux sends it: 20 (RFC 791) + 20 (RFC 9293) + 12
/// (RFC 7323 section 3.2, padded).
pub const TCP_IPV4_HEADER_BYTES: u64 = 52;
/// The same over IPv6: 40 (RFC 8200) + 20 + 12.
pub const TCP_IPV6_HEADER_BYTES: u64 = 72;

/// By how much the two segments that open a connection are longer together: each carries 20 bytes of options (segment size,
/// window scale, selective acknowledgements and timestamps: RFC 9293 section 3.2, RFC 7323, RFC 2018) for the 12 of others.
pub const TCP_OPENING_BYTES: u64 = 2 * (20 - 12);

/// Of the two, the one of a connection with this address.
pub fn segment_header_bytes(address: IpAddr) -> u64 {
    match address {
        IpAddr::V4(_) => TCP_IPV4_HEADER_BYTES,
        IpAddr::V6(_) => TCP_IPV6_HEADER_BYTES,
    }
}

// Plans ---------------------------------------------------------------------------------------------------------------

/// Rounds of a run.
pub const ROUNDS_MAX: u32 = 1_000;
/// How many updates or polls the measured interval may be lengthened to hold.
pub const CYCLES_MAX: u32 = 1_000;
/// Points of a sweep: with one round of one second each and one transport, a run of half an hour. Lists multiply, so
/// this also bounds what a slip in a list can make.
pub const POINTS_MAX: u64 = 1_000;
/// Any length of time in a plan.
pub const LENGTH_MAX: Nanos = Nanos(3_600 * Nanos::SECOND.0);
/// The shortest warm-up: the generator's runtime sleeps in whole milliseconds.
pub const WARM_UP_MIN: Nanos = Nanos::MILLI;
/// The shortest measured interval: ten ticks of the generator's own watch, which says whether it kept up.
pub const MEASURE_MIN: Nanos = Nanos(100 * Nanos::MILLI.0);
const _: () = assert!(MEASURE_MIN.0 as u128 >= 10 * HEALTH_TICK.as_nanos());
/// The largest seed: every whole number up to it is exact in every reader of JSON (RFC 8259 section 6).
pub const SEED_MAX: u64 = (1 << 53) - 1;
/// What may be added to a request's head: with the field that it is added as, it fits the server's own bound.
pub const REQUEST_HEADER_BYTES_MAX: u32 = 4 << 10;
const _: () = assert!(REQUEST_HEADER_BYTES_MAX as usize + 1024 < HEAD_BYTES_MAX);
/// The least that can be added, if anything is: the shortest header field, `cookie: c` and its line end.
pub const REQUEST_HEADER_BYTES_MIN: u32 = 11;
/// The shortest poll interval: the generator's runtime sleeps in whole milliseconds.
pub const POLL_INTERVAL_MIN: Duration = Duration::from_millis(5);
/// A run that would take longer is most likely a slip in a list.
pub const RUN_HOURS_MAX: f64 = 24.0;
/// Deliveries that must lie beyond a percentile for it to be more than the luck of one: 2,000 in all for a p99.
pub const PERCENTILE_SAMPLES_MIN: u64 = 20;
/// Trials that must reach a percentile above the median: what one trial alone shows is an accident until it happens again,
/// and of two neither is the rule.
pub const PERCENTILE_TRIALS_MIN: u64 = 3;
/// Rounds from which transports are ranked with some power: with two, Student's t leaves only large differences.
pub const ROUNDS_TO_RANK: u32 = 3;
/// Updates of a schedule that are counted before a run; more are estimated by their rate.
pub const PREFLIGHT_UPDATES_MAX: f64 = 20_000.0;
/// Bytes of them, likewise: a made-up update can only be counted by making it.
pub const PREFLIGHT_BYTES_MAX: f64 = 1e6;
/// What a trial usually takes to start and end its server, for estimates: 10 to 60 ms here.
pub const TRIAL_START_USUAL: Duration = Duration::from_millis(50);
/// Connections that a ramp usually makes in a second, for estimates.
pub const RAMP_PER_SECOND_USUAL: f64 = 5_000.0;
const _: () = assert!(RAMP_PER_SECOND_USUAL > RAMP_PER_SECOND_MIN as f64);
/// A control answer: the record of all updates that a server may retain, 200 bytes each.
pub const CONTROL_BYTES_MAX: usize = 64 << 20;
/// One request of the control plane.
pub const CONTROL_TIMEOUT: Duration = Duration::from_secs(10);
/// Exchanges from which the relation of two hosts' clocks is taken.
pub const CLOCK_EXCHANGES: usize = 16;
/// What one client may write down in a trial, in deliveries: 24 B each.
pub const DELIVERIES_MAX: u64 = 20_000_000;
/// What all clients of a trial may write down: some 4 GiB.
pub const TRIAL_DELIVERIES_MAX: u64 = 200_000_000;
const _: () = assert!(DELIVERIES_MAX < TRIAL_DELIVERIES_MAX);
/// Between the word to begin and the first update that is due.
pub const FEED_LEAD: Nanos = Nanos(50 * Nanos::MILLI.0);
/// Clients from which the kernel's memory for them is told: it is known for the whole host only, whose other sockets
/// and caches come and go by some megabytes, while a client takes some tens of kilobytes.
pub const KERNEL_MEMORY_CLIENTS_MIN: u32 = 500;
/// Clients from which reports compare the memory that transports take for each: with fewer, what a process's allocator
/// happens to hold, a megabyte or so, is as much as what all of them need.
pub const MEMORY_CLIENTS_MIN: u32 = KERNEL_MEMORY_CLIENTS_MIN;
/// Crowd sizes through which the line of memory over clients is drawn: two make a line of anything.
pub const MEMORY_CROWDS_MIN: usize = 3;
/// The widest bound, as a factor, within which reports call two transports equal: a quarter more or less of a cost or of
/// a wait is about the least for which anyone would choose one over the other. What rounds leave wider is no answer.
pub const EQUAL_WITHIN_MAX: f64 = 1.25;
/// Between the last client's first answer and the reading of memory.
pub const SETTLE: Duration = Duration::from_millis(200);
/// How often a drain looks whether it is done.
pub const DRAIN_LOOK: Duration = Duration::from_millis(5);
/// Connections that a ramp makes in a second at the very least; slower, and it is given up.
pub const RAMP_PER_SECOND_MIN: u32 = 200;

// Agents --------------------------------------------------------------------------------------------------------------

/// Agents of one run.
pub const AGENTS_MAX: usize = 64;
/// How long a coordinator waits for the agents that it was told to expect.
pub const AGENTS_WAIT: Duration = Duration::from_secs(30);
/// How often it looks who is there.
pub const AGENT_LOOK: Duration = Duration::from_millis(50);
/// How often an agent says that it is there.
pub const AGENT_ALIVE_PERIOD: Duration = Duration::from_millis(500);
/// Silence after which an agent counts as gone, and a coordinator: ten times that, for a host that is busy.
pub const AGENT_SILENCE: Duration = Duration::from_secs(5);
const _: () = assert!(AGENT_SILENCE.as_millis() >= 10 * AGENT_ALIVE_PERIOD.as_millis());
/// How long an agent waits for an answer.
pub const AGENT_ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// Between two hellos of an agent that has no coordinator yet.
pub const AGENT_HELLO_REST: Duration = Duration::from_millis(200);
/// How long an agent waits for the next order in a trial: the longest interval and its schedule.
pub const AGENT_ORDER_TIMEOUT: Duration = Duration::from_secs(3_900);
const _: () = assert!(AGENT_ORDER_TIMEOUT.as_secs() as u128 * 1_000_000_000 > LENGTH_MAX.0 as u128);
/// What the coordinator allows beyond what it allows clients of its own: clock exchanges, and a message.
pub const AGENT_GRACE: Duration = Duration::from_secs(10);
/// Between the word to begin and the first update, with agents: every one must know before it comes.
pub const AGENT_LEAD: Nanos = Nanos(500 * Nanos::MILLI.0);
/// Messages that wait to be read; an agent sends some tens of them in a trial.
pub const AGENT_MESSAGES_WAITING: usize = 4_096;
/// Orders that wait for a trial: begin, finish, abandon.
pub const AGENT_ORDERS_WAITING: usize = 8;
/// A message before it was deflated.
pub const AGENT_MESSAGE_BYTES_MAX: usize = 32 << 20;
/// How long connecting to a NATS server may take.
pub const NATS_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

// Capacity ------------------------------------------------------------------------------------------------------------

/// Trials of each transport that a calibration makes: more than twice the terms of the fit, and about a minute.
pub const CAPACITY_TRIALS: usize = 14;
/// The least from which anything is predicted: one more than there are terms would leave no error to tell.
pub const CAPACITY_TRIALS_MIN: usize = 8;
/// The most: a calibration of half an hour.
pub const CAPACITY_TRIALS_MAX: usize = 100;
const _: () = assert!(CAPACITY_TRIALS_MIN <= CAPACITY_TRIALS && CAPACITY_TRIALS <= CAPACITY_TRIALS_MAX);
/// Settings that a validation measures, of all transports together.
pub const CAPACITY_HELD_OUT: usize = 40;
/// Clients of the smallest trial: with fewer, timers take more than they do.
pub const CAPACITY_CLIENTS_MIN: u32 = 50;
/// Clients of the largest, unless asked for more: a ramp of half a second.
pub const CAPACITY_CLIENTS: u32 = 2_000;
/// Updates a second in a trial, from and to.
pub const CAPACITY_RATES: [f64; 2] = [1.0, 20.0];
/// Bytes of an update, from and to.
pub const CAPACITY_PAYLOADS: [f64; 2] = [16.0, 4_096.0];
/// Seconds between two polls of a client, from and to.
pub const CAPACITY_POLL_INTERVALS: [f64; 2] = [0.25, 2.0];
/// Deliveries a second of a trial, at the most: a fifth of what two cores carry, generator and server together.
pub const CAPACITY_DELIVERIES_PER_S: f64 = 8_000.0;
/// Warm-up of a trial.
pub const CAPACITY_WARM_UP: Nanos = Nanos::SECOND;
/// Measured interval of a trial, or [`CAPACITY_CYCLES`] of its updates and polls if that is longer.
pub const CAPACITY_MEASURE: Nanos = Nanos(2 * Nanos::SECOND.0);
/// See [`CAPACITY_MEASURE`].
pub const CAPACITY_CYCLES: u32 = 2;
/// The share of a node's processors that predictions let be busy: what is left is for bursts, and for other nodes' clients
/// when one of them ends.
pub const CAPACITY_BUSY_SHARE: f64 = 0.7;
/// Clients that a prediction may be asked for.
pub const CAPACITY_ASKED_MAX: f64 = 1e10;
/// Payload of a full segment on Ethernet: 1,500 B less the headers of IPv4 and TCP with timestamps.
pub const ETHERNET_SEGMENT_BYTES: u64 = 1_500 - TCP_IPV4_HEADER_BYTES;

// The link ------------------------------------------------------------------------------------------------------------

/// Round trip of the link: three times the quarter second to a geostationary satellite and back, and more.
pub const LINK_DELAY_MAX: Nanos = Nanos(2 * Nanos::SECOND.0);
/// Bits a second of the link, at the least: one byte a millisecond.
pub const LINK_BITS_PER_S_MIN: u64 = 8_000;
/// At the most; past it the sending of a segment takes less than the clock can tell.
pub const LINK_BITS_PER_S_MAX: u64 = 100_000_000_000;
/// Bytes on their way in one direction of one client's link; past it the sender is held back, as by a full router. At
/// the longest delay that is still 128 KiB a second.
pub const LINK_BUFFER_BYTES: usize = 256 << 10;
/// What is taken off a socket at once: a link that is full sends in pieces of this size at the most.
pub const LINK_READ_BYTES: usize = 8 << 10;
const _: () = assert!(LINK_READ_BYTES <= LINK_BUFFER_BYTES);
/// Between two probes of the link's own delay: often enough for a median in a trial of one second.
pub const LINK_PROBE_REST: Duration = Duration::from_millis(20);
/// By how much the link may miss the round trip asked for, beyond [`LINK_OFF_SHARE_MAX`] of it.
pub const LINK_OFF_MAX: Nanos = Nanos(2 * Nanos::MILLI.0);
/// By which share of it.
pub const LINK_OFF_SHARE_MAX: f64 = 0.05;
/// Mean time that a client which left stays away, as long as a person takes to come back from a tunnel's mouth or a
/// phone from one cell to the next.
pub const CHURN_AWAY: Nanos = Nanos(300 * Nanos::MILLI.0);
/// Mean time that it stays, at the least: shorter, it would hardly connect.
pub const CHURN_STAY_MIN: Nanos = Nanos(50 * Nanos::MILLI.0);

/// Connections of a proxy, of its clients and to its server: two for each of the most clients.
pub const PROXY_CONNECTIONS: u32 = 2 * CLIENTS_MAX + 1_000;
/// Connections that a balancer takes beyond one for each client: of clients that come back before their old one is gone.
pub const BALANCER_CONNECTIONS_SPARE: u32 = 200;

/// Nodes that one run starts: each is a process with as many threads as there are processors.
pub const NODES_MAX: u32 = 16;
/// How long the only server of a log stays away that is killed in the middle of an interval: longer than a client's patience
/// with a single request, and short enough for an interval of some seconds.
pub const LOG_KILLED_FOR: Duration = Duration::from_secs(2);
/// In what stretches a storm of connections is counted.
pub const STORM_SLICE: Nanos = Nanos(100 * Nanos::MILLI.0);
/// How long nodes may take until they follow their log, and the log until it has what was due: as long as it takes to choose
/// a new leader, several times over.
pub const NODES_READY_TIMEOUT: Duration = Duration::from_secs(60);

// The path ------------------------------------------------------------------------------------------------------------

/// Largest IP packet of the path, as on Ethernet (RFC 894), so that TCP's segments are those of a real path: 1,448 bytes
/// of data with the timestamp option.
pub const PATH_MTU_BYTES: usize = 1_500;
/// Share of the packets that a path may lose each way. At half of them TCP hardly ever gets one through both ways.
pub const PATH_LOSS_MAX: f64 = 0.5;
/// Mean length of a burst of losses, in packets: past it, one burst is longer than a trial.
pub const PATH_BURST_MAX: f64 = 1_000.0;
/// After how long a silence a burst of losses is forgotten: on the Internet losses depend on one another over a second or
/// less (Yajnik, Moon, Kurose, Towsley, "Measurement and modelling of the temporal dependence in packet loss", INFOCOM 1999).
pub const LOSS_MEMORY: Duration = Duration::from_secs(1);
/// The least queue before a rate limit: one packet on its way into it, and one that waits.
pub const PATH_QUEUE_BYTES_MIN: u64 = 2 * PATH_MTU_BYTES as u64;
/// The largest queue: 300 ms at a gigabit a second and more.
pub const PATH_QUEUE_BYTES_MAX: u64 = 64 << 20;
/// How long the queue before a rate limit is when nobody says: 300 ms of that rate, as in RFC 8867 (the test cases for
/// congestion control; "bottleneck queue size" of section 5), but no less than [`PATH_QUEUE_DEFAULT_BYTES_MIN`].
pub const PATH_QUEUE_DEFAULT: Nanos = Nanos(300 * Nanos::MILLI.0);
/// At the least ten full packets, TCP's initial window (RFC 6928): with fewer, a slow link drops each connection's first
/// flight.
pub const PATH_QUEUE_DEFAULT_BYTES_MIN: u64 = 10 * PATH_MTU_BYTES as u64;
/// Bytes of all packets under way in one relay: what 1,500 clients have in flight with 64 KiB each way.
pub const PATH_BYTES_MAX: usize = 192 << 20;
/// Packets that wait in the device until the relay reads them: what 10,000 clients send at once, so that the relay's own
/// queues decide what is dropped.
pub const PATH_DEVICE_PACKETS: u32 = 20_000;
/// Packets read in a row before those that are due are sent: a busy sender must not hold up the other direction.
pub const PATH_READ_BATCH: usize = 64;
/// Hosts on the near side of a path: the last 16 bits of an address, without 0 and the broadcast address.
pub const PATH_HOSTS_MAX: u16 = u16::MAX - 1;
const _: () = assert!(CLIENTS_MAX < PATH_HOSTS_MAX as u32, "the last host is the probes'");
/// What the relay answers to one question.
pub const PATH_ANSWER_BYTES_MAX: u64 = 16 << 10;
/// Paths that one process tells apart in sweeps and comparisons: far more than the points of any run.
pub const PATHS_MET_MAX: usize = 10_000;

// Servers that are not ours -------------------------------------------------------------------------------------------

/// Names of servers that a process remembers, of all the run files that it reads: a list of a thousand points
/// ([`POINTS_MAX`]) with room to spare.
pub const TARGETS_MET_MAX: usize = 10_000;
/// Bytes of such a name: that of a path or an address that still fits a line.
pub const TARGET_NAME_BYTES_MAX: usize = 200;
/// Bytes of a target file: many times the longest that is shipped.
pub const TARGET_FILE_BYTES_MAX: u64 = 256 << 10;
/// Bytes from which on a value of the environment is taken out of what is printed: whatever is shorter protects nothing, and
/// would be found in the middle of words.
pub const SECRET_BYTES_MIN: usize = 4;
/// How long a server that is started may take until it answers: an interpreter and its packages on a busy machine.
pub const TARGET_START_TIMEOUT: Duration = Duration::from_secs(30);
/// Between two looks at whether it does.
pub const TARGET_START_LOOK: Duration = Duration::from_millis(20);
/// How long it may take to end after it was asked to.
pub const TARGET_STOP_TIMEOUT: Duration = Duration::from_secs(3);
/// Lines of its output that are shown when it does not start.
pub const TARGET_OUTPUT_LINES: usize = 8;
/// How long a subscription may be silent before it counts as open: some servers send the head of an event stream only
/// with the first event, and would otherwise never be published to.
pub const TARGET_OPEN_PATIENCE: Duration = Duration::from_secs(1);
/// Bytes of one answer or one message that are taken.
pub const TARGET_MESSAGE_BYTES_MAX: usize = 4 << 20;
/// How long a publishing request may take before it counts as failed.
pub const PUBLISH_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a step may take.
pub const HANDSHAKE_STEP_TIMEOUT: Duration = Duration::from_secs(10);
/// How long `loadgen try` waits for an answer.
pub const TRY_ANSWER_TIMEOUT: Duration = Duration::from_secs(3);
/// How long it waits for what a resumed stream brings back, which comes at once if it comes.
pub const TRY_RESUME_WAIT: Duration = Duration::from_secs(2);
/// Messages that it keeps.
pub const TRY_MESSAGES_MAX: usize = 10_000;
/// Messages that it shows.
pub const TRY_MESSAGES_SHOWN: usize = 3;
/// How far an instant in a message may be off for it to be taken as the time of sending.
pub const TRY_TIMESTAMP_OFF_MAX: Duration = Duration::from_secs(24 * 3_600);
/// Places in one message that may be an envelope: more make no choice easier.
pub const TRY_ENVELOPES_MAX: usize = 16;
/// By how much messages must have been sent apart for their coming together to mean something.
pub const TRY_HELD_BACK: Duration = Duration::from_millis(50);
/// How long starting a path and asking its relay may take.
pub const PATH_ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// Between two probes of the path itself: 50 a second, 4 kB/s with their headers.
pub const PATH_PROBE_REST: Duration = Duration::from_millis(20);
/// Bytes that probes may wait in before they are read: a second of 500 probes, each of which takes about a kilobyte.
pub const PATH_PROBE_BUFFER_BYTES: usize = 512 << 10;
/// How much longer than the round trip asked for a probe may take before it counts as lost.
pub const PATH_PROBE_GRACE: Duration = Duration::from_millis(500);

/// By how many standard deviations a path's losses may miss what was asked for: chance does that once in two million.
pub const PATH_LOSS_DEVIATIONS_MAX: f64 = 5.0;
/// Share of the packets that a relay may lose without having been asked to: a tenth of the least loss that is worth
/// asking for, 0.1 %.
pub const PATH_MISSED_SUSPECT: f64 = 1e-4;

// When a trial is not to be trusted -----------------------------------------------------------------------------------

/// Median lateness of the generator's own tick from which its latencies are not to be used. tokio's timer itself is
/// up to 1 ms late.
pub const LAG_P50_INVALID: Nanos = Nanos(5 * Nanos::MILLI.0);
/// The same at the 99th percentile.
pub const LAG_P99_INVALID: Nanos = Nanos(50 * Nanos::MILLI.0);
/// Lateness at the 99th percentile from which they want care.
pub const LAG_P99_SUSPECT: Nanos = Nanos(10 * Nanos::MILLI.0);
const _: () = assert!(LAG_P99_SUSPECT.0 < LAG_P99_INVALID.0 && LAG_P50_INVALID.0 < LAG_P99_INVALID.0);
/// Share of the time in which it has work that the generator may wait for a processor where it shares them with its
/// server: a thousand clients on two idle cores made it 0.5, a compiler beside it 0.6, eight busy programs 0.85.
pub const WAIT_INVALID: f64 = 0.75;
/// The same with a processor of its own (`--pin`): idle otherwise it made 0.01 to 0.11, a busy loop on it 0.4 to 0.5.
pub const WAIT_PINNED_INVALID: f64 = 0.25;
const _: () = assert!(WAIT_PINNED_INVALID < WAIT_INVALID);
/// Processor time of a server in one trial below which it says as much of how the server was woken as of its work.
pub const PROCESSOR_TIME_BRIEF: Nanos = Nanos(100 * Nanos::MILLI.0);
/// Share of the host's processors from which the host itself was the bottleneck.
pub const HOST_BUSY_SUSPECT: f64 = 0.95;
/// Share of the host's processors that others may take, programs or guests of the same machine, before a trial is
/// suspect: an idle machine's own housekeeping takes less than a hundredth, and a twentieth is half of what the processor
/// time of two transports usually differs by.
pub const OTHERS_BUSY_SUSPECT: f64 = 0.05;
/// Share of a run's trials that may be done again because others took too much: enough for a browser that wakes up now
/// and then, and on a machine that is busy throughout it ends the trying after a quarter more time.
pub const REPEATED_FRACTION_MAX: f64 = 0.25;
/// Share of its median that a latency may be uncertain by, because of clocks of two hosts, before a trial is suspect.
pub const CLOCK_UNCERTAIN_SUSPECT: f64 = 0.1;
/// How long before the measured interval the server is asked for its own counters: answering takes it some hundred
/// microseconds, which must not be among what the interval costs.
pub const ASK_LEAD: Nanos = Nanos(20 * Nanos::MILLI.0);
/// Share of the polls that may be left out.
pub const MISSED_POLLS_SUSPECT: f64 = 0.01;
/// By what share more updates may be due in one transport's measured intervals than in another's, where the feed is not
/// ours to start: costs per delivery follow the rate, and a fifth is more than rounds differ by anyway.
pub const STRETCH_UNLIKE_SUSPECT: f64 = 0.2;
/// By how much the parts of the bytes may differ from the sockets' own count.
pub const WIRE_MISMATCH_SUSPECT: f64 = 0.01;

// The live page -------------------------------------------------------------------------------------------------------

/// Pages that are counted at the same time: a class with a page each; a session takes about 700 B.
pub const LIVE_SESSIONS_MAX: usize = 64;
/// After how long without a connection or a request a page's session makes room for another.
pub const LIVE_SESSION_SILENCE_MAX: Duration = Duration::from_secs(60);
/// The round trip that a page may add: a satellite's in geostationary orbit is about 600 ms.
pub const LIVE_ROUND_TRIP_MAX: Duration = Duration::from_secs(2);
/// Bytes under way on a connection that was made longer; a sender must then wait, as for a full socket.
pub const LIVE_LINE_BYTES_MAX: usize = 1 << 20;
const _: () = assert!(LIVE_LINE_BYTES_MAX >= BATCH_BYTES_MAX, "a batch must fit the line");
/// How long a page may have its own connections cut.
pub const LIVE_CUT_MAX: Duration = Duration::from_secs(30);
/// Updates a second that a page may set: one in ten seconds is the slowest that is still worth watching.
pub const LIVE_RATE_MIN: f64 = 0.1;
/// Four lanes of a browser draw four times as many arrows.
pub const LIVE_RATE_MAX: f64 = 200.0;
const _: () = assert!(LIVE_RATE_MIN < LIVE_RATE_MAX && LIVE_RATE_MAX <= RATE_MAX);
/// Bytes of data in an update that a page may set.
pub const LIVE_PAYLOAD_BYTES_MAX: usize = 16 << 10;
const _: () = assert!(LIVE_PAYLOAD_BYTES_MAX <= UPDATE_BYTES_MAX);
/// Rooms beside the main stream: a class with one each. Full, they hold 64 MiB.
pub const ROOMS_MAX: usize = 64;
/// A name that fits an address and a wall.
pub const ROOM_NAME_BYTES_MAX: usize = 32;
/// Updates that a room's journal retains: twenty seconds of its highest rate.
pub const ROOM_JOURNAL_UPDATES_MAX: usize = 1_000;
/// Bytes that it retains.
pub const ROOM_JOURNAL_BYTES_MAX: usize = 1 << 20;
/// Updates a second in a room, posted or fed: anybody may set them, and all rooms together must leave the main stream its
/// processor.
pub const ROOM_UPDATES_PER_S_MAX: f64 = 50.0;
const _: () = assert!(LIVE_RATE_MIN < ROOM_UPDATES_PER_S_MAX && ROOM_UPDATES_PER_S_MAX <= LIVE_RATE_MAX);
/// Bytes of an update in a room.
pub const ROOM_UPDATE_BYTES_MAX: usize = 4 << 10;
const _: () = assert!(ROOM_UPDATE_BYTES_MAX <= LIVE_PAYLOAD_BYTES_MAX);
/// A room without a subscriber and a request for so long is forgotten: longer than a page takes to load again.
pub const ROOM_SILENCE_MAX: Duration = Duration::from_secs(60);
/// How often that is looked at.
pub const ROOM_LOOK: Duration = Duration::from_secs(5);
/// Bytes that a page's middlebox may hold back: as much as nginx keeps of an answer in memory by default (eight buffers of
/// 8 KiB).
pub const MIDDLEBOX_BUFFER_BYTES_MAX: usize = 64 << 10;
/// How soon it may cut a silent connection: shorter, it would cut answers that are under way.
pub const MIDDLEBOX_IDLE_MIN: Duration = Duration::from_secs(1);
/// How late: common proxies wait for 60 s, and nobody watches a page for longer.
pub const MIDDLEBOX_IDLE_MAX: Duration = Duration::from_secs(120);
/// How often it looks whether a connection is silent.
pub const MIDDLEBOX_LOOK: Duration = Duration::from_millis(50);
/// One message between the pages of a room: a sentence, or a stroke of a thousand points.
pub const TALK_MESSAGE_BYTES_MAX: usize = 4 << 10;
/// Messages a second of one page: a hand that draws makes sixty.
pub const TALK_MESSAGES_PER_S_MAX: f64 = 100.0;
/// Pages that talk in one room: a class.
pub const TALK_SEATS_MAX: usize = 64;
/// Messages that a page may be behind; what it misses then, it is told.
pub const TALK_BEHIND_MAX: usize = 256;
/// Bytes of a frame that are shown to who sent it.
pub const TALK_SHOWN_BYTES_MAX: usize = 160;
const _: () = assert!(TALK_SHOWN_BYTES_MAX < TALK_MESSAGE_BYTES_MAX);
/// Runs in the page's list of reports.
pub const LIVE_REPORTS_MAX: usize = 50;
/// A file of a report that is handed out whole.
pub const LIVE_REPORT_BYTES_MAX: u64 = 64 << 20;

// Exercises -----------------------------------------------------------------------------------------------------------

/// How long a student's program may take to ask for something: Python or node on a busy machine take seconds to start.
pub const LEARN_START: Duration = Duration::from_secs(20);
/// How long a student's program may print nothing while there is something to print.
pub const LEARN_PATIENCE: Duration = Duration::from_secs(10);
/// How often a check looks whether what is missing can still come.
pub const LEARN_LOOK: Duration = Duration::from_secs(1);
/// How long it may take to end once its output is closed.
pub const LEARN_END: Duration = Duration::from_secs(2);
/// A whole check: several times what the longest takes, so that a slow machine is not told that its student is wrong.
pub const LEARN_CHECK_MAX: Duration = Duration::from_secs(90);
const _: () = assert!(LEARN_START.as_secs() + LEARN_PATIENCE.as_secs() < LEARN_CHECK_MAX.as_secs());
/// One run of a student's scenario.
pub const LEARN_CASE_MAX: Duration = Duration::from_secs(40);
const _: () = assert!(LEARN_CASE_MAX.as_secs() * 2 < LEARN_CHECK_MAX.as_secs());
/// One line of a student's program: an update of the largest size with its envelope.
pub const LEARN_LINE_BYTES_MAX: usize = UPDATE_BYTES_MAX + 1024;
/// Lines that wait to be judged; a program that prints faster waits itself.
pub const LEARN_LINES_WAITING: usize = 256;
/// What is kept of its standard error: a stack trace.
pub const LEARN_ERRORS_BYTES_MAX: usize = 8 << 10;
/// How much of a student's line is quoted.
pub const LEARN_QUOTE_CHARACTERS: usize = 120;
/// Period of the tick by which a check knows how late its machine is.
pub const LEARN_TICK: Duration = Duration::from_millis(10);
/// From which lateness a tick counts: below it a sleep is as exact as sleeps are.
pub const LEARN_TICK_LATE: Duration = Duration::from_millis(5);
/// What a student hands in: a course's guesses, answers and notes take a few tens of kilobytes.
pub const HAND_IN_BYTES_MAX: u64 = 1 << 20;
/// A name that fits a table; also the schema's bound.
pub const HAND_IN_NAME_CHARACTERS: usize = 80;
/// A guess is near that is within a quarter of what was measured, as in class.
pub const GUESS_NEAR_SHARE: f64 = 0.25;
/// Questions that are named to a teacher as the hardest.
pub const GRADE_QUESTIONS_SHOWN: usize = 5;
/// Requests of a student's program that are remembered: a check takes seconds, and even a tight loop is told in time.
pub const LEARN_REQUESTS_MAX: usize = 20_000;
