/*
 * test_base64.c - base64 of every length, in any chunks, of exactly the size that was
 * announced.
 */
#include "unit/smtp/show.h"

#include "tdc/mime/text.h"

enum { ROOM = 1 << 16 };

static void
encode(struct span in, size_t chunk, struct buf *out)
{
	struct mime_base64 b;

	mime_base64_init(&b);
	buf_init(out, ROOM);
	while (in.n > 0) {
		size_t n = chunk < in.n ? chunk : in.n;
		assert_int_equal(mime_base64_encode(&b, span_make(in.p, n), out), 0);
		in = span_skip(in, n);
	}
	assert_int_equal(mime_base64_finish(&b, out), 0);
}

#define B57 "012345678901234567890123456789012345678901234567890123456"
#define C76 "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2"

static void
test_known_values(void **state)
{
	static const struct {
		const char *name;
		struct span in;
		const char *want;
	} rows[] = {
		{ "nothing", BYTES(""), "" },
		{ "one byte", BYTES("f"), "Zg==\r\n" },
		{ "two bytes", BYTES("fo"), "Zm8=\r\n" },
		{ "three bytes", BYTES("foo"), "Zm9v\r\n" },
		{ "four bytes", BYTES("foob"), "Zm9vYg==\r\n" },
		{ "all bits", BYTES("\xff\xff\xfe\0\0\0"), "///+AAAA\r\n" },
		{ "a full line", BYTES(B57), C76 "\r\n" },
		{ "a full line and a byte", BYTES(B57 "f"), C76 "\r\nZg==\r\n" },
		{ "two full lines", BYTES(B57 B57), C76 "\r\n" C76 "\r\n" },
	};
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		for (size_t chunk = 1; chunk < 130; chunk++) {
			struct buf got;
			encode(rows[i].in, chunk, &got);
			failures += differ_bytes(rows[i].name, "base64", buf_span(&got),
						 span_of(rows[i].want));
			buf_done(&got);
		}
	}
	assert_int_equal(failures, 0);
}

static void
test_the_size_is_exact(void **state)
{
	static const char zeros[1024];

	(void)state;
	for (size_t n = 0; n <= sizeof(zeros); n++) {
		struct buf got;
		encode(span_make(zeros, n), n % 61 + 1, &got);
		assert_int_equal(differ_number("size", "bytes", (int64_t)got.n,
					       (int64_t)mime_base64_encoded_size(n)),
				 0);
		buf_done(&got);
	}
	assert_int_equal(mime_base64_encoded_size(0), 0);
}

static void
test_a_full_buffer_is_an_error(void **state)
{
	struct mime_base64 b;
	struct buf out;

	(void)state;
	mime_base64_init(&b);
	buf_init(&out, 5);
	assert_int_equal(mime_base64_encode(&b, LITERAL("foobar"), &out), -1);
	buf_clear(&out);
	mime_base64_init(&b);
	assert_int_equal(mime_base64_encode(&b, LITERAL("foo"), &out), 0);
	assert_int_equal(mime_base64_finish(&b, &out), -1);
	buf_done(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_values),
		cmocka_unit_test(test_the_size_is_exact),
		cmocka_unit_test(test_a_full_buffer_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
