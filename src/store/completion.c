/*
 * completion.c - a chain under a mutex, and a descriptor that wakes the loop.
 */
#include "store/completion.h"

#include "tdc/loop/loop.h"

#include <errno.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

void
completions_run(struct completions *c)
{
	pthread_mutex_lock(&c->lock);
	struct completion *chain = c->first;
	c->first = NULL;
	c->end = &c->first;
	pthread_mutex_unlock(&c->lock);
	while (chain != NULL) {
		struct completion *next = chain->next;
		chain->run(chain);
		chain = next;
	}
}

static void
woken(void *arg, bool readable, bool writable)
{
	struct completions *c = arg;
	uint64_t n;

	(void)readable;
	(void)writable;
	ssize_t r = read(c->wake_fd, &n, sizeof(n));
	(void)r;
	completions_run(c);
}

int
completions_init(struct completions *c, struct loop *l, struct err *e)
{
	pthread_mutex_init(&c->lock, NULL);
	c->first = NULL;
	c->end = &c->first;
	c->watch = NULL;
	c->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (c->wake_fd < 0)
		return err_set(e, err_kind_of_errno(errno), errno,
			       "no descriptor for wake-ups");
	return watch_new(l, c->wake_fd, true, false, woken, c, &c->watch, e);
}

void
completions_done(struct completions *c)
{
	if (c->end == NULL)
		return; /* never initialised */
	/* A callback may cause another answer (the end of a draft, for one). */
	while (c->first != NULL)
		completions_run(c);
	if (c->watch != NULL)
		watch_free(c->watch);
	if (c->wake_fd >= 0)
		close(c->wake_fd);
	pthread_mutex_destroy(&c->lock);
	c->end = NULL;
}

void
completions_post(struct completions *c, struct completion *first)
{
	struct completion **end = &first;

	if (first == NULL)
		return;
	while (*end != NULL)
		end = &(*end)->next;
	pthread_mutex_lock(&c->lock);
	bool was_empty = c->first == NULL;
	*c->end = first;
	c->end = end;
	pthread_mutex_unlock(&c->lock);
	if (was_empty) {
		uint64_t one = 1;
		ssize_t r = write(c->wake_fd, &one, sizeof(one));
		(void)r; /* a full counter wakes, too */
	}
}
