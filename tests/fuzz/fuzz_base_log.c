/*
 * fuzz_base_log.c - whatever a value holds, each printed form of an event is one whole line:
 * printable, valid UTF-8, and for JSON with its quotes closed where they must be.
 *
 * The input is the text of the event and the value of a field.
 */
#include "base/log_internal.h"

#include "tdc/base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every byte printable, or part of a sequence of the right length. (What the escaping lets
 * through is decided by its own decoder; this one knows only the form.) */
static void
check_printable(struct span s, bool is_many_lines)
{
	size_t more = 0;

	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (more > 0) {
			check((c & 0xC0) == 0x80);
			more--;
		} else if (c == '\n') {
			check(i + 1 == s.n || is_many_lines);
		} else {
			check(c >= 0x20 && c != 0x7F && (c & 0xC0) != 0x80 && c < 0xF5);
			more = c < 0x80 ? 0 : c < 0xE0 ? 1 : c < 0xF0 ? 2 : 3;
		}
	}
	check(more == 0);
	check(s.n > 0 && s.p[s.n - 1] == '\n');
}

/* Outside of strings only what the encoder itself writes; no string is open at the end. */
static void
check_json(struct span s)
{
	bool is_inside = false;

	for (size_t i = 0; i + 1 < s.n; i++) {
		if (is_inside && s.p[i] == '\\') {
			char c = s.p[++i];
			check(c == '\\' || c == '"');
		} else if (s.p[i] == '"') {
			is_inside = !is_inside;
		} else if (!is_inside) {
			check(strchr("{}:,-0123456789", s.p[i]) != NULL);
		}
	}
	check(!is_inside);
	check(s.p[s.n - 2] == '}');
}

/* A datagram of journald is lines of KEY=value; as many as there are fields. */
static void
check_journald(struct span s)
{
	size_t lines = 0;

	for (size_t i = 0; i < s.n; i++)
		lines += s.p[i] == '\n';
	check(lines == 8);
	check_printable(s, true);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_make(data, size);
	const struct log_field fields[] = {
		{ .key = "mid", .type = LOG_FIELD_INT, .number = -1 },
		{ .key = "sender", .type = LOG_FIELD_TEXT, .text = in },
	};
	const struct log_record r = {
		.wall_ms = 1050609382123,
		.level = LOG_LEVEL_INFO,
		.subsystem = LOG_SERVER,
		.event = "fuzz",
		.fields = fields,
		.n_fields = 2,
		.text = in,
	};
	struct buf out;

	buf_init(&out, 1 << 20);
	check(log_encode_text(&out, &r) == 0);
	check_printable(buf_span(&out), false);
	buf_clear(&out);
	check(log_encode_json(&out, &r) == 0);
	check_printable(buf_span(&out), false);
	check_json(buf_span(&out));
	buf_clear(&out);
	check(log_encode_journald(&out, &r) == 0);
	check_journald(buf_span(&out));
	buf_done(&out);
	return 0;
}
