/*
 * store.c - plain files, renamed into place.
 */
#include "store.h"

#include "tdc/base/cleanup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { DRAFT_BUFFER = 64 * 1024 };

static int
make_directory(const char *path, struct err *e)
{
	if (mkdir(path, 0755) == 0 || errno == EEXIST)
		return 0;
	return err_set(e, err_kind_of_errno(errno), errno, "%s", path);
}

/* The highest number that a file's name begins with. */
static int
find_last_number(const char *path, uint64_t *ret, struct err *e)
{
	DIR *d = opendir(path);

	if (d == NULL)
		return err_set(e, err_kind_of_errno(errno), errno, "%s", path);
	for (struct dirent *entry; (entry = readdir(d)) != NULL;) {
		uint64_t n = strtoull(entry->d_name, NULL, 10);
		if (n > *ret)
			*ret = n;
	}
	closedir(d);
	return 0;
}

int
store_open(struct store *s, const char *directory, bool discard, struct err *e)
{
	char path[PATH_MAX];

	*s = (struct store){ .directory = directory, .discard = discard };
	if (make_directory(directory, e) != 0)
		return -1;
	if (discard)
		return 0;
	snprintf(path, sizeof(path), "%s/pre-tls", directory);
	if (make_directory(path, e) != 0 ||
	    find_last_number(path, &s->last_connection, e) != 0)
		return -1;
	snprintf(path, sizeof(path), "%s/messages", directory);
	if (make_directory(path, e) != 0)
		return -1;
	return find_last_number(path, &s->last_number, e);
}

static void
temporary_path(const struct store *s, uint64_t n, const char *ending, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s/messages/.%" PRIu64 ".%s.tmp", s->directory, n,
		 ending);
}

static void
message_path(const struct store *s, uint64_t n, const char *ending, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s/messages/%06" PRIu64 ".%s", s->directory, n, ending);
}

void
draft_init(struct draft *d)
{
	*d = (struct draft){ .fd = -1 };
}

static void
draft_reset(struct draft *d)
{
	if (d->fd >= 0)
		close(d->fd);
	d->fd = -1;
	d->bytes = 0;
	d->buffered = 0;
	d->os = 0;
}

void
draft_begin(struct draft *d, struct store *s)
{
	char path[PATH_MAX];

	draft_reset(d);
	if (s->discard)
		return;
	d->temporary = ++s->last_temporary;
	temporary_path(s, d->temporary, "eml", path);
	d->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (d->fd < 0)
		d->os = errno;
	if (d->buffer == NULL && (d->buffer = malloc(DRAFT_BUFFER)) == NULL)
		d->os = ENOMEM;
}

static int
write_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t w = write(fd, p, n);
		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return errno;
		p += w;
		n -= (size_t)w;
	}
	return 0;
}

static void
draft_flush(struct draft *d)
{
	if (d->os == 0 && d->buffered > 0)
		d->os = write_all(d->fd, d->buffer, d->buffered);
	d->buffered = 0;
}

void
draft_put(struct draft *d, const char *p, size_t n)
{
	d->bytes += n;
	if (d->fd < 0 || d->os != 0)
		return;
	if (n > DRAFT_BUFFER - d->buffered)
		draft_flush(d);
	if (n >= DRAFT_BUFFER) {
		if (d->os == 0)
			d->os = write_all(d->fd, p, n);
		return;
	}
	memcpy(d->buffer + d->buffered, p, n);
	d->buffered += n;
}

static int
keep_facts(struct store *s, uint64_t temporary, uint64_t number, json_t *facts,
	   struct err *e)
{
	char from[PATH_MAX], to[PATH_MAX];

	temporary_path(s, temporary, "json", from);
	message_path(s, number, "json", to);
	if (json_dump_file(facts, from, JSON_COMPACT) != 0 || rename(from, to) != 0)
		return err_set(e, ERR_IO, errno, "%s", to);
	return 0;
}

int
draft_keep(struct draft *d, struct store *s, json_t *facts, struct err *e)
{
	char from[PATH_MAX], to[PATH_MAX];

	if (s->discard) {
		json_decref(facts);
		draft_reset(d);
		return 0;
	}
	draft_flush(d);
	int os = d->os;
	uint64_t number = ++s->last_number;
	temporary_path(s, d->temporary, "eml", from);
	message_path(s, number, "eml", to);
	json_object_set_new(facts, "bytes", json_integer((json_int_t)d->bytes));
	/* The facts first: where there is a .eml, its .json is there already. */
	int r = os == 0 ? keep_facts(s, d->temporary, number, facts, e)
			: err_set(e, err_kind_of_errno(os), os, "%s", to);
	json_decref(facts);
	if (r == 0 && rename(from, to) != 0)
		r = err_set(e, err_kind_of_errno(errno), errno, "%s", to);
	if (r != 0)
		draft_drop(d, s);
	draft_reset(d);
	return r;
}

void
draft_drop(struct draft *d, struct store *s)
{
	char path[PATH_MAX];

	if (d->fd >= 0) {
		temporary_path(s, d->temporary, "eml", path);
		unlink(path);
	}
	draft_reset(d);
}

void
draft_done(struct draft *d, struct store *s)
{
	draft_drop(d, s);
	free(d->buffer);
	d->buffer = NULL;
}

void
store_write_raw(const struct store *s, uint64_t connection, struct span bytes)
{
	char path[PATH_MAX];

	if (s->discard)
		return;
	snprintf(path, sizeof(path), "%s/pre-tls/%04" PRIu64 ".raw", s->directory,
		 connection);
	SCOPED(close_fd)
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0 || write_all(fd, bytes.p, bytes.n) != 0)
		fprintf(stderr, "tdcsink: %s: %s\n", path, strerror(errno));
}
