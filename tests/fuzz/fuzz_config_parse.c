/*
 * fuzz_config_parse.c - any bytes as a configuration.
 *
 * Lines of problems hold no control bytes. What validates prints an effective form that
 * validates too, and prints the same again (but for the layers, which are those of the
 * text it came from).
 */
#include "tdc/base/check.h"
#include "tdc/config/config.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
	unsigned errors;
};

static void
on_problem(void *arg, bool is_error, const char *line)
{
	struct seen *seen = arg;
	seen->errors += is_error;
	check(line[0] != '\0');
	for (const unsigned char *p = (const unsigned char *)line; *p != '\0'; p++)
		check(*p >= ' ' && *p != 0x7f && !(*p == 0xc2 && p[1] < 0xa0));
}

/* Without the comment at each line's end. */
static void
strip_layers(const char *text, struct buf *ret)
{
	while (*text != '\0') {
		size_t n = strcspn(text, "\n");
		size_t end = n;
		while (end > 0 && strncmp(text + end, "  # ", 4) != 0)
			end--;
		check(end > 0);
		buf_append(ret, text, end);
		buf_append_byte(ret, '\n');
		text += n + 1;
	}
}

/* 0 = valid, and *stripped is the effective form without its layers. */
static int
parse_and_print(const char *text, size_t n, struct buf *effective, struct buf *stripped)
{
	struct seen seen = { 0 };
	struct config *c = NULL;
	struct err e = { 0 };
	int r = config_parse(text, n, "fuzz\n.yaml", on_problem, &seen, &c, &e);
	check((r == 0) == (c != NULL));
	check(r == 0 || e.kind != ERR_NONE);
	check(e.kind == ERR_MEMORY || (r == 0) == (seen.errors == 0));
	if (r != 0)
		return -1;
	check(config_print_effective(c, effective) == 0);
	strip_layers(buf_text(effective), stripped);
	config_free(c);
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum { MAX = 64 << 20 };
	struct buf first, again, first_stripped, again_stripped;
	buf_init(&first, MAX);
	buf_init(&again, MAX);
	buf_init(&first_stripped, MAX);
	buf_init(&again_stripped, MAX);
	if (parse_and_print((const char *)data, size, &first, &first_stripped) == 0) {
		struct span s = buf_span(&first);
		check(parse_and_print(s.p, s.n, &again, &again_stripped) == 0);
		check(span_equal(buf_span(&first_stripped), buf_span(&again_stripped)));
	}
	buf_done(&first);
	buf_done(&again);
	buf_done(&first_stripped);
	buf_done(&again_stripped);
	return 0;
}
