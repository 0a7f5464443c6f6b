/*
 * content.c - what a message holds.
 */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
make_body(struct run *r)
{
	size_t n = r->o.size < 400 ? 100 : r->o.size - 300, off = 0;
	uint32_t x = 2463534242U;

	r->body = malloc(n + 100);
	if (r->body == NULL)
		die("malloc");
	while (off < n) {
		for (int i = 0; i < 76 && off < n; i++) {
			x ^= x << 13;
			x ^= x >> 17;
			x ^= x << 5;
			r->body[off++] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstu"
					 "vwxyz0123456789+/"[x & 63];
		}
		memcpy(r->body + off, "\r\n", 2);
		off += 2;
	}
	if (!r->o.uses_bdat) {
		memcpy(r->body + off, ".\r\n", 3);
		off += 3;
	}
	r->body_n = off;
}

void
make_head(const struct run *r, struct session *s)
{
	s->head_n = (size_t)snprintf(
		s->head, sizeof(s->head),
		"From: Alice <%s>\r\nTo: Bob <bob@inside.example>\r\nSubject: load "
		"%llu\r\n"
		"Message-ID: <%lld.%llu@load.example>\r\n"
		"Date: Tue, 01 Aug 2023 10:00:00 +0000\r\nMIME-Version: 1.0\r\n"
		"Content-Type: text/plain\r\n\r\n",
		r->o.from, (unsigned long long)s->number, (long long)r->begin,
		(unsigned long long)s->number);
	s->content_off = 0;
}
