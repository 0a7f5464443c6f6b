/*
 * fuzz_mime_scan.c - the scan of a message does not depend on how it is cut, and what it
 * found obeys its limits.
 *
 * The first byte of the input is the size of the chunks, the second the header's maximum.
 */
#include "tdc/base/check.h"
#include "tdc/mime/scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
scan(struct mime_scan *s, struct span in, size_t chunk)
{
	mime_scan_start(s);
	while (in.n > 0) {
		size_t n = in.n < chunk ? in.n : chunk;
		mime_scan_feed(s, in.p, n);
		in = span_skip(in, n);
	}
	mime_scan_finish(s);
}

static void
check_alike(const struct mime_scan *a, const struct mime_scan *b)
{
	const struct span *values_a, *values_b;

	check(mime_scan_facts(a) == mime_scan_facts(b));
	check(mime_scan_size(a) == mime_scan_size(b));
	check(mime_scan_header_size(a) == mime_scan_header_size(b));
	check(mime_scan_longest_line(a) == mime_scan_longest_line(b));
	check(mime_scan_received_count(a) == mime_scan_received_count(b));
	for (int f = 0; f < MIME_FIELD_COUNT; f++)
		check(span_equal(mime_scan_field(a, (enum mime_field)f),
				 mime_scan_field(b, (enum mime_field)f)));
	check(mime_scan_recipient_count(a) == mime_scan_recipient_count(b));
	for (size_t i = 0; i < mime_scan_recipient_count(a); i++)
		check(span_equal(mime_scan_recipient(a, i), mime_scan_recipient(b, i)));
	size_t n = mime_scan_received_values(a, &values_a);
	check(n == mime_scan_received_values(b, &values_b));
	for (size_t i = 0; i < n; i++)
		check(span_equal(values_a[i], values_b[i]));
}

static void
check_limits(const struct mime_scan *s, struct span in)
{
	unsigned facts = mime_scan_facts(s);

	check(mime_scan_size(s) == in.n && mime_scan_header_size(s) <= in.n);
	check(mime_scan_longest_line(s) <= in.n && mime_scan_recipient_count(s) <= 1000);
	check(((facts & MIME_IS_EMPTY) != 0) == (in.n == 0));
	check((facts & (MIME_HAS_UTF8_HEADER | MIME_HAS_8BIT_HEADER)) == 0 ||
	      (facts & MIME_HAS_8BIT) != 0);
	bool is_ended = in.n >= 2 && memcmp(in.p + in.n - 2, "\r\n", 2) == 0;
	check(in.n == 0 || ((facts & MIME_HAS_NO_FINAL_CRLF) == 0) == is_ended);
	for (int f = 0; f < MIME_FIELD_COUNT; f++) {
		struct span value = mime_scan_field(s, (enum mime_field)f);
		check(value.n <= MIME_FIELD_MAX);
		check(value.n == 0 || memchr(value.p, '\n', value.n) == NULL);
	}
	for (size_t i = 0; i < mime_scan_recipient_count(s); i++) {
		struct span address = mime_scan_recipient(s, i);
		check(address.n >= 3 && memchr(address.p, '@', address.n) != NULL);
		for (size_t k = 0; k < address.n; k++)
			check((unsigned char)address.p[k] >= ' ' && address.p[k] != 0x7f);
		for (size_t k = 0; k < i && k < 20; k++)
			check(!span_equal_nocase(address, mime_scan_recipient(s, k)));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mime_scan *whole, *cut;

	if (size < 2)
		return 0;
	uint64_t header_max = data[1] == 0xff ? UINT64_MAX : (uint64_t)data[1] * 16;
	struct span in = span_make(data + 2, size - 2);
	if (mime_scan_new(header_max, &whole) != 0)
		return 0;
	if (mime_scan_new(header_max, &cut) == 0) {
		scan(whole, in, size);
		scan(cut, in, (size_t)(data[0] % 32) + 1);
		check(!mime_scan_failed(whole));
		check_alike(whole, cut);
		check_limits(whole, in);
		mime_scan_free(cut);
	}
	mime_scan_free(whole);
	return 0;
}
