/*
 * fuzz_http_request.c - a request is the same however it arrives: no shorter part of a
 * head is taken for all of it, and chunks decode alike at every cut.
 */
#include "http/chunked.h"
#include "http/target.h"

#include "tdc/base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct decoded {
	enum http_parse result;
	int status;
	size_t used;
	struct buf body;
};

/* Offers `step` more bytes each time, with what was not used before. */
static void
decode(struct span in, size_t step, struct decoded *ret)
{
	struct http_chunked c = { 0 };
	size_t offered = 0;

	*ret = (struct decoded){ .result = PARSE_MORE };
	buf_init(&ret->body, HTTP_BODY_MAX);
	while (ret->result == PARSE_MORE && offered < in.n) {
		size_t taken = 0;
		offered = in.n - offered < step ? in.n : offered + step;
		ret->result = http_chunked_feed(
			&c, span_make(in.p + ret->used, offered - ret->used), &ret->body,
			&taken, &ret->status);
		ret->used += taken;
		check(ret->used <= offered);
	}
}

static void
check_chunks(struct span in)
{
	struct decoded whole, bytes;

	decode(in, in.n, &whole);
	decode(in, 1, &bytes);
	check(whole.result == bytes.result);
	check(span_equal(buf_span(&whole.body), buf_span(&bytes.body)));
	if (whole.result == PARSE_DONE)
		check(whole.used == bytes.used);
	if (whole.result == PARSE_BAD)
		check(whole.status >= 400 && whole.status == bytes.status);
	buf_done(&whole.body);
	buf_done(&bytes.body);
}

static void
check_target(struct span target)
{
	struct http_target t = { 0 };
	int status = http_target_parse(target, &t);

	check(status == 0 || status == 400);
	if (status == 0) {
		check(t.path[0] == '/' && strlen(t.path) <= target.n + 1);
		for (size_t i = 0; i < t.n_parameters; i++)
			check(t.parameters[i].name != NULL &&
			      t.parameters[i].value != NULL);
	}
	http_target_done(&t);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_make(data, size);
	struct http_head head, part;
	size_t n = 0, m = 0;
	int status = 0, ignored;

	if (size == 0)
		return 0;
	switch (http_head_parse(in, &head, &n, &status)) {
	case PARSE_DONE:
		check(n <= size && n <= HTTP_HEAD_MAX && head.length <= HTTP_BODY_MAX);
		check(!(head.is_chunked && head.length > 0));
		for (size_t cut = n > 64 ? n - 64 : 0; cut < n; cut++)
			check(http_head_parse(span_make(in.p, cut), &part, &m,
					      &ignored) == PARSE_MORE);
		check(http_head_parse(span_make(in.p, n), &part, &m, &ignored) ==
			      PARSE_DONE &&
		      m == n);
		check_target(head.target);
		check_chunks(span_skip(in, n));
		break;
	case PARSE_BAD:
		check(status >= 400 && status < 600);
		break;
	case PARSE_MORE:
		check(size <= HTTP_HEAD_MAX);
		break;
	}
	check_chunks(in);
	check_target(in);
	return 0;
}
