/*
 * surroundings.c - what a start finds around it: the spool's directory, the log's file,
 * the addresses to bind. Looked at for --check, and when a start failed, so that both
 * say the same words, with the place in the configuration.
 *
 * The areas know what their opening would say; here it gets its key. All is looked at
 * as the user that the daemon works as, but for the listeners, which root binds.
 */
#include "daemon.h"

#include "tdc/base/path.h"
#include "tdc/loop/stream.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct look {
	const struct config *config;
	const struct options *options;
	bool is_for_cause;
	bool is_running; /* a daemon, with this control socket */
	config_report_fn *report;
	void *arg;
};

static void
look_at_file(struct look *l)
{
	const char *path = l->options->config;
	struct err e;
	int os = path_look(path, R_OK);

	if (os == 0)
		return;
	err_set(&e, err_kind_of_errno(os), os,
		"cannot be read by the user that tdcd works as, for a reload");
	err_wrap(&e, "%s:1:1", path);
	l->report(l->arg, false, e.text);
}

static void
look_at_spool(struct look *l)
{
	struct spool_settings s;
	struct err e;

	setup_spool(l->config, &s);
	if (spool_look(&s, &e) == 0)
		return;
	setup_blame(config_root(l->config), "spool.directory", "spool.directory", &e);
	l->report(l->arg, true, e.text);
}

/* A log that goes to stderr for want of journald is no failure, nor is a syslog that is
 * not there yet. */
static void
look_at_log(struct look *l)
{
	struct log_settings s;
	struct err e;

	setup_log(l->config, &s);
	if (l->options->is_foreground || log_look(&s, &e) == 0)
		return;
	const char *key = s.path == NULL ? "log.target" : "log.path";
	setup_blame(config_root(l->config), key, key, &e);
	l->report(l->arg, s.target == LOG_TO_FILE, e.text);
}

/* -1: *e says what is wrong with it; an address that is none is always an error. */
static int
look_at_address(const char *address, bool *is_error, struct err *e)
{
	struct listener_settings s = { .inherited_fd = -1 };

	*is_error = socket_address_parse(address, &s.address, e) != 0;
	return *is_error ? -1 : listener_look(&s, e);
}

static void
look_at_control(struct look *l)
{
	const struct config_node *root = config_root(l->config);
	char address[SOCKET_TEXT_MAX];
	bool is_error;
	struct err e;

	snprintf(address, sizeof(address), "unix:%s", config_text(root, "admin.socket"));
	if (look_at_address(address, &is_error, &e) == 0)
		return;
	l->is_running = !l->is_for_cause && e.kind == ERR_BUSY;
	if (l->is_running)
		return;
	setup_blame(root, "admin.socket", "admin.socket", &e);
	l->report(l->arg, is_error || l->is_for_cause, e.text);
}

/* Whoever listens there would take a look for a client. */
static bool
is_socket_of_running(const struct look *l, const char *address)
{
	static const char prefix[] = "unix:";
	size_t n = sizeof(prefix) - 1;
	struct stat st;

	return l->is_running && strncmp(address, prefix, n) == 0 &&
	       lstat(address + n, &st) == 0 && S_ISSOCK(st.st_mode);
}

static void
look_at_listener(struct look *l, size_t i)
{
	const struct config_node *item =
		config_at(config_root(l->config), "listeners", i);
	const char *address = config_text(item, "address");
	bool is_error;
	struct err e;

	if (is_socket_of_running(l, address) ||
	    look_at_address(address, &is_error, &e) == 0 ||
	    (l->is_running && e.kind == ERR_BUSY))
		return;
	setup_blame_entry(item, "address", "listeners", i, &e);
	l->report(l->arg, is_error || l->is_for_cause, e.text);
}

static void
look_at_listeners(struct look *l)
{
	uid_t before;
	struct err e;

	if (privileges_raise(&before, &e) != 0) {
		l->report(l->arg, true, e.text);
		return;
	}
	for (size_t i = 0; i < config_count(config_root(l->config), "listeners"); i++)
		look_at_listener(l, i);
	if (privileges_return(before, &e) != 0)
		l->report(l->arg, true, e.text);
}

/* The control socket before the listeners: it tells whether a daemon runs. */
static const struct {
	unsigned part;
	void (*look)(struct look *l);
} looks[] = {
	{ LOOK_FILE, look_at_file },
	{ LOOK_SPOOL, look_at_spool },
	{ LOOK_LOG, look_at_log },
	{ LOOK_CONTROL, look_at_control },
	{ LOOK_LISTENERS, look_at_listeners },
};

void
surroundings_look(const struct config *c, const struct options *o, unsigned wanted,
		  config_report_fn *report, void *arg)
{
	struct look l = { .config = c,
			  .options = o,
			  .is_for_cause = (wanted & LOOK_FOR_CAUSE) != 0,
			  .report = report,
			  .arg = arg };

	for (size_t i = 0; i < sizeof(looks) / sizeof(looks[0]); i++)
		if ((wanted & looks[i].part) != 0)
			looks[i].look(&l);
}
