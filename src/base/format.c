/*
 * format.c - the few conversions that our texts are made of; the rest is vsnprintf()'s.
 */
#include "tdc/base/format.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct writer {
	char *to;
	size_t size, n; /* n: bytes so far, also those that had no place */
	va_list ap;
};

static void
put(struct writer *w, const char *p, size_t n)
{
	if (w->n < w->size) {
		size_t room = w->size - w->n;
		memcpy(w->to + w->n, p, n < room ? n : room);
	}
	w->n += n;
}

/* The digits end where `end` is; returns where they begin. */
static char *
digits(uint64_t n, char *end)
{
	do {
		*--end = (char)('0' + n % 10);
		n /= 10;
	} while (n > 0);
	return end;
}

size_t
format_number(uint64_t n, char text[FORMAT_NUMBER_MAX])
{
	char made[FORMAT_NUMBER_MAX], *end = made + sizeof(made);
	char *first = digits(n, end);
	size_t length = (size_t)(end - first);

	memcpy(text, first, length);
	text[length] = '\0';
	return length;
}

static void
put_number(struct writer *w, uint64_t n, bool is_negative)
{
	char made[FORMAT_NUMBER_MAX], *end = made + sizeof(made);
	char *first = digits(n, end);

	if (is_negative)
		*--first = '-';
	put(w, first, (size_t)(end - first));
}

/* `most` < 0: all of it. */
static void
put_string(struct writer *w, const char *s, int most)
{
	if (most < 0)
		put(w, s, strlen(s));
	else
		put(w, s, strnlen(s, (size_t)most));
}

enum length { LENGTH_INT, LENGTH_LONG, LENGTH_LONG_LONG, LENGTH_SIZE };

static enum length
take_length(const char **fmt)
{
	const char *f = *fmt;

	if (f[0] == 'z') {
		*fmt = f + 1;
		return LENGTH_SIZE;
	}
	if (f[0] != 'l')
		return LENGTH_INT;
	*fmt = f[1] == 'l' ? f + 2 : f + 1;
	return f[1] == 'l' ? LENGTH_LONG_LONG : LENGTH_LONG;
}

static int64_t
take_signed(struct writer *w, enum length length)
{
	switch (length) {
	case LENGTH_INT:
		break;
	case LENGTH_LONG:
		return va_arg(w->ap, long);
	case LENGTH_LONG_LONG:
		return va_arg(w->ap, long long);
	case LENGTH_SIZE:
		return (int64_t)va_arg(w->ap, size_t);
	}
	return va_arg(w->ap, int);
}

static uint64_t
take_unsigned(struct writer *w, enum length length)
{
	switch (length) {
	case LENGTH_INT:
		break;
	case LENGTH_LONG:
		return va_arg(w->ap, unsigned long);
	case LENGTH_LONG_LONG:
		return va_arg(w->ap, unsigned long long);
	case LENGTH_SIZE:
		return va_arg(w->ap, size_t);
	}
	return va_arg(w->ap, unsigned);
}

/* What stands behind a '%'. False: none of ours. */
static bool
put_conversion(struct writer *w, const char **fmt)
{
	int most = -1;

	if (strncmp(*fmt, ".*s", 3) == 0) {
		most = va_arg(w->ap, int);
		*fmt += 2;
	}
	enum length length = take_length(fmt);
	char kind = *(*fmt)++;
	if (kind == 'd' || kind == 'i') {
		int64_t n = take_signed(w, length);
		put_number(w, n < 0 ? 0 - (uint64_t)n : (uint64_t)n, n < 0);
	} else if (kind == 'u') {
		put_number(w, take_unsigned(w, length), false);
	} else if (length != LENGTH_INT) {
		return false;
	} else if (kind == 's') {
		const char *s = va_arg(w->ap, const char *);
		if (s == NULL)
			return false;
		put_string(w, s, most);
	} else if (kind == 'c') {
		char c = (char)va_arg(w->ap, int);
		put(w, &c, 1);
	} else if (kind == '%') {
		put(w, "%", 1);
	} else {
		return false;
	}
	return true;
}

/* False: there is something in it that is not ours. */
static bool
put_all(struct writer *w, const char *fmt)
{
	const char *percent;

	while ((percent = strchr(fmt, '%')) != NULL) {
		put(w, fmt, (size_t)(percent - fmt));
		fmt = percent + 1;
		if (!put_conversion(w, &fmt))
			return false;
	}
	put(w, fmt, strlen(fmt));
	return true;
}

int
format_text(char *to, size_t size, const char *fmt, va_list ap)
{
	struct writer w = { .to = to, .size = size };

	va_copy(w.ap, ap);
	bool is_ours = put_all(&w, fmt);
	va_end(w.ap);
	if (!is_ours || w.n > INT32_MAX)
		return vsnprintf(to, size, fmt, ap);
	if (size > 0)
		to[w.n < size ? w.n : size - 1] = '\0';
	return (int)w.n;
}

const char *
format_plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}
