/*
 * A load for echo servers over mutual TLS that costs a fraction of what any server costs, and knows WebSocket (RFC 6455)
 * only as far as its bytes go: frames are built before the clock runs, with random masking keys and payloads, and every
 * byte that comes back is compared with the one that must.
 *
 *   cc -O2 -o load load.c -lssl -lcrypto -lz
 *
 * `load --help` tells the commands. What they print is one line of JSON.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

/* The most plaintext of a TLS record (RFC 8446 §5.1). */
enum { record_bytes = 16384, read_bytes = 256 * 1024 };

/* Nothing may hang for ever: without any progress for so long, the run has failed. */
enum { stall_ms = 10000 };

static _Noreturn void fail(int code, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("load: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
  exit(code);
}

static void *allocate(size_t size) {
  void *memory = calloc(1, size ? size : 1);
  if (!memory) fail(1, "out of memory");
  return memory;
}

static uint64_t nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ------------------------------------------------------------------ options */

typedef struct {
  const char *host, *ca, *cert, *key, *path;
  int port, pid, connections, in_flight, concurrency, count, warmup_count;
  size_t size;
  double warmup, seconds;
  int raw, text, packed, deflate, tls12, resumed;
} Options;

static Options options = {.host = "127.0.0.1", .path = "/", .size = 125, .connections = 1, .in_flight = 1,
                          .concurrency = 1, .count = 1000, .warmup = 0.5, .warmup_count = 50, .seconds = 2};

static const char usage[] =
    "usage: load COMMAND --ca F --cert F --key F [options]\n"
    "\n"
    "  echo       messages there and back: throughput, latency, CPU time of the server\n"
    "  handshake  connections until the 101 (raw: until the first byte), one after the other\n"
    "  idle       connections that do nothing: the memory of the server\n"
    "  flood      --connections with one message in flight each, without and with one more that never pauses\n"
    "  sink       a server that reads messages and counts them\n"
    "\n"
    "  --port N               of the server on 127.0.0.1\n"
    "  --pid N                process of the server, whose CPU time and memory are read\n"
    "  --kind text|binary|raw raw: the same bytes, but the server speaks TLS alone: it sends + first, and echoes\n"
    "  --size BYTES           payload of a message (125)\n"
    "  --records packed|single  TLS records full of frames, or one message each (single)\n"
    "  --in-flight N          messages on their way on each connection (1)\n"
    "  --connections N        (1)\n"
    "  --warmup S, --seconds S  (0.5, 2); for handshake --warmup N, --count N connections (50, 1000)\n"
    "  --deflate              compressed messages (RFC 7692)\n"
    "  --mode full|resumed    handshakes\n"
    "  --concurrency N        handshakes at a time (1)\n"
    "  --tls 1.2|1.3          the only version (1.3)\n"
    "  --path PATH            of the request (/)\n";

static long number(const char *name, const char *text, long least, long most) {
  char *end;
  long value = strtol(text, &end, 10);
  if (*text == '\0' || *end != '\0' || value < least || value > most)
    fail(2, "--%s takes a number from %ld to %ld, not '%s'", name, least, most, text);
  return value;
}

static int choice(const char *name, const char *text, const char *no, const char *yes) {
  if (strcmp(text, yes) == 0) return 1;
  if (strcmp(text, no) == 0) return 0;
  fail(2, "--%s takes %s or %s, not '%s'", name, no, yes, text);
}

static void parse(int argc, char **argv) {
  static const struct option names[] = {
      {"port", 1, 0, 'p'},      {"pid", 1, 0, 'P'},      {"ca", 1, 0, 'a'},         {"cert", 1, 0, 'c'},
      {"key", 1, 0, 'k'},       {"size", 1, 0, 's'},     {"kind", 1, 0, 'K'},       {"records", 1, 0, 'r'},
      {"in-flight", 1, 0, 'f'}, {"warmup", 1, 0, 'w'},   {"seconds", 1, 0, 'S'},    {"tls", 1, 0, 't'},
      {"deflate", 0, 0, 'd'},   {"mode", 1, 0, 'm'},     {"concurrency", 1, 0, 'C'}, {"count", 1, 0, 'n'},
      {"path", 1, 0, 'u'},      {"help", 0, 0, 'h'},     {"connections", 1, 0, 'N'}, {0, 0, 0, 0}};
  int letter, index = 0;
  while ((letter = getopt_long(argc, argv, "", names, &index)) != -1) {
    const char *name = names[index].name;
    switch (letter) {
      case 'p': options.port = (int)number(name, optarg, 1, 65535); break;
      case 'P': options.pid = (int)number(name, optarg, 1, 1 << 30); break;
      case 'a': options.ca = optarg; break;
      case 'c': options.cert = optarg; break;
      case 'k': options.key = optarg; break;
      case 's': options.size = (size_t)number(name, optarg, 0, 1L << 30); break;
      case 'K':
        options.raw = strcmp(optarg, "raw") == 0;
        if (!options.raw && strcmp(optarg, "ws") != 0) options.text = choice(name, optarg, "binary", "text");
        break;
      case 'r': options.packed = choice(name, optarg, "single", "packed"); break;
      case 'f': options.in_flight = (int)number(name, optarg, 1, 10000000); break;
      case 'N': options.connections = (int)number(name, optarg, 1, 100000); break;
      case 'w': options.warmup = atof(optarg); options.warmup_count = atoi(optarg); break;
      case 'S': options.seconds = atof(optarg); break;
      case 'n': options.count = (int)number(name, optarg, 1, 10000000); break;
      case 't': options.tls12 = choice(name, optarg, "1.3", "1.2"); break;
      case 'd': options.deflate = 1; break;
      case 'm': options.resumed = choice(name, optarg, "full", "resumed"); break;
      case 'C': options.concurrency = (int)number(name, optarg, 1, 1000); break;
      case 'u': options.path = optarg; break;
      case 'h': fputs(usage, stdout); exit(0);
      default: fputs(usage, stderr); exit(2);
    }
  }
  if (optind < argc) fail(2, "unexpected '%s'", argv[optind]);
  if (!options.ca || !options.cert || !options.key) fail(2, "--ca, --cert and --key are needed");
  if (options.seconds <= 0 || options.warmup < 0) fail(2, "--seconds and --warmup take a number of seconds");
}

/* ------------------------------------------------- what the server consumed */

/* CPU time of all threads of a process in nanoseconds: field 1 of their schedstat, which counts every nanosecond. */
static uint64_t cpu_of(int pid) {
  char path[300], line[100];
  uint64_t sum = 0;
  if (pid == 0) return 0;
  snprintf(path, sizeof path, "/proc/%d/task", pid);
  DIR *tasks = opendir(path);
  if (!tasks) fail(1, "process %d is gone", pid);
  for (struct dirent *task; (task = readdir(tasks));) {
    if (task->d_name[0] == '.') continue;
    snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", pid, task->d_name);
    FILE *file = fopen(path, "r");
    if (!file) continue;
    if (fgets(line, sizeof line, file)) sum += strtoull(line, NULL, 10);
    fclose(file);
  }
  closedir(tasks);
  return sum;
}

static long rss_of(int pid) {
  char path[64], line[200];
  long kib = 0;
  snprintf(path, sizeof path, "/proc/%d/status", pid);
  FILE *file = fopen(path, "r");
  if (!file) fail(1, "process %d is gone", pid);
  while (fgets(line, sizeof line, file)) sscanf(line, "VmRSS: %ld", &kib);
  fclose(file);
  return kib;
}

/* ---------------------------------------------------------------- latencies */

/* Counts by powers of two of nanoseconds, each in 128 parts: right to 1 %. */
enum { parts = 128, buckets = 64 * parts };
typedef struct {
  uint64_t counts[buckets], total, most;
} Histogram;

static void record(Histogram *histogram, uint64_t value) {
  unsigned power = value < parts ? 0 : (unsigned)(63 - __builtin_clzll(value)) - 6;
  histogram->counts[power * parts + (value >> power)]++;
  histogram->total++;
  if (value > histogram->most) histogram->most = value;
}

static double percentile(const Histogram *histogram, double fraction) {
  uint64_t rank = (uint64_t)((double)histogram->total * fraction), seen = 0;
  for (unsigned i = 0; i < buckets; i++) {
    seen += histogram->counts[i];
    if (seen > rank) return (double)((uint64_t)(i % parts) << (i / parts)) / 1000;
  }
  return (double)histogram->most / 1000;
}

static void print_latency(const Histogram *histogram) {
  printf("\"p50Us\":%.2f,\"p99Us\":%.2f,\"p999Us\":%.2f,\"maxUs\":%.2f", percentile(histogram, .5),
         percentile(histogram, .99), percentile(histogram, .999), (double)histogram->most / 1000);
}

/* ------------------------------------------------------------- the messages */

/* A ring of frames as they are sent, and as they must come back; all of one length. Of a compressed echo, the payload. */
typedef struct {
  uint8_t *sent, *echoed;
  size_t count, sent_bytes, echoed_bytes, sent_each, echoed_each, header;
} Frames;

static size_t put_header(uint8_t *to, int first, size_t length, int masked) {
  size_t at = 2;
  to[0] = (uint8_t)first;
  if (length < 126) {
    to[1] = (uint8_t)length;
  } else if (length < 65536) {
    to[1] = 126;
    to[2] = (uint8_t)(length >> 8);
    to[3] = (uint8_t)length;
    at = 4;
  } else {
    to[1] = 127;
    for (int i = 0; i < 8; i++) to[2 + i] = (uint8_t)((uint64_t)length >> (56 - 8 * i));
    at = 10;
  }
  if (masked) {
    to[1] |= 0x80;
    RAND_bytes(to + at, 4);
    at += 4;
  }
  return at;
}

/* Text of one to four bytes a character, as one finds it; always whole characters. */
static void fill_text(uint8_t *to, size_t length) {
  static const char *const characters[] = {"e", " ", "t", "a", "n", "é", "ß", "语", "🙂"};
  size_t at = 0;
  while (at < length) {
    uint8_t random;
    RAND_bytes(&random, 1);
    /* One in 32 is not ASCII. */
    const char *character = characters[random % 32 == 0 ? 5 + random / 32 % 4 : random % 5];
    size_t size = strlen(character);
    if (at + size > length) character = "x", size = 1;
    memcpy(to + at, character, size);
    at += size;
  }
}

static size_t deflated(const uint8_t *payload, size_t size, uint8_t *to, size_t room) {
  z_stream stream = {0};
  if (deflateInit2(&stream, 1, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) != Z_OK) fail(1, "deflateInit2 failed");
  stream.next_in = (uint8_t *)payload;
  stream.avail_in = (uInt)size;
  stream.next_out = to;
  stream.avail_out = (uInt)room;
  if (deflate(&stream, Z_SYNC_FLUSH) != Z_OK || stream.avail_in != 0) fail(1, "deflate failed");
  size_t length = stream.total_out;
  deflateEnd(&stream);
  return length - 4; /* RFC 7692 §7.2.1: without the last four bytes. */
}

static Frames make_frames(void) {
  Frames frames = {0};
  size_t size = options.size, room = 2 * size + 64;
  frames.count = size < 1024 ? 4096 : size < 262144 ? 4 * 1024 * 1024 / size : 4;
  frames.sent = allocate(frames.count * room + record_bytes);
  frames.echoed = allocate(frames.count * room);
  uint8_t *payload = allocate(size), *compressed = allocate(room);
  for (size_t i = 0; i < frames.count; i++) {
    if (options.deflate && i > 0) {
      /* The same again: compressed frames of other payloads would have other lengths. */
      memcpy(frames.sent + frames.sent_bytes, frames.sent, frames.sent_each);
      memcpy(frames.echoed + frames.echoed_bytes, frames.echoed, frames.echoed_each);
      frames.sent_bytes += frames.sent_each;
      frames.echoed_bytes += frames.echoed_each;
      continue;
    }
    if (options.text || options.deflate) fill_text(payload, size);
    else RAND_bytes(payload, (int)size);
    const uint8_t *body = payload;
    size_t length = size;
    int first = 0x80 | (options.text ? 1 : 2);
    if (options.deflate) {
      length = deflated(payload, size, compressed, room);
      body = compressed;
      first |= 0x40;
    }
    uint8_t *to = frames.sent + frames.sent_bytes;
    frames.header = put_header(to, first, length, 1);
    for (size_t j = 0; j < length; j++) to[frames.header + j] = body[j] ^ to[frames.header - 4 + (j & 3)];
    frames.sent_each = frames.header + length;
    frames.sent_bytes += frames.sent_each;
    to = frames.echoed + frames.echoed_bytes;
    if (options.raw) {
      memcpy(to, frames.sent + frames.sent_bytes - frames.sent_each, frames.sent_each);
      frames.echoed_each = frames.sent_each;
    } else {
      size_t header = options.deflate ? 0 : put_header(to, first, size, 0);
      memcpy(to + header, payload, size);
      frames.echoed_each = header + size;
    }
    frames.echoed_bytes += frames.echoed_each;
  }
  free(payload);
  free(compressed);
  return frames;
}

/* -------------------------------------------------------------- connections */

typedef struct {
  uint8_t *bytes;
  size_t start, end, room;
} Queue;

static void append(Queue *queue, const void *bytes, size_t length) {
  if (queue->start == queue->end) queue->start = queue->end = 0;
  if (queue->end + length > queue->room) {
    memmove(queue->bytes, queue->bytes + queue->start, queue->end - queue->start);
    queue->end -= queue->start;
    queue->start = 0;
    if (queue->end + length > queue->room) {
      queue->room = 2 * (queue->end + length);
      queue->bytes = realloc(queue->bytes, queue->room);
      if (!queue->bytes) fail(1, "out of memory");
    }
  }
  memcpy(queue->bytes + queue->end, bytes, length);
  queue->end += length;
}

enum state { connecting, securing, upgrading, open_, closed };

typedef struct {
  int fd;
  enum state state;
  SSL *ssl;
  Queue in, out;              /* TLS records, as they came and as they will leave: one system call for many. */
  char head[8192];            /* The response, as far as it came. */
  size_t head_length;
  uint64_t sent_bytes, echoed_bytes, sent, echoed; /* Bytes and messages, all of them. */
  size_t sent_at, echoed_at;  /* Where in the ring of frames. */
  uint64_t *stamps;           /* When each message in flight was given to the socket. */
  size_t stamps_count;
  uint64_t started;
  uint64_t window;            /* Bytes that may be in flight. */
  int packed;
  uint8_t *message;           /* A compressed echo that is being put together. */
  size_t message_length;
} Connection;

static SSL_CTX *context;
static SSL_SESSION *session;
static Histogram histogram;
static Frames frames;
static int may_send = 1;

/* A BIO over the two queues, so that many records are read or written by one system call. */
static int queue_write(BIO *bio, const char *bytes, int length) {
  append(&((Connection *)BIO_get_data(bio))->out, bytes, (size_t)length);
  return length;
}
static int queue_read(BIO *bio, char *bytes, int length) {
  Queue *in = &((Connection *)BIO_get_data(bio))->in;
  size_t there = in->end - in->start;
  BIO_clear_retry_flags(bio);
  if (there == 0) {
    BIO_set_retry_read(bio);
    return -1;
  }
  if ((size_t)length > there) length = (int)there;
  memcpy(bytes, in->bytes + in->start, (size_t)length);
  in->start += (size_t)length;
  return length;
}
static long queue_control(BIO *bio, int command, long number, void *pointer) {
  (void)bio, (void)number, (void)pointer;
  return command == BIO_CTRL_FLUSH || command == BIO_CTRL_DUP;
}
static BIO_METHOD *queue_method(void) {
  static BIO_METHOD *method;
  if (!method) {
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "queues");
    BIO_meth_set_write(method, queue_write);
    BIO_meth_set_read(method, queue_read);
    BIO_meth_set_ctrl(method, queue_control);
  }
  return method;
}

static int keep_session(SSL *ssl, SSL_SESSION *given) {
  (void)ssl;
  if (session) SSL_SESSION_free(session);
  session = given;
  return 1;
}

static const char *tls_error(void) {
  static char text[256];
  ERR_error_string_n(ERR_get_error(), text, sizeof text);
  return text;
}

static void make_context(int server) {
  context = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
  int version = options.tls12 ? TLS1_2_VERSION : TLS1_3_VERSION;
  SSL_CTX_set_min_proto_version(context, version);
  SSL_CTX_set_max_proto_version(context, version);
  SSL_CTX_set_ciphersuites(context, "TLS_AES_256_GCM_SHA384");
  if (!server) SSL_CTX_set_cipher_list(context, "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384");
  SSL_CTX_set1_groups_list(context, "P-256:X25519");
  if (SSL_CTX_load_verify_locations(context, options.ca, NULL) != 1) fail(2, "%s: %s", options.ca, tls_error());
  if (SSL_CTX_use_certificate_chain_file(context, options.cert) != 1) fail(2, "%s: %s", options.cert, tls_error());
  if (SSL_CTX_use_PrivateKey_file(context, options.key, SSL_FILETYPE_PEM) != 1)
    fail(2, "%s: %s", options.key, tls_error());
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  if (!server && options.resumed) {
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    SSL_CTX_sess_set_new_cb(context, keep_session);
  }
}

static void start(Connection *connection) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)options.port)};
  int yes = 1;
  inet_pton(AF_INET, options.host, &address.sin_addr);
  connection->started = nanoseconds();
  connection->fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connection->fd < 0) fail(1, "socket: %s", strerror(errno));
  if (connect(connection->fd, (struct sockaddr *)&address, sizeof address) < 0)
    fail(1, "connect to port %d: %s", options.port, strerror(errno));
  setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  fcntl(connection->fd, F_SETFL, O_NONBLOCK);
  connection->ssl = SSL_new(context);
  BIO *bio = BIO_new(queue_method());
  BIO_set_data(bio, connection);
  BIO_set_init(bio, 1);
  SSL_set_bio(connection->ssl, bio, bio);
  SSL_set_tlsext_host_name(connection->ssl, "localhost");
  SSL_set_alpn_protos(connection->ssl, (const uint8_t *)"\x08http/1.1", 9);
  if (session) SSL_set_session(connection->ssl, session);
  SSL_set_connect_state(connection->ssl);
  connection->state = securing;
}

static void stop(Connection *connection) {
  SSL_shutdown(connection->ssl);
  if (connection->out.end > connection->out.start) {
    ssize_t ignored = send(connection->fd, connection->out.bytes + connection->out.start,
                           connection->out.end - connection->out.start, MSG_NOSIGNAL);
    (void)ignored;
  }
  SSL_free(connection->ssl);
  close(connection->fd);
  connection->in.start = connection->in.end = connection->out.start = connection->out.end = 0;
  connection->state = closed;
  connection->head_length = 0;
}

/* Writes what waits; returns whether all of it left. */
static int flush_out(Connection *connection) {
  Queue *out = &connection->out;
  while (out->start < out->end) {
    ssize_t sent = send(connection->fd, out->bytes + out->start, out->end - out->start, MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno == EAGAIN) return 0;
      fail(1, "the server cut the connection (%s)", strerror(errno));
    }
    out->start += (size_t)sent;
  }
  return 1;
}

static void put(Connection *connection, const uint8_t *bytes, size_t length) {
  while (length > 0) {
    int written = SSL_write(connection->ssl, bytes, (int)length);
    if (written <= 0) fail(1, "SSL_write: %s", tls_error());
    bytes += written;
    length -= (size_t)written;
  }
}

/* Gives the socket what the window allows. */
static void send_messages(Connection *connection) {
  uint64_t now = 0;
  while (may_send) {
    size_t length, left = frames.sent_bytes - connection->sent_at;
    /* In messages for the far side too: an echo has fewer bytes. */
    uint64_t in_flight = connection->sent_bytes - connection->echoed * frames.sent_each;
    if (connection->packed) {
      length = left < record_bytes ? left : record_bytes;
      if (frames.sent_each > record_bytes) length = frames.sent_each;
      if (in_flight + length > connection->window) break;
    } else {
      length = frames.sent_each;
      if (connection->sent - connection->echoed >= connection->window / frames.sent_each) break;
    }
    /* A megabyte that waits in front of the kernel is enough. */
    if (connection->out.end - connection->out.start > 1024 * 1024) break;
    if (now == 0) now = nanoseconds();
    put(connection, frames.sent + connection->sent_at, length);
    connection->sent_at = (connection->sent_at + length) % frames.sent_bytes;
    connection->sent_bytes += length;
    uint64_t sent = connection->sent_bytes / frames.sent_each;
    while (connection->sent < sent) connection->stamps[connection->sent++ % connection->stamps_count] = now;
  }
}

static void came_back(Connection *connection, uint64_t messages, uint64_t now) {
  while (connection->echoed < messages)
    record(&histogram, now - connection->stamps[connection->echoed++ % connection->stamps_count]);
}

static void compare(Connection *connection, const uint8_t *bytes, size_t length, uint64_t now) {
  while (length > 0) {
    size_t left = frames.echoed_bytes - connection->echoed_at, part = length < left ? length : left;
    const uint8_t *expected = frames.echoed + connection->echoed_at;
    if (memcmp(bytes, expected, part) != 0) {
      size_t i = 0;
      while (bytes[i] == expected[i]) i++;
      fail(1, "the echo differs at byte %llu of the connection: 0x%02x came, 0x%02x expected",
           (unsigned long long)(connection->echoed_bytes + i), bytes[i], expected[i]);
    }
    bytes += part;
    length -= part;
    connection->echoed_bytes += part;
    connection->echoed_at = (connection->echoed_at + part) % frames.echoed_bytes;
  }
  came_back(connection, connection->echoed_bytes / frames.echoed_each, now);
}

/* A compressed echo need not have the bytes of what was sent: it is inflated, and the payload compared. */
static void compare_deflated(Connection *connection, const uint8_t *bytes, size_t length, uint64_t now) {
  size_t room = 2 * options.size + 64;
  while (length > 0) {
    if (!connection->message) connection->message = allocate(room + 14);
    connection->message[connection->message_length++] = *bytes++;
    length--;
    if (connection->message_length < 2) continue;
    size_t header = 2, payload = connection->message[1] & 127;
    if (payload == 126) {
      if (connection->message_length < (header = 4)) continue;
      payload = (size_t)connection->message[2] << 8 | connection->message[3];
    } else if (payload == 127) {
      if (connection->message_length < (header = 10)) continue;
      payload = 0;
      for (int i = 2; i < 10; i++) payload = payload << 8 | connection->message[i];
    }
    if (payload > room) fail(1, "a compressed echo announces %zu bytes", payload);
    size_t more = header + payload - connection->message_length;
    if (more > length) more = length;
    memcpy(connection->message + connection->message_length, bytes, more);
    connection->message_length += more;
    bytes += more;
    length -= more;
    if (connection->message_length < header + payload) continue;
    uint8_t *inflated = allocate(options.size + 1);
    size_t size = payload;
    if (connection->message[0] & 0x40) {
      static const uint8_t tail[4] = {0, 0, 255, 255};
      z_stream stream = {0};
      if (inflateInit2(&stream, -15) != Z_OK) fail(1, "inflateInit2 failed");
      stream.next_out = inflated;
      stream.avail_out = (uInt)options.size + 1;
      stream.next_in = connection->message + header;
      stream.avail_in = (uInt)payload;
      int status = inflate(&stream, Z_NO_FLUSH);
      stream.next_in = (uint8_t *)tail;
      stream.avail_in = 4;
      if (status == Z_OK || status == Z_BUF_ERROR) status = inflate(&stream, Z_SYNC_FLUSH);
      size = stream.total_out;
      inflateEnd(&stream);
    } else if (size == options.size) {
      memcpy(inflated, connection->message + header, size);
    }
    if (size != options.size || memcmp(inflated, frames.echoed + connection->echoed_at, size) != 0)
      fail(1, "the compressed echo of message %llu differs", (unsigned long long)connection->echoed);
    free(inflated);
    connection->message_length = 0;
    connection->echoed_at = (connection->echoed_at + options.size) % frames.echoed_bytes;
    came_back(connection, connection->echoed + 1, now);
  }
}

static void ask(Connection *connection) {
  char request[1024];
  int length = snprintf(request, sizeof request,
                        "GET %s HTTP/1.1\r\nHost: localhost:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n%s\r\n",
                        options.path, options.port,
                        options.deflate ? "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; "
                                          "client_no_context_takeover\r\n"
                                        : "");
  put(connection, (const uint8_t *)request, (size_t)length);
}

/* Takes the head of the response, or the first byte of a raw server; returns how many of the bytes it was. */
static size_t take_head(Connection *connection, const uint8_t *bytes, size_t length) {
  size_t used = 0;
  while (used < length) {
    if (connection->head_length == sizeof connection->head - 1) fail(1, "the response has too long a head");
    connection->head[connection->head_length++] = (char)bytes[used++];
    if (options.raw) {
      if (connection->head[0] != '+') fail(1, "a raw server sends + first");
    } else if (connection->head_length < 4 ||
               memcmp(connection->head + connection->head_length - 4, "\r\n\r\n", 4) != 0) {
      continue;
    } else {
      connection->head[connection->head_length] = '\0';
      if (strncmp(connection->head, "HTTP/1.1 101 ", 13) != 0)
        fail(1, "the server answered %.*s", (int)strcspn(connection->head, "\r\n"), connection->head);
      /* The answer to the key of RFC 6455 §1.3. */
      if (!strstr(connection->head, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")) fail(1, "the server answered with a wrong accept key");
      if (options.deflate && !strcasestr(connection->head, "permessage-deflate"))
        fail(1, "the server did not agree to permessage-deflate");
    }
    connection->state = open_;
    break;
  }
  return used;
}

static uint8_t plaintext[256 * 1024];

/* Does all that can be done on a connection now; returns whether anything happened. */
static int serve(Connection *connection) {
  static uint8_t bytes[read_bytes];
  int happened = 0;
  ssize_t received = recv(connection->fd, bytes, sizeof bytes, 0);
  if (received == 0) fail(1, "the server ended the connection");
  if (received < 0 && errno != EAGAIN) fail(1, "the server cut the connection (%s)", strerror(errno));
  if (received > 0) {
    append(&connection->in, bytes, (size_t)received);
    happened = 1;
  }
  if (connection->state == securing) {
    int result = SSL_do_handshake(connection->ssl);
    if (result == 1) {
      connection->state = upgrading;
      if (!options.raw) ask(connection);
    } else if (SSL_get_error(connection->ssl, result) != SSL_ERROR_WANT_READ) {
      fail(1, "the TLS handshake failed: %s", tls_error());
    }
  }
  if (connection->state >= upgrading) {
    uint64_t now = nanoseconds();
    for (;;) {
      int length = SSL_read(connection->ssl, plaintext, sizeof plaintext);
      if (length <= 0) {
        int error = SSL_get_error(connection->ssl, length);
        if (error == SSL_ERROR_WANT_READ) break;
        fail(1, "the server ended the connection (%s)", error == SSL_ERROR_ZERO_RETURN ? "close_notify" : tls_error());
      }
      size_t used = connection->state == upgrading ? take_head(connection, plaintext, (size_t)length) : 0;
      if ((size_t)length > used) {
        if (options.deflate) compare_deflated(connection, plaintext + used, (size_t)length - used, now);
        else compare(connection, plaintext + used, (size_t)length - used, now);
      }
    }
  }
  if (connection->state == open_ && connection->window > 0) send_messages(connection);
  flush_out(connection);
  return happened;
}

/* Waits until something can be done on one of the connections, and does it. */
static void turn(Connection *connections, int count, int timeout) {
  static struct pollfd *polled;
  static int polled_count;
  static uint64_t last;
  if (polled_count < count) {
    polled = realloc(polled, (size_t)count * sizeof *polled);
    polled_count = count;
  }
  for (int i = 0; i < count; i++) {
    polled[i].fd = connections[i].state == closed ? -1 : connections[i].fd;
    polled[i].events = (short)(POLLIN | (connections[i].out.end > connections[i].out.start ? POLLOUT : 0));
  }
  int ready = poll(polled, (nfds_t)count, timeout);
  uint64_t now = nanoseconds();
  if (ready > 0 || last == 0 || timeout == 0) last = now;
  else if (now - last > (uint64_t)stall_ms * 1000000u) fail(1, "nothing came for %d s", stall_ms / 1000);
  for (int i = 0; i < count; i++)
    if (polled[i].fd >= 0 && polled[i].revents) serve(&connections[i]);
}

/* ----------------------------------------------------------------- commands */

static void open_all(Connection *connections, int count) {
  /* So many at a time: the queue of a server that listens is not endless. */
  enum { at_once = 64 };
  for (int first = 0; first < count; first += at_once) {
    int last = first + at_once < count ? first + at_once : count;
    for (int i = first; i < last; i++) {
      start(&connections[i]);
      serve(&connections[i]);
    }
    for (int ready = 0; !ready;) {
      turn(connections + first, last - first, 1000);
      ready = 1;
      for (int i = first; i < last; i++) ready &= connections[i].state == open_;
    }
  }
}

static void let_send(Connection *connection, int in_flight, int packed) {
  connection->window = (uint64_t)in_flight * frames.sent_each;
  connection->packed = packed;
  if (packed && connection->window < 2 * record_bytes) connection->window = 2 * record_bytes;
  if (packed && connection->window < 2 * frames.sent_each) connection->window = 2 * frames.sent_each;
  connection->stamps_count = (size_t)(connection->window / frames.sent_each) + 2;
  connection->stamps = allocate(connection->stamps_count * sizeof *connection->stamps);
}

static uint64_t all_echoed(const Connection *connections, int count) {
  uint64_t sum = 0;
  for (int i = 0; i < count; i++) sum += connections[i].echoed;
  return sum;
}

static void run_for(Connection *connections, int count, double seconds) {
  uint64_t end = nanoseconds() + (uint64_t)(seconds * 1e9);
  while (nanoseconds() < end) turn(connections, count, 100);
}

static void begin(Connection *connections, int count) {
  for (int i = 0; i < count; i++) {
    send_messages(&connections[i]);
    flush_out(&connections[i]);
  }
}

static void echo(void) {
  int count = options.connections;
  Connection *connections = allocate((size_t)count * sizeof *connections);
  frames = make_frames();
  open_all(connections, count);
  for (int i = 0; i < count; i++) let_send(&connections[i], options.in_flight, options.packed);
  begin(connections, count);
  run_for(connections, count, options.warmup);
  memset(&histogram, 0, sizeof histogram);
  uint64_t echoed = all_echoed(connections, count), started = nanoseconds();
  uint64_t cpu = cpu_of(options.pid), own = cpu_of(getpid());
  run_for(connections, count, options.seconds);
  cpu = cpu_of(options.pid) - cpu;
  own = cpu_of(getpid()) - own;
  echoed = all_echoed(connections, count) - echoed;
  if (echoed == 0) fail(1, "nothing came back");
  printf("{\"generator\":\"c\",\"messages\":%llu,\"bytes\":%llu,\"seconds\":%.6f,\"cpuNs\":%llu,\"loadCpuNs\":%llu,",
         (unsigned long long)echoed, (unsigned long long)(echoed * options.size),
         (double)(nanoseconds() - started) / 1e9, (unsigned long long)cpu, (unsigned long long)own);
  print_latency(&histogram);
  puts("}");
}

static void flood(void) {
  int count = options.connections;
  Connection *connections = allocate((size_t)(count + 1) * sizeof *connections);
  frames = make_frames();
  open_all(connections, count + 1);
  for (int i = 0; i < count; i++) let_send(&connections[i], 1, 0);
  begin(connections, count);
  printf("{\"generator\":\"c\",\"connections\":%d", count);
  for (int flooded = 0; flooded < 2; flooded++) {
    if (flooded) {
      let_send(&connections[count], 1 + (int)(1024 * 1024 / frames.sent_each), 1);
      begin(&connections[count], 1);
    }
    run_for(connections, count + flooded, options.warmup);
    Histogram *quiet = allocate(sizeof *quiet);
    uint64_t echoed = all_echoed(connections, count), flood_echoed = connections[count].echoed;
    uint64_t started = nanoseconds(), end = started + (uint64_t)(options.seconds * 1e9);
    memset(&histogram, 0, sizeof histogram);
    while (nanoseconds() < end) {
      /* The latencies of the flooding connection are its own affair. */
      turn(connections, count, 0);
      if (flooded) {
        *quiet = histogram;
        turn(&connections[count], 1, 0);
        histogram = *quiet;
      }
    }
    double seconds = (double)(nanoseconds() - started) / 1e9;
    printf(",\"%s\":{\"perSecond\":%.0f,\"floodPerSecond\":%.0f,", flooded ? "flooded" : "quiet",
           (double)(all_echoed(connections, count) - echoed) / seconds,
           (double)(connections[count].echoed - flood_echoed) / seconds);
    print_latency(&histogram);
    putchar('}');
    free(quiet);
  }
  puts("}");
}

static void handshake(void) {
  int slots = options.concurrency, done = 0, started_count = 0, resumed = 0;
  int total = options.warmup_count + options.count;
  Connection *connections = allocate((size_t)slots * sizeof *connections);
  uint64_t started = 0, cpu = 0;
  for (int i = 0; i < slots; i++) connections[i].state = closed;
  while (done < total) {
    for (int i = 0; i < slots && started_count < total; i++) {
      if (connections[i].state != closed) continue;
      if (started_count++ == options.warmup_count) {
        memset(&histogram, 0, sizeof histogram);
        started = nanoseconds();
        cpu = cpu_of(options.pid);
        resumed = 0;
      }
      start(&connections[i]);
      serve(&connections[i]);
    }
    turn(connections, slots, 1000);
    for (int i = 0; i < slots; i++) {
      if (connections[i].state != open_) continue;
      record(&histogram, nanoseconds() - connections[i].started);
      resumed += SSL_session_reused(connections[i].ssl);
      stop(&connections[i]);
      done++;
    }
  }
  /* What the server still does for the last of them belongs to it. */
  usleep(50000);
  cpu = cpu_of(options.pid) - cpu;
  if (options.resumed && resumed == 0) fail(1, "no session was resumed");
  printf("{\"generator\":\"c\",\"count\":%d,\"resumed\":%d,\"seconds\":%.6f,\"cpuNs\":%llu,", options.count, resumed,
         (double)(nanoseconds() - started) / 1e9 - .05, (unsigned long long)cpu);
  print_latency(&histogram);
  puts("}");
}

static void wait_for_line(void) {
  char line[100];
  fflush(stdout);
  if (!fgets(line, sizeof line, stdin)) exit(0);
}

static void idle(void) {
  int count = options.connections;
  Connection *connections = allocate((size_t)count * sizeof *connections);
  frames = make_frames();
  open_all(connections, count);
  usleep(300000);
  printf("{\"event\":\"open\",\"rssKib\":%ld}\n", rss_of(options.pid));
  wait_for_line();
  for (int i = 0; i < count; i++) let_send(&connections[i], 1, 0);
  for (int i = 0; i < count; i++) {
    send_messages(&connections[i]);
    flush_out(&connections[i]);
    connections[i].window = 0;
    while (connections[i].echoed == 0) turn(&connections[i], 1, 100);
  }
  usleep(300000);
  printf("{\"event\":\"echoed\",\"rssKib\":%ld}\n", rss_of(options.pid));
  wait_for_line();
}

/* ------------------------------------------------------------ sink (server) */

static void read_exactly(SSL *ssl, uint8_t *to, size_t length) {
  while (length > 0) {
    int got = SSL_read(ssl, to, (int)(length < (1 << 30) ? length : 1 << 30));
    if (got <= 0) fail(1, "the client ended within a frame");
    to += got;
    length -= (size_t)got;
  }
}

/* Byte i of a message is i modulo 251, or for text a letter; so that the sink can check what it is sent. */
static void check_payload(const uint8_t *payload, size_t from, size_t length, const uint8_t *key, size_t phase, int text) {
  for (size_t i = 0; i < length; i++) {
    uint8_t byte = payload[i] ^ key[(phase + i) & 3];
    size_t at = from + i;
    if (byte != (text ? (uint8_t)('a' + at % 26) : (uint8_t)(at % 251)))
      fail(1, "byte %zu of a message is 0x%02x, which is not what was agreed on", at, byte);
  }
}

static void sink_frames(SSL *ssl) {
  static uint8_t bytes[1024 * 1024];
  uint64_t messages = 0, total = 0, checked = 0;
  size_t start = 0, end = 0, message_at = 0;
  int text = 0;
  for (;;) {
    if (start > 0) memmove(bytes, bytes + start, end - start), end -= start, start = 0;
    int got = SSL_read(ssl, bytes + end, (int)(sizeof bytes - end));
    if (got <= 0) break;
    end += (size_t)got;
    for (;;) {
      size_t there = end - start, header = 6;
      uint8_t *frame = bytes + start;
      if (there < 6) break;
      size_t length = frame[1] & 127;
      if (length == 126) {
        length = (size_t)frame[2] << 8 | frame[3];
        header = 8;
      } else if (length == 127) {
        if (there < 14) break;
        length = 0;
        for (int i = 2; i < 10; i++) length = length << 8 | frame[i];
        header = 14;
      }
      if (there < header) break;
      if (!(frame[1] & 0x80)) fail(1, "a frame of the client is not masked");
      int opcode = frame[0] & 15;
      uint8_t key[4];
      memcpy(key, frame + header - 4, 4);
      size_t in_hand = there - header < length ? there - header : length;
      if (length > sizeof bytes / 2 || in_hand == length) {
        if (opcode == 1 || opcode == 2) text = opcode == 1, message_at = 0;
        /* One message in 64 is looked at byte by byte: the sink must not be what is measured. */
        int looks = opcode < 8 && messages % 64 == 0;
        if (looks) check_payload(frame + header, message_at, in_hand, key, 0, text), checked++;
        start += header + in_hand;
        for (size_t left = length - in_hand, phase = in_hand; left > 0;) {
          static uint8_t rest[65536];
          size_t part = left < sizeof rest ? left : sizeof rest;
          read_exactly(ssl, rest, part);
          if (looks) check_payload(rest, message_at + phase, part, key, phase, text);
          left -= part;
          phase += part;
        }
        if (opcode == 8) {
          uint8_t answer[4] = {0x88, 2, 3, 232};
          SSL_write(ssl, answer, 4);
          goto done;
        }
        if (opcode < 8) {
          total += length;
          message_at += length;
          if (frame[0] & 0x80) messages++;
        }
      } else {
        break;
      }
    }
  }
done:
  printf("{\"messages\":%llu,\"bytes\":%llu,\"checked\":%llu}\n", (unsigned long long)messages,
         (unsigned long long)total, (unsigned long long)checked);
}

static void sink_connection(int fd) {
  SSL *ssl = SSL_new(context);
  static uint8_t bytes[65536];
  char head[8192];
  size_t length = 0;
  SSL_set_fd(ssl, fd);
  if (SSL_accept(ssl) != 1) {
    fprintf(stderr, "load: a client was refused: %s\n", tls_error());
  } else if (options.raw) {
    uint64_t total = 0;
    SSL_write(ssl, "+", 1);
    for (int got; (got = SSL_read(ssl, bytes, sizeof bytes)) > 0;) total += (uint64_t)got;
    printf("{\"messages\":0,\"bytes\":%llu}\n", (unsigned long long)total);
  } else {
    while (length < sizeof head - 1 && (length < 4 || memcmp(head + length - 4, "\r\n\r\n", 4) != 0)) {
      if (SSL_read(ssl, head + length, 1) != 1) break;
      length++;
    }
    head[length] = '\0';
    char *key = strcasestr(head, "sec-websocket-key:");
    if (key) {
      uint8_t hash[64], encoded[64];
      unsigned size;
      char answer[300], joined[128];
      key += 18;
      key += strspn(key, " ");
      snprintf(joined, sizeof joined, "%.*s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", (int)strcspn(key, "\r\n "), key);
      EVP_Digest(joined, strlen(joined), hash, &size, EVP_sha1(), NULL);
      EVP_EncodeBlock(encoded, hash, (int)size);
      int written = snprintf(answer, sizeof answer,
                             "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             "Sec-WebSocket-Accept: %s\r\n\r\n",
                             encoded);
      SSL_write(ssl, answer, written);
      sink_frames(ssl);
    }
  }
  fflush(stdout);
  SSL_shutdown(ssl);
  SSL_free(ssl);
  close(fd);
}

static int select_alpn(SSL *ssl, const unsigned char **out, unsigned char *length, const unsigned char *in,
                       unsigned in_length, void *unused) {
  (void)ssl, (void)unused;
  return SSL_select_next_proto((unsigned char **)out, length, (const unsigned char *)"\x08http/1.1", 9, in, in_length) ==
                 OPENSSL_NPN_NEGOTIATED
             ? SSL_TLSEXT_ERR_OK
             : SSL_TLSEXT_ERR_NOACK;
}

static void sink(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)options.port)};
  socklen_t length = sizeof address;
  int yes = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
  make_context(1);
  SSL_CTX_set_alpn_select_cb(context, select_alpn, NULL);
  inet_pton(AF_INET, options.host, &address.sin_addr);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 128) < 0)
    fail(1, "listen: %s", strerror(errno));
  getsockname(fd, (struct sockaddr *)&address, &length);
  printf("listening on wss://%s:%d\n", options.host, ntohs(address.sin_port));
  fflush(stdout);
  for (;;) {
    int client = accept(fd, NULL, NULL);
    if (client < 0) fail(1, "accept: %s", strerror(errno));
    setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    sink_connection(client);
  }
}

int main(int argc, char **argv) {
  static const struct {
    const char *name;
    void (*run)(void);
  } commands[] = {{"echo", echo}, {"handshake", handshake}, {"idle", idle}, {"flood", flood}};
  if (argc < 2 || strcmp(argv[1], "--help") == 0) {
    fputs(usage, argc < 2 ? stderr : stdout);
    return argc < 2 ? 2 : 0;
  }
  const char *command = argv[1];
  parse(argc - 1, argv + 1);
  if (strcmp(command, "sink") == 0) {
    sink();
    return 0;
  }
  for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
    if (strcmp(command, commands[i].name) != 0) continue;
    if (options.port == 0) fail(2, "--port is needed");
    make_context(0);
    commands[i].run();
    return 0;
  }
  fail(2, "there is no command '%s'; load --help tells which there are", command);
}
