/*
 * main.c - tdcsink: an intake simulator.
 */
#include "certificates.h"
#include "control.h"
#include "sink.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static void
print_json(json_t *o)
{
	if (o == NULL || json_dumpf(o, stdout, JSON_COMPACT) != 0)
		fprintf(stderr, "tdcsink: no memory for JSON\n");
	putchar('\n');
	fflush(stdout);
	json_decref(o);
}

static void
on_accept(void *arg, int fd, const struct socket_address *peer)
{
	struct err e = { 0 };

	(void)peer;
	if (session_new(arg, fd, &e) != 0)
		fprintf(stderr, "tdcsink: %s\n", e.text);
}

static void
on_stop(void *arg, int signo)
{
	struct sink *k = arg;

	(void)signo;
	loop_stop(k->loop);
}

static void
on_usr1(void *arg, int signo)
{
	struct sink *k = arg;

	(void)signo;
	print_json(sink_counts_json(&k->counts));
}

static void
print_ready(const struct sink *k)
{
	struct socket_address at = listener_address(k->listener);
	char listening[SOCKET_TEXT_MAX], ca[PATH_MAX];

	socket_address_format(&at, listening);
	snprintf(ca, sizeof(ca), "%s/ca.pem", k->options.directory);
	print_json(json_pack("{s:s,s:s}", "listening", listening, "ca", ca));
}

static int
sink_open(struct sink *k, struct err *e)
{
	struct listener_settings s = { .inherited_fd = -1 };

	if (socket_address_parse(k->options.listen, &s.address, e) != 0)
		return err_wrap(e, "--listen");
	if (store_open(&k->store, k->options.directory, k->options.discard, e) != 0 ||
	    certificates_make(&k->options, k->options.certificate, &k->tls, e) != 0 ||
	    loop_new(clock_system(), &k->loop, e) != 0)
		return -1;
	return listener_new(k->loop, &s, on_accept, k, &k->listener, e);
}

static void
sink_close(struct sink *k)
{
	struct err e = { 0 };
	struct list_node *n;

	while ((n = list_first(&k->sessions)) != NULL)
		session_cut(list_entry(n, struct session, node));
	listener_free(k->listener);
	if (k->loop != NULL)
		loop_run_once(k->loop, 0, &e);
	loop_free(k->loop);
	tls_context_unref(k->tls);
	faults_clear(&k->faults);
}

static int
sink_run(struct sink *k, struct err *e)
{
	struct signal_watch *term = NULL, *interrupt = NULL, *usr1 = NULL;
	struct control *control = NULL;
	int r = -1;

	signal(SIGPIPE, SIG_IGN);
	if (signal_watch_new(k->loop, SIGTERM, on_stop, k, &term, e) == 0 &&
	    signal_watch_new(k->loop, SIGINT, on_stop, k, &interrupt, e) == 0 &&
	    signal_watch_new(k->loop, SIGUSR1, on_usr1, k, &usr1, e) == 0 &&
	    (k->options.control == NULL ||
	     control_new(k, k->options.control, &control, e) == 0)) {
		print_ready(k);
		r = loop_run(k->loop, e);
		print_json(sink_counts_json(&k->counts));
	}
	control_free(control);
	signal_watch_free(usr1);
	signal_watch_free(interrupt);
	signal_watch_free(term);
	return r;
}

int
main(int argc, char **argv)
{
	struct sink k = { 0 };
	struct err e = { 0 };
	bool is_help = false;

	list_init(&k.sessions);
	faults_init(&k.faults);
	if (options_parse(argc, argv, &k.options, &k.faults, &is_help, &e) != 0) {
		fprintf(stderr, "tdcsink: %s (see tdcsink --help)\n", e.text);
		faults_clear(&k.faults);
		return 2;
	}
	if (is_help) {
		fputs(options_help(), stdout);
		faults_clear(&k.faults);
		return 0;
	}
	int r = sink_open(&k, &e);
	if (r == 0)
		r = sink_run(&k, &e);
	if (r != 0)
		fprintf(stderr, "tdcsink: %s\n", e.text);
	sink_close(&k);
	return r == 0 ? 0 : 1;
}
