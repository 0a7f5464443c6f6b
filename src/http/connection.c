/*
 * connection.c - from bytes to a request, and from the answer to bytes.
 *
 * A connection that broke while its request is being answered stays, without a stream,
 * until the answer comes: whoever asks and runs away keeps its place as long.
 */
#include "connection.h"

#include "answer.h"

#include "tdc/base/check.h"
#include "tdc/loop/loop.h"
#include "tdc/loop/stream.h"

#include <stdlib.h>
#include <unistd.h>

static void go_on(void *arg);

void
http_connection_free(struct http_connection *c)
{
	list_remove(&c->server->connections, &c->node);
	if (c->request != NULL)
		c->request->connection = NULL;
	stream_close(c->stream);
	http_target_done(&c->target);
	buf_done(&c->body);
	free(c);
}

/* From now on it is silent, until it takes something. */
static void
look_at_progress(struct http_connection *c)
{
	c->taken = stream_bytes_out(c->stream);
	c->since = loop_mono_ms(c->server->loop);
}

bool
http_connection_is_silent(struct http_connection *c)
{
	if (c->phase == PHASE_ANSWERING)
		return false;
	if (c->phase == PHASE_WRITING && stream_bytes_out(c->stream) != c->taken)
		look_at_progress(c);
	return loop_mono_ms(c->server->loop) - c->since >= HTTP_SILENT_MS;
}

/* ---------------------------------------------------------------- answers */

void
http_connection_answer(struct http_connection *c, struct http_answer_head *a,
		       struct span body)
{
	struct buf head;

	if (c->stream == NULL) {
		http_connection_free(c);
		return;
	}
	a->length = body.n;
	a->closes = c->closes;
	a->wall_ms = loop_wall_ms(c->server->loop);
	buf_init(&head, HTTP_ANSWER_HEAD_MAX);
	http_answer_head_write(a, &head);
	bool is_written =
		!head.failed && stream_write(c->stream, buf_span(&head).p, head.n) == 0 &&
		(c->head.is_head || stream_write(c->stream, body.p, body.n) == 0);
	buf_done(&head);
	if (!is_written) {
		http_connection_free(c);
		return;
	}
	c->phase = PHASE_WRITING;
	look_at_progress(c);
	stream_set_deadline(c->stream, HTTP_ANSWER_MS);
}

/* What comes behind it cannot be told from its rest: the connection ends. */
static void
refuse(struct http_connection *c, int status)
{
	struct http_answer_head answer = { .status = status,
					   .content_type = "application/problem+json" };
	struct buf problem;

	buf_init(&problem, HTTP_ANSWER_HEAD_MAX);
	http_problem_write(status, &problem);
	c->closes = true;
	c->head.is_head = false;
	(void)stream_discard_input(c->stream);
	http_connection_answer(c, &answer, buf_span(&problem));
	buf_done(&problem);
}

static void
on_drain(void *arg)
{
	struct http_connection *c = arg;

	if (c->phase != PHASE_WRITING || stream_output_queued(c->stream) > 0)
		return;
	if (c->closes) {
		http_connection_free(c);
		return;
	}
	c->phase = PHASE_IDLE;
	look_at_progress(c);
	stream_set_deadline(c->stream, HTTP_IDLE_MS);
	stream_resume(c->stream); /* the next one may be there already */
	if (c->is_eof && stream_input(c->stream).n == 0)
		http_connection_free(c);
}

/* ---------------------------------------------------------------- requests */

static void
hand_over(struct http_connection *c)
{
	struct http_request *r = calloc(1, sizeof(*r));

	if (r == NULL) {
		refuse(c, 500);
		return;
	}
	*r = (struct http_request){
		.connection = c,
		.method = c->head.method,
		.target = c->target,
		.body = c->body,
	};
	c->target = (struct http_target){ 0 };
	buf_init(&c->body, HTTP_BODY_MAX);
	c->request = r;
	c->phase = PHASE_ANSWERING;
	c->closes = c->head.wants_close;
	stream_set_deadline(c->stream, 0);
	/* It may answer in this call, and the connection may end by that. */
	c->server->fn(c->server->arg, r);
}

/* True: all of it is there. */
static bool
read_body(struct http_connection *c)
{
	struct span in = stream_input(c->stream);
	enum http_parse r = PARSE_DONE;
	int status = 500;
	size_t taken;

	if (c->head.is_chunked) {
		r = http_chunked_feed(&c->chunked, in, &c->body, &taken, &status);
	} else {
		uint64_t left = c->head.length - c->body.n;
		taken = in.n < left ? in.n : (size_t)left;
		if (taken > 0 && buf_append(&c->body, in.p, taken) != 0)
			r = PARSE_BAD;
		else if (taken < left)
			r = PARSE_MORE;
	}
	if (r == PARSE_BAD)
		refuse(c, status);
	else
		stream_consume(c->stream, taken);
	return r == PARSE_DONE;
}

/* True: the body comes next. */
static bool
read_head(struct http_connection *c)
{
	static const char go[] = "HTTP/1.1 100 Continue\r\n\r\n";
	size_t size = 0;
	int status = 0;
	enum http_parse r =
		http_head_parse(stream_input(c->stream), &c->head, &size, &status);

	if (r == PARSE_DONE) {
		status = http_target_parse(c->head.target, &c->target);
		r = status == 0 ? PARSE_DONE : PARSE_BAD;
	}
	if (r == PARSE_BAD)
		refuse(c, status);
	if (r != PARSE_DONE)
		return false;
	stream_consume(c->stream, size);
	c->phase = PHASE_BODY;
	c->chunked = (struct http_chunked){ 0 };
	if (c->head.expects_continue && stream_input(c->stream).n == 0 &&
	    (c->head.is_chunked || c->head.length > 0))
		(void)stream_write(c->stream, go, sizeof(go) - 1);
	return true;
}

static void
go_on(void *arg)
{
	struct http_connection *c = arg;

	if (c->phase == PHASE_WRITING && c->closes)
		(void)stream_discard_input(c->stream);
	if (c->phase >= PHASE_ANSWERING || stream_input(c->stream).n == 0)
		return;
	if (c->phase == PHASE_IDLE) {
		c->phase = PHASE_HEAD;
		stream_set_deadline(c->stream, HTTP_REQUEST_MS);
	}
	if (c->phase == PHASE_HEAD && !read_head(c))
		return;
	if (read_body(c))
		hand_over(c);
}

static void
on_eof(void *arg)
{
	struct http_connection *c = arg;

	/* A client may close its side and still want its answer. */
	c->is_eof = true;
	if (c->phase < PHASE_ANSWERING)
		http_connection_free(c);
}

static void
on_timeout(void *arg)
{
	struct http_connection *c = arg;

	if (c->phase == PHASE_HEAD || c->phase == PHASE_BODY)
		refuse(c, 408);
	else
		http_connection_free(c);
}

static void
on_error(void *arg, const struct err *e)
{
	struct http_connection *c = arg;

	(void)e;
	if (c->phase != PHASE_ANSWERING) {
		http_connection_free(c);
		return;
	}
	stream_close(c->stream);
	c->stream = NULL;
}

static const struct stream_events events = {
	.on_input = go_on,
	.on_drain = on_drain,
	.on_eof = on_eof,
	.on_timeout = on_timeout,
	.on_error = on_error,
};

int
http_connection_new(struct http_server *s, int fd, struct err *e)
{
	const struct stream_settings settings = { .input_max = HTTP_HEAD_MAX + 1 };
	struct http_connection *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		close(fd);
		return err_set(e, ERR_MEMORY, 0, "no memory for a connection");
	}
	if (stream_new(s->loop, fd, &settings, &events, c, &c->stream, e) != 0) {
		free(c);
		return -1;
	}
	c->server = s;
	c->since = loop_mono_ms(s->loop);
	buf_init(&c->body, HTTP_BODY_MAX);
	list_append(&s->connections, &c->node);
	stream_set_deadline(c->stream, HTTP_IDLE_MS);
	return 0;
}
