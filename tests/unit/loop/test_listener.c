/*
 * test_listener.c - accepting sockets, and connections being made.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tdc/loop/loop.h"
#include "tdc/loop/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

struct fixture {
	struct clock_manual clock;
	struct loop *loop;
	struct listener *listener;
	char folder[32], path[64], address[80];
	int accepted, connected, fd;
	char peer[SOCKET_TEXT_MAX];
	enum { ON_ACCEPT_KEEP, ON_ACCEPT_PAUSE, ON_ACCEPT_FREE } on_accept;
	int done;
	enum err_kind error;
	char error_text[ERR_TEXT_MAX];
};

static void
open_fixture(struct fixture *f)
{
	struct err e;

	memset(f, 0, sizeof(*f));
	f->fd = -1;
	clock_manual_init(&f->clock, 1);
	assert_int_equal(loop_new(&f->clock.base, &f->loop, &e), 0);
	strcpy(f->folder, "/tmp/tdc-listener-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	snprintf(f->path, sizeof(f->path), "%s/socket", f->folder);
	snprintf(f->address, sizeof(f->address), "unix:%s", f->path);
}

static void
close_fixture(struct fixture *f)
{
	listener_free(f->listener);
	loop_free(f->loop);
	if (f->fd >= 0)
		close(f->fd);
	unlink(f->path);
	assert_int_equal(rmdir(f->folder), 0);
}

static void
turns(struct fixture *f, int n)
{
	struct err e;
	while (n-- > 0)
		assert_int_equal(loop_run_once(f->loop, 0, &e), 0);
}

static void
on_accept(void *arg, int fd, const struct socket_address *peer)
{
	struct fixture *f = arg;

	f->accepted++;
	socket_address_format_host(peer, f->peer);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
	if (f->on_accept == ON_ACCEPT_PAUSE)
		listener_pause(f->listener);
	if (f->on_accept == ON_ACCEPT_FREE) {
		listener_free(f->listener);
		f->listener = NULL;
	}
}

static int
listen_on(struct fixture *f, const char *address, struct err *e)
{
	struct listener_settings s = { .mode = 0660, .inherited_fd = -1 };
	assert_int_equal(socket_address_parse(address, &s.address, e), 0);
	return listener_new(f->loop, &s, on_accept, f, &f->listener, e);
}

static void
on_connected(void *arg, int fd, const struct err *e)
{
	struct fixture *f = arg;

	f->done++;
	f->error = e == NULL ? ERR_NONE : e->kind;
	snprintf(f->error_text, sizeof(f->error_text), "%s", e == NULL ? "" : e->text);
	assert_int_equal(e == NULL, fd >= 0);
	if (f->fd >= 0)
		close(f->fd);
	f->fd = fd;
}

static struct connecting *
connect_to(struct fixture *f, const struct socket_address *a)
{
	struct connecting *c = NULL;
	struct err e;
	int before = f->done;

	assert_int_equal(connecting_new(f->loop, a, NULL, 1000, on_connected, f, &c, &e),
			 0);
	assert_int_equal(f->done, before); /* never from inside the call */
	return c;
}

static void
connections_arrive_over_every_family(void **state)
{
	static const char *const families[][2] = { { "127.0.0.1:0", "127.0.0.1" },
						   { "[::1]:0", "::1" },
						   { NULL, "unix" } };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct fixture f;
		struct err e = { 0 };
		open_fixture(&f);
		const char *address = families[i][0] == NULL ? f.address : families[i][0];
		if (listen_on(&f, address, &e) != 0)
			fail_msg("%s: %s", address, e.text);
		struct socket_address a = listener_address(f.listener);
		char text[SOCKET_TEXT_MAX];
		socket_address_format(&a, text);
		assert_null(strstr(text, ":0")); /* the port that was chosen */
		connect_to(&f, &a);
		connect_to(&f, &a);
		turns(&f, 4);
		assert_int_equal(f.accepted, 2);
		assert_int_equal(f.done, 2);
		assert_int_equal(f.error, ERR_NONE);
		assert_string_equal(f.peer, families[i][1]);
		close_fixture(&f);
	}
}

static void
a_unix_socket_has_its_mode_and_is_removed(void **state)
{
	struct fixture f;
	struct stat st;
	struct err e;

	(void)state;
	open_fixture(&f);
	mode_t before = umask(0077);
	assert_int_equal(listen_on(&f, f.address, &e), 0);
	umask(before);
	assert_int_equal(stat(f.path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
	listener_free(f.listener);
	f.listener = NULL;
	assert_int_equal(stat(f.path, &st), -1);
	close_fixture(&f);
}

static void
a_stale_socket_file_is_replaced_but_one_in_use_is_not(void **state)
{
	struct fixture f, other;
	struct err e;

	(void)state;
	open_fixture(&f);
	open_fixture(&other);
	/* Stale: bound once, its owner died. */
	struct socket_address a;
	assert_int_equal(socket_address_parse(f.address, &a, &e), 0);
	int dead = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(dead, (struct sockaddr *)&a.storage, a.length), 0);
	close(dead);
	assert_int_equal(listen_on(&f, f.address, &e), 0);
	/* In use now. */
	assert_int_equal(listen_on(&other, f.address, &e), -1);
	assert_int_equal(e.kind, ERR_BUSY);
	turns(&f, 2);
	assert_int_equal(access(f.path, F_OK), 0);
	close_fixture(&other);
	close_fixture(&f);
}

static void
a_file_that_is_no_socket_is_left_alone(void **state)
{
	struct fixture f;
	struct err e;

	(void)state;
	open_fixture(&f);
	int fd = open(f.path, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(listen_on(&f, f.address, &e), -1);
	assert_int_equal(e.kind, ERR_CONFIG);
	assert_int_equal(access(f.path, F_OK), 0);
	close_fixture(&f);
}

/* In place of the C library's: somebody who may write in the folder is quicker. */
static const char *swapped_for;

int
bind(int fd, __CONST_SOCKADDR_ARG addr, socklen_t len)
{
	int r = (int)syscall(SYS_bind, fd, addr.__sockaddr__, len);

	if (r == 0 && swapped_for != NULL) {
		assert_int_equal(unlink(addr.__sockaddr_un__->sun_path), 0);
		assert_int_equal(symlink(swapped_for, addr.__sockaddr_un__->sun_path), 0);
	}
	return r;
}

static void
a_file_that_a_link_leads_to_keeps_its_mode(void **state)
{
	struct fixture f;
	struct err e = { 0 };
	struct stat st;
	char victim[64];

	(void)state;
	open_fixture(&f);
	snprintf(victim, sizeof(victim), "%s/victim", f.folder);
	int fd = open(victim, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
	swapped_for = victim;
	int r = listen_on(&f, f.address, &e);
	swapped_for = NULL;
	assert_int_equal(stat(victim, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(r, -1);
	assert_non_null(strstr(e.text, "was replaced"));
	assert_int_equal(unlink(victim), 0);
	close_fixture(&f);
}

static void
a_socket_of_another_kind_is_left_alone(void **state)
{
	struct fixture f;
	struct socket_address a;
	struct err e;

	(void)state;
	open_fixture(&f);
	assert_int_equal(socket_address_parse(f.address, &a, &e), 0);
	int log = socket(AF_UNIX, SOCK_DGRAM, 0);
	assert_int_equal(bind(log, (struct sockaddr *)&a.storage, a.length), 0);
	assert_int_equal(listen_on(&f, f.address, &e), -1);
	assert_int_equal(access(f.path, F_OK), 0);
	close(log);
	close_fixture(&f);
}

static void
a_file_that_another_put_there_is_not_removed(void **state)
{
	struct fixture f;
	struct err e;

	(void)state;
	open_fixture(&f);
	assert_int_equal(listen_on(&f, f.address, &e), 0);
	char aside[100];
	snprintf(aside, sizeof(aside), "%s.old", f.path);
	assert_int_equal(rename(f.path, aside), 0);
	int fd = open(f.path, O_CREAT | O_WRONLY, 0600);
	close(fd);
	listener_free(f.listener);
	f.listener = NULL;
	assert_int_equal(access(f.path, F_OK), 0);
	unlink(aside);
	close_fixture(&f);
}

static void
an_address_in_use_is_busy(void **state)
{
	struct fixture f, other;
	struct err e;

	(void)state;
	open_fixture(&f);
	open_fixture(&other);
	assert_int_equal(listen_on(&f, "127.0.0.1:0", &e), 0);
	struct socket_address a = listener_address(f.listener);
	char text[SOCKET_TEXT_MAX];
	socket_address_format(&a, text);
	assert_int_equal(listen_on(&other, text, &e), -1);
	assert_int_equal(e.kind, ERR_BUSY);
	assert_non_null(strstr(e.text, text));
	close_fixture(&other);
	close_fixture(&f);
}

static int
look_at(const char *address, struct err *e)
{
	struct listener_settings s = { .mode = 0660, .inherited_fd = -1 };

	*e = (struct err){ 0 };
	assert_int_equal(socket_address_parse(address, &s.address, e), 0);
	return listener_look(&s, e);
}

/* What a look says is what opening would say, word for word; and nothing is touched. */
static void
expect_same(struct fixture *f, const char *address, enum err_kind kind)
{
	struct err looked, opened = { 0 };

	int r = look_at(address, &looked);
	assert_int_equal(listen_on(f, address, &opened), r);
	assert_int_equal(looked.kind, kind);
	assert_int_equal(opened.kind, kind);
	if (r == 0)
		listener_free(f->listener);
	else
		assert_string_equal(looked.text, opened.text);
	f->listener = NULL;
}

static void
a_look_says_what_opening_would_say(void **state)
{
	struct fixture f, other;
	struct stat before, after;
	char address[SOCKET_TEXT_MAX];
	struct err e;

	(void)state;
	open_fixture(&f);
	open_fixture(&other);
	expect_same(&f, "127.0.0.1:0", ERR_NONE);
	expect_same(&f, "192.0.2.77:1", ERR_NETWORK);
	assert_int_equal(listen_on(&other, "127.0.0.1:0", &e), 0);
	struct socket_address a = listener_address(other.listener);
	socket_address_format(&a, address);
	expect_same(&f, address, ERR_BUSY);
	listener_free(other.listener);
	expect_same(&f, address, ERR_NONE);
	expect_same(&f, "unix:/nonexistent/socket", ERR_NOT_FOUND);
	/* Of a unix socket: nothing there, in use, stale, no socket. */
	assert_int_equal(look_at(f.address, &e), 0);
	assert_int_equal(access(f.path, F_OK), -1);
	assert_int_equal(listen_on(&other, f.address, &e), 0);
	expect_same(&f, f.address, ERR_BUSY);
	listener_free(other.listener);
	other.listener = NULL;
	assert_int_equal(socket_address_parse(f.address, &a, &e), 0);
	int dead = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(dead, (struct sockaddr *)&a.storage, a.length), 0);
	close(dead);
	assert_int_equal(lstat(f.path, &before), 0);
	assert_int_equal(look_at(f.address, &e), 0);
	assert_int_equal(lstat(f.path, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	unlink(f.path);
	int fd = open(f.path, O_CREAT | O_WRONLY, 0600);
	close(fd);
	expect_same(&f, f.address, ERR_CONFIG);
	close_fixture(&other);
	close_fixture(&f);
}

static void
an_inherited_socket_is_used_as_it_is(void **state)
{
	struct fixture f;
	struct err e;

	(void)state;
	open_fixture(&f);
	struct listener_settings s = { 0 };
	struct socket_address a;
	assert_int_equal(socket_address_parse(f.address, &a, &e), 0);
	s.inherited_fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(s.inherited_fd, (struct sockaddr *)&a.storage, a.length),
			 0);
	assert_int_equal(listen(s.inherited_fd, 5), 0);
	assert_int_equal(listener_new(f.loop, &s, on_accept, &f, &f.listener, &e), 0);
	a = listener_address(f.listener);
	connect_to(&f, &a);
	turns(&f, 3);
	assert_int_equal(f.accepted, 1);
	listener_free(f.listener);
	f.listener = NULL;
	assert_int_equal(access(f.path, F_OK), 0); /* its file is the giver's */
	close_fixture(&f);
}

static void
a_pause_leaves_connections_in_the_backlog(void **state)
{
	struct fixture f;
	struct err e;

	(void)state;
	open_fixture(&f);
	f.on_accept = ON_ACCEPT_PAUSE;
	assert_int_equal(listen_on(&f, f.address, &e), 0);
	struct socket_address a = listener_address(f.listener);
	connect_to(&f, &a);
	connect_to(&f, &a);
	connect_to(&f, &a);
	turns(&f, 5);
	assert_int_equal(f.done, 3);
	assert_int_equal(f.accepted, 1);
	f.on_accept = ON_ACCEPT_KEEP;
	listener_resume(f.listener);
	turns(&f, 1);
	assert_int_equal(f.accepted, 3);
	close_fixture(&f);
}

static void
a_listener_may_be_freed_inside_its_call(void **state)
{
	struct fixture f;
	struct err e;

	(void)state;
	open_fixture(&f);
	f.on_accept = ON_ACCEPT_FREE;
	assert_int_equal(listen_on(&f, f.address, &e), 0);
	struct socket_address a = listener_address(f.listener);
	connect_to(&f, &a);
	connect_to(&f, &a);
	turns(&f, 3);
	assert_int_equal(f.accepted, 1);
	close_fixture(&f);
}

static void
without_descriptors_accepting_rests_and_goes_on(void **state)
{
	struct fixture f;
	struct rlimit before, none;
	struct err e;

	(void)state;
	open_fixture(&f);
	assert_int_equal(listen_on(&f, f.address, &e), 0);
	struct socket_address a = listener_address(f.listener);
	connect_to(&f, &a);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = 3;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	turns(&f, 3);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(f.accepted, 0);
	turns(&f, 3);
	assert_int_equal(f.accepted, 0); /* it rests, though it could */
	listener_pause(f.listener);
	listener_resume(f.listener);
	turns(&f, 1);
	assert_int_equal(f.accepted, 0);
	clock_manual_advance(&f.clock, 200);
	turns(&f, 2);
	assert_int_equal(f.accepted, 1);
	close_fixture(&f);
}

/* -- connections being made -- */

static void
a_refused_connection_is_a_network_error(void **state)
{
	struct fixture f;
	struct socket_address a;
	struct err e;

	(void)state;
	open_fixture(&f);
	assert_int_equal(listen_on(&f, "127.0.0.1:0", &e), 0);
	a = listener_address(f.listener);
	listener_free(f.listener);
	f.listener = NULL;
	connect_to(&f, &a);
	for (int i = 0; i < 100 && f.done == 0; i++)
		loop_run_once(f.loop, 20, &e);
	assert_int_equal(f.done, 1);
	assert_int_equal(f.error, ERR_NETWORK);
	assert_string_equal(f.error_text, "no connection: Connection refused");
	assert_int_equal(socket_address_parse(f.address, &a, &e), 0);
	connect_to(&f, &a); /* no such file: known at once, told from the loop */
	turns(&f, 1);
	assert_int_equal(f.done, 2);
	assert_int_equal(f.error, ERR_NETWORK);
	close_fixture(&f);
}

/* A listening socket whose backlog is full: a further connection hangs. */
static int
hang(struct socket_address *a, int fillers[3])
{
	struct err e;

	assert_int_equal(socket_address_parse("127.0.0.1:0", a, &e), 0);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a->storage, a->length), 0);
	assert_int_equal(listen(fd, 0), 0);
	a->length = sizeof(a->storage);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a->storage, &a->length), 0);
	for (int i = 0; i < 3; i++) {
		fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		int r = connect(fillers[i], (struct sockaddr *)&a->storage, a->length);
		assert_true(r == 0 || errno == EINPROGRESS);
	}
	return fd;
}

static void
a_connection_that_hangs_times_out_once(void **state)
{
	struct fixture f;
	struct socket_address a;
	int fillers[3];

	(void)state;
	open_fixture(&f);
	int fd = hang(&a, fillers);
	connect_to(&f, &a);
	turns(&f, 3);
	clock_manual_advance(&f.clock, 999);
	turns(&f, 2);
	assert_int_equal(f.done, 0);
	clock_manual_advance(&f.clock, 1);
	turns(&f, 2);
	assert_int_equal(f.done, 1);
	assert_int_equal(f.error, ERR_TIMEOUT);
	assert_non_null(strstr(f.error_text, "within 1000 ms"));
	clock_manual_advance(&f.clock, 5000);
	turns(&f, 2);
	assert_int_equal(f.done, 1);
	close(fd);
	for (int i = 0; i < 3; i++)
		close(fillers[i]);
	close_fixture(&f);
}

static void
a_cancelled_connection_tells_nothing(void **state)
{
	struct fixture f;
	struct socket_address a;
	int fillers[3];
	struct err e;

	(void)state;
	open_fixture(&f);
	int fd = hang(&a, fillers);
	connecting_cancel(connect_to(&f, &a)); /* under way */
	assert_int_equal(socket_address_parse(f.address, &a, &e), 0);
	connecting_cancel(connect_to(&f, &a)); /* its outcome is known already */
	connecting_cancel(NULL);
	clock_manual_advance(&f.clock, 5000);
	turns(&f, 3);
	assert_int_equal(f.done, 0);
	close(fd);
	for (int i = 0; i < 3; i++)
		close(fillers[i]);
	close_fixture(&f);
}

static void
a_connection_starts_from_the_address_it_was_told(void **state)
{
	struct fixture f;
	struct socket_address a, from;
	struct connecting *c;
	struct err e;

	(void)state;
	open_fixture(&f);
	assert_int_equal(listen_on(&f, "127.0.0.1:0", &e), 0);
	a = listener_address(f.listener);
	assert_int_equal(socket_address_parse("127.0.0.9:0", &from, &e), 0);
	assert_int_equal(
		connecting_new(f.loop, &a, &from, 1000, on_connected, &f, &c, &e), 0);
	for (int i = 0; i < 100 && (f.done == 0 || f.accepted == 0); i++)
		loop_run_once(f.loop, 20, &e);
	assert_int_equal(f.error, ERR_NONE);
	assert_string_equal(f.peer, "127.0.0.9");
	assert_int_equal(socket_address_parse("192.0.2.77:0", &from, &e), 0);
	assert_int_equal(
		connecting_new(f.loop, &a, &from, 1000, on_connected, &f, &c, &e), 0);
	turns(&f, 1);
	assert_int_equal(f.done, 2); /* no address of ours */
	assert_int_equal(f.error, ERR_NETWORK);
	close_fixture(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connections_arrive_over_every_family),
		cmocka_unit_test(a_unix_socket_has_its_mode_and_is_removed),
		cmocka_unit_test(a_stale_socket_file_is_replaced_but_one_in_use_is_not),
		cmocka_unit_test(a_file_that_is_no_socket_is_left_alone),
		cmocka_unit_test(a_file_that_a_link_leads_to_keeps_its_mode),
		cmocka_unit_test(a_socket_of_another_kind_is_left_alone),
		cmocka_unit_test(a_file_that_another_put_there_is_not_removed),
		cmocka_unit_test(an_address_in_use_is_busy),
		cmocka_unit_test(a_look_says_what_opening_would_say),
		cmocka_unit_test(an_inherited_socket_is_used_as_it_is),
		cmocka_unit_test(a_pause_leaves_connections_in_the_backlog),
		cmocka_unit_test(a_listener_may_be_freed_inside_its_call),
		cmocka_unit_test(without_descriptors_accepting_rests_and_goes_on),
		cmocka_unit_test(a_refused_connection_is_a_network_error),
		cmocka_unit_test(a_connection_that_hangs_times_out_once),
		cmocka_unit_test(a_cancelled_connection_tells_nothing),
		cmocka_unit_test(a_connection_starts_from_the_address_it_was_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
