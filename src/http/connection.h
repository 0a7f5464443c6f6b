/*
 * connection.h - one client of the HTTP server, between the files of src/http.
 */
#ifndef TDC_HTTP_CONNECTION_H
#define TDC_HTTP_CONNECTION_H

#include "chunked.h"
#include "target.h"

#include "tdc/base/list.h"
#include "tdc/loop/loop.h"

/*
 *	IDLE -> HEAD -> BODY -> ANSWERING -> WRITING -> IDLE, or the end
 *
 * What arrives in the last two stays in the stream's buffer.
 */
enum http_phase {
	PHASE_IDLE,
	PHASE_HEAD,
	PHASE_BODY,
	PHASE_ANSWERING, /* the handler has it; no deadline */
	PHASE_WRITING
};

struct http_server {
	struct loop *loop;
	struct listener *listener;
	http_handler_fn *fn;
	void *arg;
	struct list connections; /* of http_connection.node */
	int waiting;             /* accepted, but there is no place for it; or -1 */
	int64_t full_since;      /* loop's ms, while somebody waits in vain; or 0 */
	struct timer look;
};

struct http_connection {
	struct list_node node;
	struct http_server *server;
	struct stream *stream; /* NULL: broken; it only waits for its answer */
	enum http_phase phase;
	/* loop's ms: accepted, or it took something of an answer that we saw */
	int64_t since;
	uint64_t taken; /* bytes that it had taken then */
	struct http_head head;
	struct http_target target;
	struct http_chunked chunked;
	struct buf body;
	struct http_request *request; /* of ANSWERING */
	bool is_eof, closes;
};

struct http_request {
	struct http_connection *connection; /* NULL: the server ended */
	enum http_method method;
	struct http_target target;
	struct buf body;
	const char *allow; /* of 405; borrowed, or NULL */
};

int http_connection_new(struct http_server *s, int fd, struct err *e); /* takes fd */
/* An open request is cut off, and its answer goes nowhere. */
void http_connection_free(struct http_connection *c);
/*
 * It has nothing to lose but its place: for HTTP_SILENT_MS it neither asks for anything
 * nor takes its answer.
 */
bool http_connection_is_silent(struct http_connection *c);
struct http_answer_head;
/* Takes status, type and what is allowed from `a`; fills the others. */
void http_connection_answer(struct http_connection *c, struct http_answer_head *a,
			    struct span body);

#endif
