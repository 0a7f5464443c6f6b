/*
 * charset.c - character sets to UTF-8.
 */
#include "mime/charset.h"

#include "mime/utf8.h"

#include <stdint.h>

static const struct {
	const char *name;
	enum mime_charset charset;
} names[] = {
	{ "utf-8", MIME_CHARSET_UTF_8 },        { "utf8", MIME_CHARSET_UTF_8 },
	{ "us-ascii", MIME_CHARSET_US_ASCII },  { "ascii", MIME_CHARSET_US_ASCII },
	{ "iso-8859-1", MIME_CHARSET_LATIN_1 }, { "iso8859-1", MIME_CHARSET_LATIN_1 },
	{ "latin1", MIME_CHARSET_LATIN_1 },     { "windows-1252", MIME_CHARSET_LATIN_1 },
	{ "cp1252", MIME_CHARSET_LATIN_1 },
};

/*
 * Code points of the bytes 0x80 to 0x9f in windows-1252. ISO-8859-1 has control
 * characters there that nobody sends; mail that says ISO-8859-1 and uses these bytes
 * means windows-1252.
 */
static const uint16_t high_controls[32] = {
	0x20ac, 0xfffd, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021,
	0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0xfffd, 0x017d, 0xfffd,
	0xfffd, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014,
	0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0xfffd, 0x017e, 0x0178,
};

enum mime_charset
mime_charset_find(struct span name)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (span_equal_nocase(name, span_of(names[i].name)))
			return names[i].charset;
	return MIME_CHARSET_UNKNOWN;
}

int
mime_text_append(struct span bytes, struct buf *ret)
{
	char *room = buf_reserve(ret, bytes.n);

	if (room == NULL)
		return -1;
	for (size_t i = 0; i < bytes.n; i++) {
		unsigned char c = (unsigned char)bytes.p[i];
		room[i] = c < ' ' || c == 0x7f ? ' ' : bytes.p[i];
	}
	buf_commit(ret, bytes.n);
	return 0;
}

/* Two or three bytes of UTF-8 for a code point from U+0080 to U+FFFF. */
static size_t
put_code_point(char *p, unsigned c)
{
	if (c < 0x800) {
		p[0] = (char)(0xc0 | (c >> 6));
		p[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	p[0] = (char)(0xe0 | (c >> 12));
	p[1] = (char)(0x80 | ((c >> 6) & 0x3f));
	p[2] = (char)(0x80 | (c & 0x3f));
	return 3;
}

static int
append_latin_1(struct span bytes, struct buf *ret)
{
	for (size_t i = 0; i < bytes.n; i++) {
		unsigned char c = (unsigned char)bytes.p[i];
		char text[3] = { c < ' ' || c == 0x7f ? ' ' : bytes.p[i] };
		size_t n = 1;
		if (c >= 0x80)
			n = put_code_point(text, c < 0xa0 ? high_controls[c - 0x80] : c);
		buf_append(ret, text, n);
	}
	return ret->failed ? -1 : 0;
}

int
mime_charset_decode(enum mime_charset c, struct span bytes, struct buf *ret)
{
	struct mime_utf8 u = { 0 };

	mime_utf8_feed(&u, bytes.p, bytes.n);
	bool is_utf8 = mime_utf8_finish(&u);
	switch (c) {
	case MIME_CHARSET_UTF_8:
		return is_utf8 ? mime_text_append(bytes, ret) : -1;
	case MIME_CHARSET_US_ASCII:
		return u.has_8bit ? -1 : mime_text_append(bytes, ret);
	case MIME_CHARSET_LATIN_1:
		return append_latin_1(bytes, ret);
	case MIME_CHARSET_UNKNOWN:
		break;
	}
	return -1;
}
