/*
 * test_lines.c - bytes are looked at in blocks, and lines of an even chunk without a look
 * at their CR; the facts are those of a model that takes every byte alone.
 */
#include "unit/smtp/show.h"

#include "mime/lines.h"

#include <stdio.h>
#include <string.h>

enum { LENGTH = 420, LINE = 50, PLACES = 400 };

static const struct span sequences[] = {
	BYTES("a"),      BYTES("\r"),     BYTES("\n"),       BYTES("\r\n"),
	BYTES("\0"),     BYTES("\x80"),   BYTES("\xff"),     BYTES("\r\r"),
	BYTES("\n\n"),   BYTES("\n\r"),   BYTES("\r\r\n\n"), BYTES("\r\n\r\n"),
	BYTES("\x7f\1"), BYTES("\0\x80"),
};

struct facts {
	bool has_8bit, has_nul, has_bare_cr, has_bare_lf;
	uint64_t longest, last;
};

static struct facts
model(const char *p, size_t n)
{
	struct facts f = { 0 };

	for (size_t i = 0; i < n; i++) {
		bool is_behind_cr = i > 0 && p[i - 1] == '\r';
		f.has_8bit = f.has_8bit || (unsigned char)p[i] >= 0x80;
		f.has_nul = f.has_nul || p[i] == '\0';
		if (p[i] == '\r' && (i + 1 == n || p[i + 1] != '\n'))
			f.has_bare_cr = true;
		f.last++;
		if (p[i] != '\n')
			continue;
		if (!is_behind_cr) {
			f.has_bare_lf = true;
			continue;
		}
		if (f.last - 2 > f.longest)
			f.longest = f.last - 2;
		f.last = 0;
	}
	if (f.last > f.longest)
		f.longest = f.last;
	return f;
}

static struct facts
look(const char *p, size_t n, size_t chunk)
{
	struct mime_lines l = { 0 };
	struct facts f = { 0 };

	for (size_t at = 0; at < n; at += chunk) {
		size_t part = n - at < chunk ? n - at : chunk;
		/* A copy of its own, so that a look behind its end is found. */
		char *copy = malloc(part);
		memcpy(copy, p + at, part);
		struct mime_bytes bytes = mime_bytes_look(copy, part);
		mime_lines_feed(&l, copy, part, bytes.is_uneven);
		free(copy);
		f.has_8bit = f.has_8bit || bytes.has_8bit;
		f.has_nul = f.has_nul || bytes.has_nul;
	}
	mime_lines_finish(&l);
	f.has_bare_cr = l.has_bare_cr;
	f.has_bare_lf = l.has_bare_lf;
	f.longest = l.longest;
	f.last = l.line_n;
	return f;
}

static bool
are_equal(const struct facts *a, const struct facts *b)
{
	return a->has_8bit == b->has_8bit && a->has_nul == b->has_nul &&
	       a->has_bare_cr == b->has_bare_cr && a->has_bare_lf == b->has_bare_lf &&
	       a->longest == b->longest && a->last == b->last;
}

static size_t
make_text(char text[LENGTH + 8], struct span sequence, size_t place)
{
	size_t n = LENGTH;

	memset(text, 'a', LENGTH);
	for (size_t i = LINE; i < LENGTH; i += LINE)
		memcpy(text + i - 2, "\r\n", 2);
	memmove(text + place + sequence.n, text + place, n - place);
	memcpy(text + place, sequence.p, sequence.n);
	return n + sequence.n;
}

static void
test_everything_everywhere(void **state)
{
	static const size_t chunks[] = { 1, 7, 16, 17, 18, 33, 48, 64, 65, 66, 1000 };
	char text[LENGTH + 8];
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(sequences) / sizeof(sequences[0]) * PLACES; i++) {
		size_t n = make_text(text, sequences[i / PLACES], i % PLACES);
		struct facts want = model(text, n);
		for (size_t c = 0; c < sizeof(chunks) / sizeof(chunks[0]); c++) {
			struct facts got = look(text, n, chunks[c]);
			if (are_equal(&got, &want))
				continue;
			print_error("sequence %zu at %zu in chunks of %zu\n", i / PLACES,
				    i % PLACES, chunks[c]);
			failures++;
		}
	}
	assert_int_equal(failures, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_everything_everywhere),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
