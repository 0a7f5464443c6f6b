/*
 * answer.c - statuses in words.
 */
#include "answer.h"

#include <time.h>

static const struct row {
	int status;
	const char *reason, *detail; /* detail: of those that the server itself gives */
} rows[] = {
	{ 200, "OK", "" },
	{ 202, "Accepted", "" },
	{ 400, "Bad Request", "this is no request of HTTP/1.1" },
	{ 404, "Not Found", "" },
	{ 405, "Method Not Allowed", "" },
	{ 408, "Request Timeout", "the request did not come within its time" },
	{ 409, "Conflict", "" },
	{ 413, "Content Too Large", "the body of the request is too large" },
	{ 417, "Expectation Failed", "this cannot be expected here" },
	{ 422, "Unprocessable Content", "" },
	{ 431, "Request Header Fields Too Large",
	  "the head of the request is too large" },
	{ 500, "Internal Server Error", "no memory for the request" },
	{ 501, "Not Implemented", "only chunked is known as a transfer encoding" },
	{ 503, "Service Unavailable",
	  "all 32 connections to this socket are at work; try again in a moment" },
	{ 505, "HTTP Version Not Supported", "HTTP/1.1 is spoken here" },
};

static const struct row *
row_of(int status)
{
	static const struct row none = { 0, "Status", "" };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].status == status)
			return &rows[i];
	return &none;
}

/* "Date: Tue, 24 Nov 2026 10:00:00 GMT" (RFC 9110 5.6.7). */
static void
write_date(int64_t wall_ms, struct buf *out)
{
	time_t seconds = (time_t)(wall_ms / 1000);
	struct tm t;
	char text[64];

	if (gmtime_r(&seconds, &t) != NULL &&
	    strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &t) > 0)
		buf_printf(out, "Date: %s\r\n", text);
}

void
http_answer_head_write(const struct http_answer_head *a, struct buf *out)
{
	buf_printf(out, "HTTP/1.1 %d %s\r\n", a->status, row_of(a->status)->reason);
	write_date(a->wall_ms, out);
	if (a->allow != NULL)
		buf_printf(out, "Allow: %s\r\n", a->allow);
	buf_printf(out,
		   "Content-Type: %s\r\nCache-Control: no-store\r\n"
		   "Content-Length: %zu\r\n%s\r\n",
		   a->content_type, a->length, a->closes ? "Connection: close\r\n" : "");
}

void
http_problem_write(int status, struct buf *out)
{
	const struct row *row = row_of(status);

	buf_printf(out,
		   "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,"
		   "\"detail\":\"%s\"}",
		   row->reason, status, row->detail);
}
