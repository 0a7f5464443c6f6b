/*
 * err.h - one error value for everything that can fail for outside reasons.
 *
 * A function that can fail returns 0 or -1 and, on -1, has filled a `struct err`. The
 * kind answers the one question of mail: is this permanent or temporary? Replies, retries
 * and views all ask err_is_temporary(), so that the answer exists once. Context is added
 * outward with err_wrap(); the one who decides logs. Any thread; no ownership.
 */
#ifndef TDC_BASE_ERR_H
#define TDC_BASE_ERR_H

#include <stdbool.h>

enum err_kind {
	ERR_NONE = 0,
	/* temporary: the same request may succeed later */
	ERR_MEMORY,   /* no memory                                           */
	ERR_SPACE,    /* no disk space, no inodes, or below the reserve       */
	ERR_LIMIT,    /* a limit of ours on resources is reached              */
	ERR_BUSY,     /* held by another                                      */
	ERR_IO,       /* a file, socket or database operation failed          */
	ERR_NETWORK,  /* the peer could not be reached, or the link broke     */
	ERR_DNS,      /* a look-up failed without an authoritative answer     */
	ERR_TLS,      /* handshake or verification failed                     */
	ERR_TIMEOUT,  /* a deadline passed                                    */
	ERR_PROTOCOL, /* the peer broke the protocol                          */
	ERR_SHUTDOWN, /* we are stopping                                      */
	/* permanent: the same request fails again */
	ERR_SYNTAX,      /* it cannot be parsed                               */
	ERR_SIZE,        /* larger than a stated maximum                      */
	ERR_UNSUPPORTED, /* well-formed, but not offered here                 */
	ERR_CONFIG,      /* the configuration says something impossible       */
	ERR_NOT_FOUND,   /* no such object                                    */
	ERR_DENIED,      /* not allowed to this peer                          */
	ERR_REFUSED,     /* the peer said no for good                         */
	ERR_CORRUPT,     /* stored data does not match its own checksum/shape */
};

enum { ERR_TEXT_MAX = 320 };

struct err {
	enum err_kind kind;
	int os;                  /* errno value, or 0                              */
	char text[ERR_TEXT_MAX]; /* a sentence without a final dot; cut, never NULL */
};

/* Fills *e (which may be NULL) and returns -1. With os != 0 the text gets ": strerror". */
int err_set(struct err *e, enum err_kind kind, int os, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Puts "context: " in front of the text; kind and os stay. Returns -1. */
int err_wrap(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The kind that an errno value of a file or socket operation stands for. */
enum err_kind err_kind_of_errno(int os);

bool err_kind_is_temporary(enum err_kind kind);
bool err_is_temporary(const struct err *e);

/* The word for a kind in logs and JSON: "no-space", "timeout", ... */
const char *err_kind_name(enum err_kind kind);

#endif
