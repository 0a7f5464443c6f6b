/*
 * err.c - filling, wrapping and classifying errors.
 */
#include "tdc/base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int
err_set(struct err *e, enum err_kind kind, int os, const char *fmt, ...)
{
	va_list ap;

	if (e == NULL)
		return -1;
	/* The arguments may point into *e itself. */
	char text[ERR_TEXT_MAX];
	va_start(ap, fmt);
	int n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (os != 0 && n >= 0 && (size_t)n < sizeof(text)) {
		char reason[128];
		const char *said = strerror_r(os, reason, sizeof(reason));
		snprintf(text + n, sizeof(text) - (size_t)n, ": %s", said);
	}
	e->kind = kind;
	e->os = os;
	memcpy(e->text, text, sizeof(text));
	return -1;
}

int
err_wrap(struct err *e, const char *fmt, ...)
{
	va_list ap;

	if (e == NULL)
		return -1;
	char text[ERR_TEXT_MAX];
	va_start(ap, fmt);
	int n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n < sizeof(text))
		snprintf(text + n, sizeof(text) - (size_t)n, ": %s", e->text);
	memcpy(e->text, text, sizeof(text));
	return -1;
}

enum err_kind
err_kind_of_errno(int os)
{
	switch (os) {
	case ENOMEM:
		return ERR_MEMORY;
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return ERR_SPACE;
	case EMFILE:
	case ENFILE:
	case EAGAIN:
		return ERR_LIMIT;
	case EBUSY:
	case EADDRINUSE:
		return ERR_BUSY;
	case ENOENT:
		return ERR_NOT_FOUND;
	case EACCES:
	case EPERM:
		return ERR_DENIED;
	case ETIMEDOUT:
		return ERR_TIMEOUT;
	case ECONNREFUSED:
	case ECONNRESET:
	case ECONNABORTED:
	case EHOSTUNREACH:
	case ENETUNREACH:
	case ENETDOWN:
	case EHOSTDOWN:
	case EPIPE:
	case ENOTCONN:
	case EADDRNOTAVAIL:
		return ERR_NETWORK;
	default:
		return ERR_IO;
	}
}

bool
err_kind_is_temporary(enum err_kind kind)
{
	switch (kind) {
	case ERR_NONE:
	case ERR_MEMORY:
	case ERR_SPACE:
	case ERR_LIMIT:
	case ERR_BUSY:
	case ERR_IO:
	case ERR_NETWORK:
	case ERR_DNS:
	case ERR_TLS:
	case ERR_TIMEOUT:
	case ERR_PROTOCOL:
	case ERR_SHUTDOWN:
		return true;
	case ERR_SYNTAX:
	case ERR_SIZE:
	case ERR_UNSUPPORTED:
	case ERR_CONFIG:
	case ERR_NOT_FOUND:
	case ERR_DENIED:
	case ERR_REFUSED:
	case ERR_CORRUPT:
		return false;
	}
	return true;
}

bool
err_is_temporary(const struct err *e)
{
	return err_kind_is_temporary(e->kind);
}

const char *
err_kind_name(enum err_kind kind)
{
	switch (kind) {
	case ERR_NONE:
		return "none";
	case ERR_MEMORY:
		return "no-memory";
	case ERR_SPACE:
		return "no-space";
	case ERR_LIMIT:
		return "limit";
	case ERR_BUSY:
		return "busy";
	case ERR_IO:
		return "io";
	case ERR_NETWORK:
		return "network";
	case ERR_DNS:
		return "dns";
	case ERR_TLS:
		return "tls";
	case ERR_TIMEOUT:
		return "timeout";
	case ERR_PROTOCOL:
		return "protocol";
	case ERR_SHUTDOWN:
		return "shutdown";
	case ERR_SYNTAX:
		return "syntax";
	case ERR_SIZE:
		return "size";
	case ERR_UNSUPPORTED:
		return "unsupported";
	case ERR_CONFIG:
		return "configuration";
	case ERR_NOT_FOUND:
		return "not-found";
	case ERR_DENIED:
		return "denied";
	case ERR_REFUSED:
		return "refused";
	case ERR_CORRUPT:
		return "corrupt";
	}
	return "unknown";
}
