/*
 * tls.h - TLS for streams: contexts (reloadable), sessions, verification, and the facts
 * for the log.
 *
 * Sessions are transforms of a stream: our own SSL over the stream's buffers, with
 * records of full size and one read per record. Never under TLS 1.2. Contexts are
 * counted by reference: a reload makes a new one, sessions keep theirs. They are made on
 * any thread, with all files read, and handed over; everything else is for the loop
 * thread.
 */
#ifndef TDC_TLS_TLS_H
#define TDC_TLS_TLS_H

#include "tdc/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stream;
struct tls_context;
struct tls_session;

/* How a next hop is authenticated. (DANE, MTA-STS and fingerprints join this enum.) */
enum tls_mode {
	TLS_MODE_REQUIRED, /* encrypted, peer not authenticated */
	TLS_MODE_VERIFY,   /* chain to a trusted root, and the name */
};
const char *tls_mode_name(enum tls_mode m);

struct tls_client_settings {
	const char *ca_file;     /* PEM bundle; NULL = the system's store */
	const char *min_version; /* "1.2" or "1.3"; NULL = 1.2 */
	/* TLS 1.2 cipher list; NULL = OpenSSL's default at level 2 */
	const char *ciphers;
	const char *groups;                      /* NULL = OpenSSL's default */
	const char *certificate_file, *key_file; /* client certificate, both or none */
	size_t sessions_max;                     /* remembered sessions in all; 0 = 256 */
};
struct tls_server_settings {
	const char *certificate_file, *key_file; /* PEM chain and key */
	const char *min_version;
	const char *ciphers;
	const char *groups;
};

int tls_client_context_new(const struct tls_client_settings *s, struct tls_context **ret,
			   struct err *e);
int tls_server_context_new(const struct tls_server_settings *s, struct tls_context **ret,
			   struct err *e);

/* Each setting that cannot be used, by its name in struct tls_client_settings, for those
 * who have to say which; min_version is not looked at. Returns how many it told. */
typedef void tls_fault_fn(void *arg, const char *setting, const struct err *e);
unsigned tls_settings_look(const struct tls_client_settings *s, tls_fault_fn *found,
			   void *arg);

struct tls_context *tls_context_ref(struct tls_context *c);
void tls_context_unref(struct tls_context *c); /* NULL is fine */

enum { TLS_TEXT_MAX = 160 };
struct tls_facts {
	char version[16]; /* "TLSv1.3" */
	char cipher[64];  /* "TLS_AES_256_GCM_SHA384" */
	/* the name that matched, else the certificate's own */
	char peer_name[TLS_TEXT_MAX];
	char issuer[TLS_TEXT_MAX];
	bool is_verified; /* chain and name */
	bool is_resumed;
	/* why not verified, exact: both names on a mismatch, since when expired, which
	 * issuer is unknown; empty when verified */
	char failure[TLS_TEXT_MAX * 2];
};

/*
 * Runs exactly once, from the loop: on success e is NULL and the stream is encrypted; on
 * failure (handshake or verification, the handshake alert already queued) the stream
 * must be closed. It runs before any input of the session is offered. If the connection
 * breaks or ends in the middle of the handshake, the stream's on_error says so instead,
 * and this does not run; nor after stream_close().
 */
typedef void tls_done_fn(void *arg, const struct tls_facts *facts, const struct err *e);

/*
 * Client: sends SNI `name` (not for address literals) and verifies against it as `mode`
 * says. Sessions are remembered under `session_key` (destination and mode) and resumed.
 * Wire bytes received before this call must have been ruled out by the caller
 * (stream_wire_is_clean).
 */
int tls_client_start(struct tls_context *c, struct stream *s, const char *name,
		     enum tls_mode mode, const char *session_key, tls_done_fn *done,
		     void *arg, struct err *e);
int tls_server_start(struct tls_context *c, struct stream *s, tls_done_fn *done,
		     void *arg, struct err *e);

/* In on_eof: true when the peer ended the session itself (close_notify); false when the connection was
 * cut, so that what it sent may be incomplete. */
bool tls_ended_cleanly(const struct stream *s);

/* "protocol TLSv1.3 cipher X", as the mail log has it. */
void tls_facts_format(const struct tls_facts *f, char *text, size_t n);

#endif
