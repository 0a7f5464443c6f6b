/*
 * main.c - one thread and one epoll for all sessions.
 */
#include "load.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>

static volatile sig_atomic_t is_told_to_end;

static void
on_term(int signo)
{
	(void)signo;
	is_told_to_end = 1;
}

int64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void
die(const char *what)
{
	perror(what);
	exit(1);
}

bool
is_over(const struct run *r)
{
	if (is_told_to_end || (r->o.total != 0 && r->started >= r->o.total))
		return true;
	return r->end_at != 0 && now_ns() >= r->end_at;
}

static void
start(struct run *r)
{
	struct sigaction term = { .sa_handler = on_term };

	sigaction(SIGTERM, &term, NULL);
	signal(SIGPIPE, SIG_IGN);
	make_body(r);
	r->epoll = epoll_create1(EPOLL_CLOEXEC);
	r->parked = calloc(r->o.connections, sizeof(struct session *));
	if (r->epoll < 0 || r->parked == NULL)
		die("start");
	raw_open(r);
	gauge_open(r);
	r->begin = now_ns();
	if (r->o.seconds > 0)
		r->end_at = r->begin + (int64_t)(r->o.seconds * 1e9);
}

static void
handle(struct run *r, const struct epoll_event *event)
{
	struct session *s = event->data.ptr;

	if (s == NULL)
		gauge_read(r);
	else if (s->fd < 0)
		return;
	else if ((event->events & EPOLLOUT) != 0 && !session_write_content(r, s))
		session_close(r, s, true);
	else if ((event->events & ~(uint32_t)EPOLLOUT) != 0)
		session_read(r, s);
}

/* At the end nobody waits for a greeting that a full server does not give. */
static void
leave_queue(struct run *r, struct session *sessions)
{
	for (unsigned i = 0; i < r->o.connections && is_over(r); i++)
		if (sessions[i].fd >= 0 && sessions[i].step == STEP_GREETING)
			session_close(r, &sessions[i], false);
}

int
main(int argc, char **argv)
{
	static struct run r;
	int64_t heard_at;
	uint64_t heard = 0;

	parse_options(&r.o, argc, argv);
	start(&r);
	struct session *sessions = calloc(r.o.connections, sizeof(*sessions));
	if (sessions == NULL)
		die("calloc");
	for (unsigned i = 0; i < r.o.connections; i++)
		session_open(&r, &sessions[i]);
	heard_at = now_ns();
	while (r.open > 0) {
		struct epoll_event events[EVENTS_MAX];
		int n = epoll_wait(r.epoll, events, EVENTS_MAX,
				   r.parked_n > 0 ? 1 : 1000);
		for (int i = 0; i < n; i++)
			handle(&r, &events[i]);
		if (r.accepted + r.refused + r.broken != heard || r.parked_n > 0)
			heard_at = now_ns();
		heard = r.accepted + r.refused + r.broken;
		if (now_ns() - heard_at > (int64_t)60 * 1000000000) {
			fprintf(stderr, "load: no reply to a message for 60 s\n");
			break;
		}
		gauge_ask(&r);
		unpark_those_who_may(&r);
		leave_queue(&r, sessions);
	}
	print_result(&r);
	return r.broken + r.refused > 0 ? 3 : 0;
}
