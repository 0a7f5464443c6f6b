/*
 * test_err.c - errors: text, context, and the one question of mail.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tdc/base/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void
an_error_has_kind_text_and_reason(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(err_set(&e, ERR_SPACE, ENOSPC, "cannot write %s", "x"), -1);
	assert_int_equal(e.kind, ERR_SPACE);
	assert_int_equal(e.os, ENOSPC);
	assert_string_equal(e.text, "cannot write x: No space left on device");
	assert_int_equal(err_set(&e, ERR_SYNTAX, 0, "no colon"), -1);
	assert_int_equal(e.os, 0);
	assert_string_equal(e.text, "no colon");
}

static void
context_is_added_outward(void **state)
{
	struct err e;

	(void)state;
	err_set(&e, ERR_IO, EIO, "read");
	assert_int_equal(err_wrap(&e, "body %d", 7), -1);
	err_wrap(&e, "message 4");
	assert_string_equal(e.text, "message 4: body 7: read: Input/output error");
	assert_int_equal(e.kind, ERR_IO);
	assert_int_equal(e.os, EIO);
}

static void
an_error_may_quote_itself(void **state)
{
	struct err e;

	(void)state;
	err_set(&e, ERR_IO, 0, "inner");
	err_set(&e, ERR_DNS, 0, "outer says '%s'", e.text);
	assert_string_equal(e.text, "outer says 'inner'");
	err_wrap(&e, "again %s", e.text);
	assert_string_equal(e.text, "again outer says 'inner': outer says 'inner'");
}

static void
long_texts_are_cut_and_nobody_is_needed(void **state)
{
	char text[1000];
	struct err e;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	err_set(&e, ERR_IO, EIO, "%s", text);
	assert_int_equal(strlen(e.text), ERR_TEXT_MAX - 1);
	err_wrap(&e, "%s", text);
	assert_int_equal(strlen(e.text), ERR_TEXT_MAX - 1);
	err_wrap(&e, "short");
	assert_int_equal(strlen(e.text), ERR_TEXT_MAX - 1);
	assert_memory_equal(e.text, "short: xxx", 10);
	assert_int_equal(err_set(NULL, ERR_IO, 0, "x"), -1);
	assert_int_equal(err_wrap(NULL, "x"), -1);
}

static const struct {
	const char *name;
	int os;
	enum err_kind kind;
	bool is_temporary;
} rows[] = {
	{ "a full disk is for later", ENOSPC, ERR_SPACE, true },
	{ "a full quota is for later", EDQUOT, ERR_SPACE, true },
	{ "no memory is for later", ENOMEM, ERR_MEMORY, true },
	{ "no descriptors is for later", EMFILE, ERR_LIMIT, true },
	{ "a lock is for later", EBUSY, ERR_BUSY, true },
	{ "an address in use is for later", EADDRINUSE, ERR_BUSY, true },
	{ "a refused connection is for later", ECONNREFUSED, ERR_NETWORK, true },
	{ "a reset is for later", ECONNRESET, ERR_NETWORK, true },
	{ "no route is for later", EHOSTUNREACH, ERR_NETWORK, true },
	{ "a time-out is for later", ETIMEDOUT, ERR_TIMEOUT, true },
	{ "an input/output error is for later", EIO, ERR_IO, true },
	{ "what is unknown is for later", 9999, ERR_IO, true },
	{ "no file is for good", ENOENT, ERR_NOT_FOUND, false },
	{ "no permission is for good", EACCES, ERR_DENIED, false },
};

static void
errno_values_have_kinds(void **state)
{
	int wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		enum err_kind kind = err_kind_of_errno(rows[i].os);
		struct err e = { .kind = kind };
		if (kind != rows[i].kind ||
		    err_is_temporary(&e) != rows[i].is_temporary) {
			printf("%s: got %s %d, want %s %d\n", rows[i].name,
			       err_kind_name(kind), err_is_temporary(&e),
			       err_kind_name(rows[i].kind), rows[i].is_temporary);
			wrong++;
		}
	}
	assert_int_equal(wrong, 0);
}

static void
every_kind_has_its_own_word_and_the_permanent_ones_are_the_last(void **state)
{
	(void)state;
	for (int a = ERR_NONE; a <= ERR_CORRUPT; a++) {
		assert_string_not_equal(err_kind_name((enum err_kind)a), "unknown");
		for (int b = a + 1; b <= ERR_CORRUPT; b++)
			assert_string_not_equal(err_kind_name((enum err_kind)a),
						err_kind_name((enum err_kind)b));
		assert_int_equal(err_kind_is_temporary((enum err_kind)a), a < ERR_SYNTAX);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_error_has_kind_text_and_reason),
		cmocka_unit_test(context_is_added_outward),
		cmocka_unit_test(an_error_may_quote_itself),
		cmocka_unit_test(long_texts_are_cut_and_nobody_is_needed),
		cmocka_unit_test(errno_values_have_kinds),
		cmocka_unit_test(
			every_kind_has_its_own_word_and_the_permanent_ones_are_the_last),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
