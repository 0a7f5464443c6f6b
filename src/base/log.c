/*
 * log.c - the log's one state: where it goes, in which form, and what is gathered for
 * this turn.
 *
 * One mutex guards everything but the levels, which are read without it. A line is
 * formatted on the caller's stack before the lock is taken. The order of lines is the
 * order of their calls: who writes at once writes what is gathered first.
 */
#include "log_internal.h"

#include "tdc/base/check.h"
#include "tdc/base/clock.h"
#include "tdc/base/format.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

static struct {
	pthread_mutex_t lock;
	struct log_sink sink;
	struct buf gathered;
	struct buf datagram; /* scratch of journald and syslog */
	struct log_stamp stamp;
	unsigned reopenings; /* how often a rotation was told */
	bool has_gatherer;
	pthread_t gatherer;
	void (*on_first)(void *arg);
	void *on_first_arg;
} state = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.sink = { .target = LOG_TO_STDERR, .fd = -1 },
	.gathered = { .max = LOG_GATHERED_MAX },
	.datagram = { .max = LOG_GATHERED_MAX },
};

static atomic_int thresholds[LOG_SUBSYSTEM_COUNT] = {
	LOG_LEVEL_INFO, LOG_LEVEL_INFO, LOG_LEVEL_INFO, LOG_LEVEL_INFO, LOG_LEVEL_INFO,
};

static void
flush_locked(void)
{
	log_sink_write(&state.sink, buf_span(&state.gathered));
	buf_clear(&state.gathered);
}

/* A target that is open and not yet in use. */
struct log_change {
	struct log_sink sink;
	enum log_level level;
	unsigned reopenings; /* of the log, when this was opened */
	bool is_fallen_back;
	struct err why;
};

static unsigned
count_reopenings(void)
{
	pthread_mutex_lock(&state.lock);
	unsigned n = state.reopenings;
	pthread_mutex_unlock(&state.lock);
	return n;
}

static int
change_open(const struct log_settings *s, const char *path, struct log_change *ret,
	    struct err *e)
{
	struct log_change c = { .level = s->level, .reopenings = count_reopenings() };

	log_sink_init(&c.sink);
	c.sink.form = s->form;
	if (s->target == LOG_TO_JOURNALD)
		c.is_fallen_back =
			log_sink_open(&c.sink, s->target, s->form, path, &c.why) != 0;
	else if (log_sink_open(&c.sink, s->target, s->form, path, e) != 0)
		return -1;
	*ret = c;
	return 0;
}

static void
change_take(struct log_change *c)
{
	struct err ignored;

	pthread_mutex_lock(&state.lock);
	flush_locked();
	/* A rotation since then: what is open may have got another name. */
	if (c->reopenings != state.reopenings)
		log_sink_reopen(&c->sink, &ignored);
	if (state.sink.lost > 0) { /* the new target is told */
		c->sink.lost = state.sink.lost;
		c->sink.is_failed = true;
	}
	log_sink_close(&state.sink);
	state.sink = c->sink;
	pthread_mutex_unlock(&state.lock);
	for (int i = 0; i < LOG_SUBSYSTEM_COUNT; i++)
		log_set_level((enum log_subsystem)i, c->level);
	if (c->is_fallen_back)
		log_event(LOG_DAEMON, WARNING, "log.fallback",
			  F(LF_TEXT("reason", c->why.text)),
			  "log target journald is not usable: %s; logging to stderr",
			  c->why.text);
}

int
log_open_with_socket(const struct log_settings *s, const char *path, struct err *e)
{
	struct log_change c;

	if (change_open(s, path, &c, e) != 0)
		return -1;
	change_take(&c);
	return 0;
}

static const char *
path_of(const struct log_settings *s)
{
	const char *const paths[] = {
		[LOG_TO_STDERR] = NULL,
		[LOG_TO_FILE] = s->path,
		[LOG_TO_SYSLOG] = LOG_SYSLOG_SOCKET,
		[LOG_TO_JOURNALD] = LOG_JOURNALD_SOCKET,
	};

	return paths[s->target];
}

int
log_open(const struct log_settings *s, struct err *e)
{
	return log_open_with_socket(s, path_of(s), e);
}

int
log_change_new(const struct log_settings *s, struct log_change **ret, struct err *e)
{
	struct log_change *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return err_set(e, ERR_MEMORY, 0, "no memory for the log");
	if (change_open(s, path_of(s), c, e) != 0) {
		free(c);
		return -1;
	}
	*ret = c;
	return 0;
}

const char *
log_change_fallback(const struct log_change *c)
{
	return c->is_fallen_back ? c->why.text : NULL;
}

int
log_look(const struct log_settings *s, struct err *e)
{
	struct log_sink sink;

	if (s->target == LOG_TO_FILE)
		return log_file_look(s->path, e);
	if (s->target == LOG_TO_SYSLOG &&
	    faccessat(AT_FDCWD, path_of(s), W_OK, AT_EACCESS) != 0)
		return err_set(e, err_kind_of_errno(errno), errno,
			       "lines are lost while there is no syslog at %s",
			       path_of(s));
	if (log_sink_open(&sink, s->target, s->form, path_of(s), e) != 0)
		return -1;
	log_sink_close(&sink);
	return 0;
}

void
log_change_take(struct log_change *c)
{
	change_take(c);
	free(c);
}

void
log_change_free(struct log_change *c)
{
	if (c == NULL)
		return;
	log_sink_close(&c->sink);
	free(c);
}

int
log_reopen(struct err *e)
{
	pthread_mutex_lock(&state.lock);
	flush_locked();
	state.reopenings++;
	int r = log_sink_reopen(&state.sink, e);
	pthread_mutex_unlock(&state.lock);
	return r;
}

void
log_close(void)
{
	pthread_mutex_lock(&state.lock);
	flush_locked();
	log_sink_close(&state.sink);
	buf_done(&state.gathered);
	buf_done(&state.datagram);
	state.has_gatherer = false;
	pthread_mutex_unlock(&state.lock);
}

void
log_flush(void)
{
	pthread_mutex_lock(&state.lock);
	flush_locked();
	pthread_mutex_unlock(&state.lock);
}

void
log_gather_here(void (*on_first)(void *arg), void *arg)
{
	pthread_mutex_lock(&state.lock);
	state.on_first = on_first;
	state.on_first_arg = arg;
	state.gatherer = pthread_self();
	state.has_gatherer = true;
	pthread_mutex_unlock(&state.lock);
}

void
log_gather_nowhere(void)
{
	pthread_mutex_lock(&state.lock);
	flush_locked();
	state.has_gatherer = false;
	pthread_mutex_unlock(&state.lock);
}

bool
log_is_on(enum log_subsystem sub, enum log_level level)
{
	return (int)level >= atomic_load_explicit(&thresholds[sub], memory_order_relaxed);
}

void
log_set_level(enum log_subsystem sub, enum log_level level)
{
	check((unsigned)sub < LOG_SUBSYSTEM_COUNT);
	atomic_store_explicit(&thresholds[sub], (int)level, memory_order_relaxed);
}

/* A line more for this turn. When it does not fit behind the others they go first. */
static void
gather_locked(const struct log_record *r)
{
	size_t before = state.gathered.n;

	if (log_encode(&state.gathered, state.sink.form, r) == 0)
		return;
	state.gathered.failed = false;
	state.gathered.n = before;
	flush_locked();
	if (log_encode(&state.gathered, state.sink.form, r) !=
	    0) { /* no memory: the line is lost, and counted */
		buf_clear(&state.gathered);
		state.sink.lost++;
		state.sink.is_failed = true;
	}
}

static void
elsewhere_locked(const struct log_record *r)
{
	if (log_encode(&state.gathered, state.sink.form, r) == 0)
		log_sink_send_elsewhere(&state.sink, buf_span(&state.gathered));
	buf_clear(&state.gathered);
}

static void
send_locked(const struct log_record *r)
{
	buf_clear(&state.datagram);
	if (log_encode_datagram(&state.datagram, &state.sink, r) != 0) {
		state.sink.lost++; /* no memory */
		return;
	}
	if (log_sink_send(&state.sink, buf_span(&state.datagram)) != 0 &&
	    state.sink.target == LOG_TO_JOURNALD)
		elsewhere_locked(r);
}

void
log_line(enum log_subsystem sub, enum log_level level, const char *event,
	 const struct log_field *fields, size_t n_fields, const char *fmt, ...)
{
	char text[LOG_MESSAGE_MAX + 1];
	va_list ap;

	va_start(ap, fmt);
	int n = format_text(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n < 0)
		n = 0;
	struct log_record r = {
		.wall_ms = clock_system()->wall_ms(clock_system()),
		.stamp = &state.stamp,
		.subsystem = sub,
		.level = level,
		.event = event,
		.fields = fields,
		.n_fields = n_fields,
		.text = span_make(text, (size_t)n < sizeof(text) ? (size_t)n
								 : sizeof(text) - 1),
	};
	pthread_mutex_lock(&state.lock);
	bool is_at_once = level >= LOG_LEVEL_WARNING || !state.has_gatherer ||
			  !pthread_equal(pthread_self(), state.gatherer);
	bool is_first = state.gathered.n == 0;
	if (log_sink_takes_records(&state.sink)) {
		send_locked(&r);
	} else {
		gather_locked(&r);
		if (is_at_once)
			flush_locked();
		else if (is_first)
			state.on_first(state.on_first_arg);
	}
	pthread_mutex_unlock(&state.lock);
}
