/* An echo server on libwebsockets, started as `mtls-ws serve` is. A message goes back as one frame. */
#include <getopt.h>
#include <libwebsockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Messages that wait to be sent back, as one list; the last one may still be coming. */
struct message {
  struct message *next;
  size_t length;
  int binary, whole;
  unsigned char *bytes;
};
struct connection {
  struct message *first, *last;
  size_t held;
};

static void forget_first(struct connection *connection) {
  struct message *message = connection->first;
  connection->held -= message->length;
  connection->first = message->next;
  if (!connection->first) connection->last = NULL;
  free(message->bytes);
  free(message);
}

static int echo(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t length) {
  struct connection *connection = user;
  switch (reason) {
    case LWS_CALLBACK_ESTABLISHED:
      memset(connection, 0, sizeof *connection);
      break;
    case LWS_CALLBACK_RECEIVE: {
      struct message *message = connection->last;
      if (!message || message->whole) {
        message = calloc(1, sizeof *message);
        if (!message) return -1;
        message->binary = lws_frame_is_binary(wsi);
        if (connection->last) connection->last->next = message;
        else connection->first = message;
        connection->last = message;
      }
      size_t room = LWS_PRE + message->length + length + lws_remaining_packet_payload(wsi);
      unsigned char *bytes = message->length == 0 ? malloc(room) : realloc(message->bytes, room);
      if (!bytes) return -1;
      message->bytes = bytes;
      memcpy(bytes + LWS_PRE + message->length, in, length);
      message->length += length;
      connection->held += length;
      message->whole = lws_is_final_fragment(wsi);
      if (connection->held > 4 << 20) lws_rx_flow_control(wsi, 0);
      if (message->whole) lws_callback_on_writable(wsi);
      break;
    }
    case LWS_CALLBACK_SERVER_WRITEABLE: {
      struct message *message = connection->first;
      if (!message || !message->whole) break;
      enum lws_write_protocol kind = message->binary ? LWS_WRITE_BINARY : LWS_WRITE_TEXT;
      if (lws_write(wsi, message->bytes + LWS_PRE, message->length, kind) < 0) return -1;
      forget_first(connection);
      if (connection->first && connection->first->whole) lws_callback_on_writable(wsi);
      if (connection->held <= 4 << 20) lws_rx_flow_control(wsi, 1);
      break;
    }
    case LWS_CALLBACK_CLOSED:
      while (connection->first) forget_first(connection);
      break;
    default:
      break;
  }
  return 0;
}

int main(int argc, char **argv) {
  static const struct lws_protocols protocols[] = {{"echo", echo, sizeof(struct connection), 65536, 0, NULL, 0},
                                                   {NULL, NULL, 0, 0, 0, NULL, 0}};
  static const struct option names[] = {{"port", 1, 0, 'p'}, {"ca", 1, 0, 'a'},      {"cert", 1, 0, 'c'}, {"key", 1, 0, 'k'},
                                        {"min-tls", 1, 0, 'm'}, {"session-resumption", 0, 0, 's'}, {"compress", 0, 0, 'd'}, {0, 0, 0, 0}};
  struct lws_context_creation_info info = {0};
  int letter;
  info.ssl_options_set = SSL_OP_NO_TLSv1_2 | SSL_OP_NO_TICKET;
  while ((letter = getopt_long(argc, argv, "", names, NULL)) != -1) {
    switch (letter) {
      case 'p': info.port = atoi(optarg); break;
      case 'a': info.ssl_ca_filepath = optarg; break;
      case 'c': info.ssl_cert_filepath = optarg; break;
      case 'k': info.ssl_private_key_filepath = optarg; break;
      case 'm': if (strcmp(optarg, "1.2") == 0) info.ssl_options_set &= ~(long)SSL_OP_NO_TLSv1_2; break;
      case 's': info.ssl_options_set &= ~(long)SSL_OP_NO_TICKET; break;
      default: break;
    }
  }
  info.iface = "127.0.0.1";
  info.protocols = protocols;
  info.options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT | LWS_SERVER_OPTION_REQUIRE_VALID_OPENSSL_CLIENT_CERT;
  lws_set_log_level(LLL_ERR, NULL);
  struct lws_context *context = lws_create_context(&info);
  if (!context) return 1;
  struct lws_vhost *host = lws_get_vhost_by_name(context, "default");
  printf("listening on wss://127.0.0.1:%d\n", lws_get_vhost_listen_port(host));
  fflush(stdout);
  while (lws_service(context, 0) >= 0) {
  }
  lws_context_destroy(context);
  return 0;
}
