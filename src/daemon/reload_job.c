/*
 * reload_job.c - the way of a reload: asked for on the loop, loaded on a thread of its
 * own, taken on the loop.
 *
 *	idle --asked--> loading --loaded--> idle
 *	                 |   ^
 *	               asked |
 *	                 v   | loaded: the next load begins
 *	            loading, and once more
 *
 * A load that is under way may have read a file before it was changed. So whoever asks
 * meanwhile gets a load of his own; all who ask meanwhile share it. What the job makes is
 * its own until the loop has it back.
 */
#include "daemon.h"

#include "tdc/base/cleanup.h"
#include "tdc/base/list.h"
#include "tdc/loop/work.h"

#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

/* Who wants to know. */
struct waiter {
	struct list_node node;
	admin_reload_fn *done;
	void *arg;
};

struct reload {
	struct daemon *daemon;
	struct work *thread; /* one: its jobs run in their order */
	struct list waiters, next_waiters;
	bool is_loading, must_load_again;

	/* The job's own while it runs. */
	struct work_job job;
	struct loop_job answer;
	struct loaded loaded;
	struct problems problems;
	struct err failure;
	bool is_failed;

	struct work_job burial;
	struct dns_resolver
		*retired; /* it waits for its thread: not the loop's to free */
};

/* Whoever asked may be another user, who can read it. */
static void
say_who_read(struct err *e)
{
	struct passwd entry, *found = NULL;
	char room[4096];

	if (getpwuid_r(geteuid(), &entry, room, sizeof(room), &found) == 0 &&
	    found != NULL)
		err_wrap(e, "tdcd, as user %s", found->pw_name);
	else
		err_wrap(e, "tdcd, as uid %ld", (long)geteuid());
}

static void
load(struct work_job *job)
{
	struct reload *r = list_entry(job, struct reload, job);
	const struct options *o = &r->daemon->options;

	r->is_failed = loaded_new(o->config, problems_report, &r->problems, &r->loaded,
				  &r->failure) != 0 ||
		       loaded_open_log(&r->loaded, o, problems_report, &r->problems,
				       &r->failure) != 0;
	if (r->is_failed && r->problems.errors == 0)
		say_who_read(&r->failure);
	if (r->is_failed)
		loaded_done(&r->loaded);
	loop_post(r->daemon->loop, &r->answer);
}

static void
begin(struct reload *r)
{
	r->is_loading = true;
	r->must_load_again = false;
	while (!list_is_empty(&r->next_waiters)) {
		struct list_node *n = list_first(&r->next_waiters);
		list_remove(&r->next_waiters, n);
		list_append(&r->waiters, n);
	}
	problems_done(&r->problems);
	problems_init(&r->problems);
	r->failure = (struct err){ 0 };
	notify_reloading(loop_mono_ms(r->daemon->loop));
	work_submit(r->thread, &r->job);
}

static void
bury(struct work_job *job)
{
	struct reload *r = list_entry(job, struct reload, burial);

	dns_resolver_free(r->retired);
}

/* `refused` NULL: it was taken. The list may get new members from inside the calls; those
 * are not told. */
static void
tell(struct reload *r, struct list *waiters, const struct err *refused)
{
	const struct admin_reload answer = {
		.refused = refused,
		.errors = problems_lines(&r->problems.error_lines),
		.warnings = problems_lines(&r->problems.warning_lines),
	};

	for (size_t left = waiters->count; left > 0; left--) {
		struct list_node *n = list_first(waiters);
		struct waiter *w = list_entry(n, struct waiter, node);
		list_remove(waiters, n);
		w->done(w->arg, &answer);
		free(w);
	}
}

static int
take(struct reload *r, struct err *e)
{
	if (r->is_failed) {
		*e = r->failure;
		daemon_refuse(&r->problems, e);
		return -1;
	}
	daemon_take(r->daemon, &r->loaded, &r->problems);
	/* The burial before it is over: the thread had it before this load. */
	r->retired = TAKE_PTR(r->loaded.resolver);
	work_submit(r->thread, &r->burial);
	return 0;
}

static void
on_loaded(struct loop_job *answer)
{
	struct reload *r = list_entry(answer, struct reload, answer);
	struct err e = { 0 };

	r->is_loading = false;
	if (r->daemon->is_stopping)
		return; /* reload_free() tells those who wait */
	int taken = take(r, &e);
	tell(r, &r->waiters, taken == 0 ? NULL : &e);
	if (r->must_load_again)
		begin(r);
}

static int
remember(struct list *waiters, admin_reload_fn *done, void *arg, struct err *e)
{
	struct waiter *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return err_set(e, ERR_MEMORY, 0, "no memory for a reload");
	w->done = done;
	w->arg = arg;
	list_append(waiters, &w->node);
	return 0;
}

int
reload_ask(struct reload *r, admin_reload_fn *done, void *arg, struct err *e)
{
	if (r->daemon->is_stopping)
		return err_set(e, ERR_SHUTDOWN, 0, "the daemon is stopping");
	if (done != NULL && remember(&r->next_waiters, done, arg, e) != 0)
		return -1;
	if (r->is_loading)
		r->must_load_again = true;
	else
		begin(r);
	return 0;
}

int
reload_new(struct daemon *d, struct reload **ret, struct err *e)
{
	struct reload *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return err_set(e, ERR_MEMORY, 0, "no memory for reloads");
	r->daemon = d;
	r->job.run = load;
	r->answer.run = on_loaded;
	r->burial.run = bury;
	list_init(&r->waiters);
	list_init(&r->next_waiters);
	problems_init(&r->problems);
	if (work_new("reload", 1, &r->thread, e) != 0) {
		free(r);
		return -1;
	}
	*ret = r;
	return 0;
}

void
reload_free(struct reload *r)
{
	struct err e = { 0 };

	/* What it posts to the loop is not run any more, what it found is not told. */
	work_free(r->thread);
	loaded_done(&r->loaded);
	problems_done(&r->problems);
	problems_init(&r->problems);
	err_set(&e, ERR_SHUTDOWN, 0, "the daemon is stopping");
	tell(r, &r->waiters, &e);
	tell(r, &r->next_waiters, &e);
	problems_done(&r->problems);
	free(r);
}
