/*
 * test_parse.c - heads, targets and chunks from byte arrays.
 */
#include "http/chunked.h"
#include "http/target.h"

#include <stdarg.h>
#include <stdio.h>

#include <setjmp.h>
#include <cmocka.h>

#define HOST "Host: x\r\n"

static const struct head_row {
	const char *name, *input;
	int status; /* 0 = done, -1 = more */
	const char *target;
	uint64_t length;
	bool is_chunked, wants_close;
} heads[] = {
	{ "a plain one", "GET /a HTTP/1.1\r\n" HOST "\r\n", 0, "/a", 0, false, false },
	{ "empty lines in front", "\r\n\r\nGET /a HTTP/1.1\r\n" HOST "\r\n", 0, "/a", 0,
	  false, false },
	{ "1.0 closes and needs no host", "GET / HTTP/1.0\r\n\r\n", 0, "/", 0, false,
	  true },
	{ "close among others", "GET / HTTP/1.1\r\n" HOST "Connection: x, CLOSE\r\n\r\n",
	  0, "/", 0, false, true },
	{ "a length", "POST / HTTP/1.1\r\n" HOST "content-length:  12 \r\n\r\nrest", 0,
	  "/", 12, false, false },
	{ "chunked", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: Chunked\r\n\r\n", 0,
	  "/", 0, true, false },
	{ "no end yet", "GET / HTTP/1.1\r\n" HOST, -1, NULL, 0, false, false },
	{ "nothing", "", -1, NULL, 0, false, false },
	{ "no host", "GET / HTTP/1.1\r\n\r\n", 400, NULL, 0, false, false },
	{ "two hosts", "GET / HTTP/1.1\r\n" HOST HOST "\r\n", 400, NULL, 0, false,
	  false },
	{ "no target", "GET  HTTP/1.1\r\n" HOST "\r\n", 0, "", 0, false, false },
	{ "one word", "GET\r\n" HOST "\r\n", 400, NULL, 0, false, false },
	{ "a space in the target", "GET /a b HTTP/1.1\r\n" HOST "\r\n", 400, NULL, 0,
	  false, false },
	{ "a bare LF in the target", "GET /a\nb HTTP/1.1\r\n" HOST "\r\n", 400, NULL, 0,
	  false, false },
	{ "no version", "GET / HTTQ/1.1\r\n" HOST "\r\n", 400, NULL, 0, false, false },
	{ "a version to come", "GET / HTTP/3.0\r\n" HOST "\r\n", 505, NULL, 0, false,
	  false },
	{ "a space before the colon", "GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400, NULL, 0,
	  false, false },
	{ "a folded field", "GET / HTTP/1.1\r\n" HOST " y\r\n\r\n", 400, NULL, 0, false,
	  false },
	{ "a field without a name", "GET / HTTP/1.1\r\n" HOST ": y\r\n\r\n", 400, NULL, 0,
	  false, false },
	{ "a bare CR in a field", "GET / HTTP/1.1\r\n" HOST "A: b\rc\r\n\r\n", 400, NULL,
	  0, false, false },
	{ "two lengths",
	  "POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 1\r\n\r\n",
	  400, NULL, 0, false, false },
	{ "a length and chunks",
	  "POST / HTTP/1.1\r\n" HOST
	  "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
	  400, NULL, 0, false, false },
	{ "a length with a sign", "POST / HTTP/1.1\r\n" HOST "Content-Length: +1\r\n\r\n",
	  400, NULL, 0, false, false },
	{ "an empty length", "POST / HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\n", 400,
	  NULL, 0, false, false },
	{ "a length that wraps",
	  "POST / HTTP/1.1\r\n" HOST "Content-Length: 18446744073709551617\r\n\r\n", 400,
	  NULL, 0, false, false },
	{ "a length over the limit",
	  "POST / HTTP/1.1\r\n" HOST "Content-Length: 65537\r\n\r\n", 413, NULL, 0, false,
	  false },
	{ "the largest length",
	  "POST / HTTP/1.1\r\n" HOST "Content-Length: 65536\r\n\r\n", 0, "/", 65536,
	  false, false },
	{ "another encoding",
	  "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n", 501,
	  NULL, 0, false, false },
	{ "chunks in 1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400,
	  NULL, 0, false, false },
	{ "an expectation", "GET / HTTP/1.1\r\n" HOST "Expect: money\r\n\r\n", 417, NULL,
	  0, false, false },
};

static void
heads_as_they_are(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		const struct head_row *row = &heads[i];
		struct http_head head = { 0 };
		size_t size = 0;
		int status = 0;
		enum http_parse r =
			http_head_parse(span_of(row->input), &head, &size, &status);
		int got = r == PARSE_DONE ? 0 : r == PARSE_MORE ? -1 : status;
		if (got != row->status)
			fail_msg("%s: want %d, got %d", row->name, row->status, got);
		if (got != 0)
			continue;
		if (!span_equal(head.target, span_of(row->target)) ||
		    head.length != row->length || head.is_chunked != row->is_chunked ||
		    head.wants_close != row->wants_close)
			fail_msg("%s: got %.*s", row->name, (int)head.target.n,
				 head.target.p);
		assert_int_equal(size, strstr(strchr(row->input, 'H'), "\r\n\r\n") + 4 -
					       row->input);
	}
}

static const struct target_row {
	const char *name, *target;
	int status;
	const char *path, *parameters; /* "name=value;..." */
} targets[] = {
	{ "a path", "/a/b", 0, "/a/b", "" },
	{ "a query", "/a?b=c&d=e%20f+g&h&=i", 0, "/a", "b=c;d=e f g;h=;=i;" },
	{ "an escape", "/%41%2f+", 0, "/A/+", "" },
	{ "bytes that are no text", "/%ff%0a", 0, "/\xff\n", "" },
	{ "the whole address", "http://tdcd/a?b=c", 0, "/a", "b=c;" },
	{ "an address without a path", "http://tdcd", 0, "/", "" },
	{ "a fragment is not ours", "/a#b?c=d", 0, "/a", "" },
	{ "nothing between the signs", "/a?&&b=c&", 0, "/a", "b=c;" },
	{ "16 parameters", "/?a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a", 0, "/",
	  "a=;a=;a=;a=;a=;a=;a=;a=;a=;a=;a=;a=;a=;a=;a=;a=;" },
	{ "17 parameters", "/?a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a", 400, NULL, NULL },
	{ "nothing", "", 400, NULL, NULL },
	{ "no slash", "a", 400, NULL, NULL },
	{ "a star", "*", 400, NULL, NULL },
	{ "a NUL", "/%00", 400, NULL, NULL },
	{ "a NUL in a value", "/?a=%00", 400, NULL, NULL },
	{ "half an escape", "/%4", 400, NULL, NULL },
	{ "no escape", "/%zz", 400, NULL, NULL },
	{ "half an escape in a name", "/?%", 400, NULL, NULL },
};

static void
targets_as_they_are(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		const struct target_row *row = &targets[i];
		struct http_target t = { 0 };
		char got[256] = "";
		int status = http_target_parse(span_of(row->target), &t);
		for (size_t k = 0, n = 0; k < t.n_parameters && n < sizeof(got); k++)
			n += (size_t)snprintf(got + n, sizeof(got) - n, "%s=%s;",
					      t.parameters[k].name,
					      t.parameters[k].value);
		if (status != row->status ||
		    (status == 0 && (strcmp(t.path, row->path) != 0 ||
				     strcmp(got, row->parameters) != 0)))
			fail_msg("%s: got %d %s ? %s", row->name, status,
				 t.path == NULL ? "-" : t.path, got);
		http_target_done(&t);
	}
}

static const struct chunk_row {
	const char *name, *input;
	int status; /* 0 = done, -1 = more */
	const char *body, *rest;
} chunks[] = {
	{ "two chunks", "3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\nGET", 0, "abc0123456789",
	  "GET" },
	{ "an extension and a trailer", "1;a=\"b\"\r\nx\r\n0 ; c\r\nT: v\r\nU: w\r\n\r\n",
	  0, "x", "" },
	{ "nothing in them", "0\r\n\r\n", 0, "", "" },
	{ "more to come", "3\r\nab", -1, "ab", "" },
	{ "a chunk that is longer than it says", "1\r\nab\r\n0\r\n\r\n", 400, "a", NULL },
	{ "a size that is none", "g\r\n", 400, "", NULL },
	{ "an empty size", "\r\n", 400, "", NULL },
	{ "a sign", "-1\r\n", 400, "", NULL },
	{ "a size that wraps", "10000000000000001\r\na\r\n0\r\n\r\n", 413, "", NULL },
};

/* In two parts, cut at every place; what is not taken is offered again. */
static int
feed_cut(const char *input, size_t cut, struct buf *body, size_t *used)
{
	struct http_chunked c = { 0 };
	struct span all = span_of(input);
	int status = 0;
	size_t taken;

	*used = 0;
	enum http_parse r =
		http_chunked_feed(&c, span_make(all.p, cut), body, &taken, &status);
	*used += taken;
	if (r == PARSE_MORE) {
		r = http_chunked_feed(&c, span_skip(all, *used), body, &taken, &status);
		*used += taken;
	}
	return r == PARSE_DONE ? 0 : r == PARSE_MORE ? -1 : status;
}

static void
chunks_at_every_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(chunks) / sizeof(chunks[0]); i++) {
		const struct chunk_row *row = &chunks[i];
		for (size_t cut = 0; cut <= strlen(row->input); cut++) {
			struct buf body;
			size_t used;
			buf_init(&body, HTTP_BODY_MAX);
			int got = feed_cut(row->input, cut, &body, &used);
			if (got != row->status ||
			    !span_equal(buf_span(&body), span_of(row->body)) ||
			    (row->rest != NULL && got == 0 &&
			     strcmp(row->input + used, row->rest) != 0))
				fail_msg("%s, cut at %zu: got %d and \"%.*s\"", row->name,
					 cut, got, (int)body.n,
					 body.n == 0 ? "" : buf_span(&body).p);
			buf_done(&body);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(heads_as_they_are),
		cmocka_unit_test(targets_as_they_are),
		cmocka_unit_test(chunks_at_every_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
