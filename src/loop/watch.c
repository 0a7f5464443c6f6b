/*
 * watch.c - descriptors that are not streams, and signals.
 *
 * libevent forgets an event at once when it is freed, also from inside its own callback.
 */
#include "loop/inside.h"

#include <stdlib.h>

struct watch {
	struct event *event;
	watch_fn *fn;
	void *arg;
};

static void
watch_fired(evutil_socket_t fd, short what, void *arg)
{
	struct watch *w = arg;

	(void)fd;
	w->fn(w->arg, (what & EV_READ) != 0, (what & EV_WRITE) != 0);
}

int
watch_new(struct loop *l, int fd, bool read, bool write, watch_fn *fn, void *arg,
	  struct watch **ret, struct err *e)
{
	struct watch *w = calloc(1, sizeof(*w));
	if (w == NULL)
		return err_set(e, ERR_MEMORY, 0, "no memory to watch a descriptor");
	w->fn = fn;
	w->arg = arg;
	short what = (short)((read ? EV_READ : 0) | (write ? EV_WRITE : 0) | EV_PERSIST);
	w->event = event_new(l->base, fd, what, watch_fired, w);
	if (w->event == NULL || event_add(w->event, NULL) != 0) {
		watch_free(w);
		return err_set(e, ERR_IO, 0, "cannot watch descriptor %d", fd);
	}
	*ret = w;
	return 0;
}

void
watch_free(struct watch *w)
{
	if (w == NULL)
		return;
	if (w->event != NULL)
		event_free(w->event);
	free(w);
}

struct signal_watch {
	struct event *event;
	signal_fn *fn;
	void *arg;
};

static void
signal_fired(evutil_socket_t signo, short what, void *arg)
{
	struct signal_watch *w = arg;

	(void)what;
	w->fn(w->arg, (int)signo);
}

int
signal_watch_new(struct loop *l, int signo, signal_fn *fn, void *arg,
		 struct signal_watch **ret, struct err *e)
{
	struct signal_watch *w = calloc(1, sizeof(*w));
	if (w == NULL)
		return err_set(e, ERR_MEMORY, 0, "no memory to watch a signal");
	w->fn = fn;
	w->arg = arg;
	w->event = evsignal_new(l->base, signo, signal_fired, w);
	if (w->event == NULL || event_add(w->event, NULL) != 0) {
		signal_watch_free(w);
		return err_set(e, ERR_IO, 0, "cannot watch signal %d", signo);
	}
	*ret = w;
	return 0;
}

void
signal_watch_free(struct signal_watch *w)
{
	if (w == NULL)
		return;
	if (w->event != NULL)
		event_free(w->event);
	free(w);
}
