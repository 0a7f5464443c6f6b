/*
 * fuzz_smtp_address.c - an address that is taken parses again, holds no control byte, and
 * decodes to an address; xtext decodes what it encoded.
 */
#include "tdc/base/check.h"
#include "tdc/smtp/address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROOM = 4096 };

static bool
has_control(struct span text)
{
	for (size_t i = 0; i < text.n; i++)
		if ((unsigned char)text.p[i] < ' ' || text.p[i] == 0x7f)
			return true;
	return false;
}

static void
check_address(const struct smtp_address *a)
{
	struct smtp_address again;
	struct buf text;

	check(a->whole.n <= SMTP_ADDRESS_MAX && a->domain.n <= SMTP_DOMAIN_MAX);
	check(!has_control(a->whole) && smtp_utf8_is_valid(a->whole));
	if (a->whole.n == 0)
		return;
	check(smtp_address_parse(a->whole, &again) == SMTP_ADDRESS_OK);
	check(span_equal(again.local, a->local) && span_equal(again.domain, a->domain));
	buf_init(&text, ROOM);
	check(smtp_local_part_unquote(a->local, &text) == 0 && text.n <= a->local.n);
	buf_clear(&text);
	check(smtp_domain_normalize(a->domain, &text) == 0 && text.n <= a->domain.n);
	buf_clear(&text);
	if (smtp_address_decode_copy(a, &text) == 0) {
		enum smtp_address_result r = smtp_address_parse(buf_span(&text), &again);
		/* Only quoting may have made it longer than an address can be. */
		check(r == SMTP_ADDRESS_OK || r == SMTP_ADDRESS_TOO_LONG);
	}
	buf_done(&text);
}

static void
check_xtext(struct span bytes)
{
	struct buf coded, again;

	buf_init(&coded, bytes.n * 3);
	buf_init(&again, bytes.n * 3);
	check(smtp_xtext_encode(bytes, &coded) == 0);
	if (has_control(bytes)) {
		check(smtp_xtext_decode(buf_span(&coded), &again) == -1);
	} else {
		check(smtp_xtext_decode(buf_span(&coded), &again) == 0);
		check(span_equal(buf_span(&again), bytes));
	}
	buf_clear(&again);
	if (smtp_xtext_decode(bytes, &again) == 0)
		check(!has_control(buf_span(&again)));
	buf_done(&coded);
	buf_done(&again);
}

/* A sender is taken wherever a path is, and means the same. */
static void
check_sender(struct span text)
{
	struct smtp_address path, a;
	struct span rest = text, behind = text;
	bool is_path = smtp_path_parse(&behind, &path) == SMTP_ADDRESS_OK;

	if (smtp_sender_parse(&rest, &a) != SMTP_ADDRESS_OK) {
		check(!is_path);
		return;
	}
	check(rest.n < text.n && text.p[text.n - rest.n - 1] == '>');
	check(a.whole.n <= SMTP_ADDRESS_MAX && a.domain.n <= SMTP_DOMAIN_MAX);
	check(!has_control(a.whole) && smtp_utf8_is_valid(a.whole));
	check(!is_path || (span_equal(path.whole, a.whole) && rest.n == behind.n));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = span_make(data, size), rest = text;
	struct smtp_address a;

	if (smtp_path_parse(&rest, &a) == SMTP_ADDRESS_OK) {
		check(rest.n < text.n);
		check_address(&a);
	}
	if (smtp_address_parse(text, &a) == SMTP_ADDRESS_OK)
		check_address(&a);
	check_sender(text);
	check_xtext(text);
	return 0;
}
