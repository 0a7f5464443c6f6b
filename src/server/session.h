/*
 * session.h - the protocol machine of SMTP and LMTP, without a socket.
 *
 * Bytes go in, replies come out, and what the session wants next can be asked: it is
 * driven by a connection, or by a test from a byte array. Whoever drives it calls one of
 * the functions below, then sends and clears session_output(), and looks at
 * session_wants(). The result does not depend on how the input is cut. Answers that take
 * time (the commit, a handshake, room in the draft) are reported back by a call of their
 * own; until then no input is used, so that no reply of a pipelined command can overtake
 * them. Loop thread only.
 */
#ifndef SERVER_SESSION_H
#define SERVER_SESSION_H

#include "settings.h"

#include "tdc/base/buf.h"
#include "tdc/base/clock.h"
#include "tdc/base/span.h"
#include "tdc/mime/scan.h"
#include "tdc/store/spool.h"
#include "tdc/tls/tls.h"

struct session;

/* What the session needs of the world: custody, in its own words. */
struct session_host_ops {
	uint64_t (*next_mid)(void *host);
	int (*draft_new)(void *host, uint64_t size_hint, struct spool_draft **ret,
			 struct err *e);
	int (*draft_append)(void *host, struct spool_draft *d, const char *p, size_t n,
			    struct err *e);
	/* True: session_room() is called once, later. */
	bool (*draft_is_full)(void *host, struct spool_draft *d);
	void (*draft_free)(void *host, struct spool_draft *d);
	size_t (*decide)(void *host, const struct spool_message *m,
			 const struct body_facts *facts, struct mime_names field_names,
			 struct spool_plan plans[SPOOL_PLANS_MAX]);
	/* Takes the draft. session_committed() is called once, never from inside. */
	void (*commit)(void *host, struct spool_draft *d, struct spool_message *m,
		       const struct body_facts *facts, const struct spool_plan *plans,
		       size_t n);
	/* A message was refused with a 5xx: a line of the account. */
	void (*refused)(void *host);
};

struct session_settings {
	struct listener_config *config;
	uint64_t icid;
	const char *client_address; /* host only; copied */
	const struct clock *clock;
	const uint8_t *secret; /* of the spool: tells its own loop marks; borrowed */
};

/* Takes a reference to the configuration. The greeting is in the output. */
int session_new(const struct session_settings *settings,
		const struct session_host_ops *ops, void *host, struct session **ret,
		struct err *e);
/* A draft that was not committed is freed; a pending commit must be forgotten by the
 * host. */
void session_free(struct session *s);

enum session_wants {
	SESSION_WANTS_INPUT,
	SESSION_WANTS_ROOM,   /* session_room()                           */
	SESSION_WANTS_COMMIT, /* session_committed()                      */
	SESSION_WANTS_TLS,    /* when the output is out: session_tls_done() */
	SESSION_WANTS_CLOSE,  /* send the output, close                   */
};
enum session_wants session_wants(const struct session *s);
/* When it has failed (no memory), a reply is missing: the connection must be closed. */
struct buf *session_output(struct session *s);
/* True when the deadline is to be set anew: *ms from now, 0 = none. */
bool session_take_deadline(struct session *s, int64_t *ms);

/* Uses what it can and returns how much that was. Call again, also with nothing, until
 * it uses nothing; what was not used comes again with more behind it. */
size_t session_input(struct session *s, struct span input);
void session_room(struct session *s);
void session_committed(struct session *s,
		       const struct err *e); /* e == NULL: custody is ours */
void session_tls_done(struct session *s, const struct tls_facts *facts,
		      const struct err *e);
/* Instead of a handshake: bytes came behind STARTTLS in the clear. */
void session_tls_injected(struct session *s);
void session_timeout(struct session *s);
/* End of file, or (e != NULL) a broken connection. A pending commit is still waited
 * for. */
void session_lost(struct session *s, const struct err *e);
/* We are stopping: 421 as soon as no transaction runs. */
void session_stop(struct session *s);
/* The grace time is over: 421 now, but for a pending commit. */
void session_stop_now(struct session *s);

/* The server ends, and waits for nothing: 250 is not said any more. */
void session_abort(struct session *s);

struct tls_context *
session_tls_context(const struct session *s); /* borrowed; NULL = none */
uint64_t session_icid(const struct session *s);
bool session_is_in_transaction(const struct session *s);
const char *session_state_name(const struct session *s);

#endif
