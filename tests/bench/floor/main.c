/*
 * main.c - the command line, the three processes, and the verdict.
 */
#include "floor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

void
die(const char *what)
{
	fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
	exit(1);
}

void
fail(const char *what)
{
	fprintf(stderr, "floor: %s\n", what);
	exit(1);
}

double
now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double
seconds_of(const struct timeval *t)
{
	return (double)t->tv_sec + (double)t->tv_usec / 1e6;
}

void
used(double *user, double *system)
{
	struct rusage u;

	if (getrusage(RUSAGE_SELF, &u) != 0)
		die("getrusage");
	*user = seconds_of(&u.ru_utime);
	*system = seconds_of(&u.ru_stime);
}

void
watch(int epoll, int fd, uint32_t events, void *pointer)
{
	struct epoll_event event = { .events = events, .data.ptr = pointer };

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0)
		die("epoll_ctl");
}

void
say(int fd, const char *text, size_t n)
{
	if (send(fd, text, n, MSG_NOSIGNAL) != (ssize_t)n)
		die("a text of the dialogue");
}

void
no_delay(int fd)
{
	int one = 1;

	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) != 0)
		die("TCP_NODELAY");
}

static void
usage(void)
{
	fprintf(stderr, "usage: floor --directory DIR [--size BYTES] [--clients N] "
			"[--per-connection N]\n"
			"	[--group N] [--files large|always|never] "
			"[--deliveries N] [--messages-per-connection N]\n"
			"	[--direct yes|no] [--seconds S]\n");
	exit(2);
}

static void
parse_option(struct options *o, const char *name, const char *value)
{
	unsigned long number = strtoul(value, NULL, 10);

	if (strcmp(name, "--directory") == 0)
		o->directory = value;
	else if (strcmp(name, "--files") == 0)
		o->files = value;
	else if (strcmp(name, "--direct") == 0)
		o->wants_direct = strcmp(value, "no") != 0;
	else if (strcmp(name, "--seconds") == 0)
		o->seconds = strtod(value, NULL);
	else if (strcmp(name, "--size") == 0)
		o->size = number;
	else if (strcmp(name, "--clients") == 0)
		o->clients = (unsigned)number;
	else if (strcmp(name, "--per-connection") == 0)
		o->per_connection = (unsigned)number;
	else if (strcmp(name, "--group") == 0)
		o->group = (unsigned)number;
	else if (strcmp(name, "--deliveries") == 0)
		o->deliveries = (unsigned)number;
	else if (strcmp(name, "--messages-per-connection") == 0)
		o->messages_per_connection = (unsigned)number;
	else
		usage();
}

static void
parse_options(struct options *o, int argc, char **argv)
{
	*o = (struct options){ .size = 4096,
			       .clients = 50,
			       .per_connection = 100,
			       .group = 24,
			       .deliveries = 20,
			       .messages_per_connection = 10,
			       .seconds = 1,
			       .files = "large",
			       .wants_direct = true };
	for (int i = 1; i < argc; i += 2) {
		if (i + 1 == argc)
			usage();
		parse_option(o, argv[i], argv[i + 1]);
	}
	bool is_word = strcmp(o->files, "large") == 0 ||
		       strcmp(o->files, "always") == 0 || strcmp(o->files, "never") == 0;
	if (!is_word || o->directory == NULL || o->size < 256 ||
	    o->size > 4 * 1024 * 1024 || o->clients < 1 || o->clients > 1000 ||
	    o->deliveries < 1 || o->deliveries > 100 || o->group < 1 ||
	    o->group > GROUP_MAX || o->group * (o->size + BLOCK) > 16 * 1024 * 1024)
		usage();
}

static int
listen_on_loopback(struct sockaddr_in *at)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t n = sizeof(*at);

	*at = (struct sockaddr_in){ .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	if (fd < 0 || bind(fd, (struct sockaddr *)at, sizeof(*at)) != 0 ||
	    listen(fd, 1024) != 0 || getsockname(fd, (struct sockaddr *)at, &n) != 0)
		die("listening");
	return fd;
}

/* A child that ends with this process. */
static pid_t
start_child(void)
{
	pid_t parent = getpid();
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (pid == 0 && (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent))
		exit(1);
	return pid;
}

static void
too_late(int signo)
{
	static const char why[] =
		"floor: no end after a minute more than was asked for\n";

	(void)signo;
	ssize_t n = write(2, why, LENGTH(why));
	_exit(n < 0 ? 2 : 1);
}

static void
judge(const struct relay *r, const struct shared *shared)
{
	if (r->delivered <= WARM)
		fail("too few messages to count anything");
	if (shared->fed != r->delivered || shared->taken != r->delivered ||
	    shared->taken_bytes != r->delivered * r->o.size)
		fail("messages or bytes at the intake are not those that were fed");
	if (shared->spoilt > 0)
		fail("bytes or digests at the intake are not those that were fed");
	if (r->opened > r->o.deliveries && r->resumed == 0)
		fail("no session was resumed");
}

static void
print_result(const struct relay *r, double user, double system)
{
	double thousands = (double)(r->delivered - WARM) / 1000;

	user -= r->user_before;
	system -= r->system_before;
	printf("{\"size\": %zu, \"messages\": %llu, \"messages_per_connection\": %u, "
	       "\"cpu_s_per_1000\": %.6f, \"user\": %.6f, \"system\": %.6f, "
	       "\"resumed\": %llu, \"full\": %llu, \"direct\": %s}\n",
	       r->o.size, (unsigned long long)(r->delivered - WARM),
	       r->o.messages_per_connection, (user + system) / thousands,
	       user / thousands, system / thousands,
	       (unsigned long long)(r->resumed - r->resumed_before),
	       (unsigned long long)(r->full - r->full_before),
	       r->is_direct ? "true" : "false");
}

int
main(int argc, char **argv)
{
	static struct relay r;
	struct sockaddr_in here;
	SSL_CTX *server;
	double user, system;
	int feeder[2];

	parse_options(&r.o, argc, argv);
	r.has_files = r.o.files[0] == 'a' || (r.o.files[0] == 'l' && r.o.size > LARGE);
	signal(SIGALRM, too_late);
	alarm((unsigned)r.o.seconds + 60);
	struct shared *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED || pipe(feeder) != 0)
		die("start");
	int intake = listen_on_loopback(&r.intake);
	r.listener = listen_on_loopback(&here);
	r.feeder = feeder[0];
	tls_make(&r.tls, &server, r.sessions, &r.sessions_n);
	pid_t intake_pid = start_child();
	if (intake_pid == 0) {
		close(feeder[1]); /* its end is the feeder's */
		take_in(&r.o, intake, server, shared);
	}
	relay_open(&r);
	pid_t feeder_pid = start_child();
	if (feeder_pid == 0) {
		feed(&r.o, &here, shared);
		return 0;
	}
	close(feeder[1]);
	relay_run(&r);
	used(&user, &system);
	kill(intake_pid, SIGTERM);
	waitpid(feeder_pid, NULL, 0);
	waitpid(intake_pid, NULL, 0);
	judge(&r, shared);
	print_result(&r, user, system);
	return 0;
}
