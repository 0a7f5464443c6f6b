/*
 * print.c - YAML scalars and wrapped text for the printers.
 */
#include "print.h"

#include <string.h>
#include <strings.h>

void
print_spaces(struct buf *out, size_t n)
{
	while (n-- > 0)
		buf_append_byte(out, ' ');
}

void
print_quoted(struct buf *out, const char *text)
{
	buf_append_byte(out, '"');
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			buf_append_byte(out, '\\');
		buf_append_byte(out, *text);
	}
	buf_append_byte(out, '"');
}

static bool
is_plain_text(const char *text)
{
	static const char *const taken[] = { "true", "false", "yes", "no", "on",
					     "off",  "null",  "y",   "n" };
	static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "0123456789/._-@";
	bool begins_well = (*text >= 'a' && *text <= 'z') ||
			   (*text >= 'A' && *text <= 'Z') || *text == '/';
	if (!begins_well || text[strspn(text, safe)] != '\0')
		return false;
	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
		if (strcasecmp(text, taken[i]) == 0)
			return false;
	}
	return true;
}

void
print_scalar(struct buf *out, const struct schema_row *row, const char *text)
{
	bool is_text = row->type == TYPE_TEXT || row->type == TYPE_WORD;
	if (is_text && !is_plain_text(text))
		print_quoted(out, text);
	else
		buf_append_text(out, text);
}

void
print_wrapped(struct buf *out, size_t indent, const char *prefix, size_t width,
	      const char *text)
{
	size_t room = width - indent - strlen(prefix);
	while (*text != '\0') {
		size_t n = strlen(text);
		if (n > room) {
			n = room;
			while (n > 0 && text[n] != ' ')
				n--;
			if (n == 0)
				n = strcspn(text, " ");
		}
		print_spaces(out, indent);
		buf_append_text(out, prefix);
		buf_append(out, text, n);
		buf_append_byte(out, '\n');
		text += n + (text[n] == ' ');
	}
}
