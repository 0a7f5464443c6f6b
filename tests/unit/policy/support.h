/*
 * support.h - policy sets and messages for the tests.
 */
#ifndef TEST_POLICY_SUPPORT_H
#define TEST_POLICY_SUPPORT_H

#include "tdc/base/buf.h"
#include "tdc/config/config.h"
#include "tdc/policy/policy.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define LISTENER "listeners: [{name: a, protocol: smtp, address: '127.0.0.1:0'}]\n"

static inline struct policy_set *
must_compile(const char *text)
{
	struct config *c = NULL;
	struct policy_set *p = NULL;
	struct err e = { 0 };
	if (config_parse(text, strlen(text), "t", NULL, NULL, &c, &e) != 0)
		fail_msg("%s\nin:\n%s", e.text, text);
	if (policy_set_new(c, NULL, NULL, &p, &e) != 0)
		fail_msg("%s\nin:\n%s", e.text, text);
	/* The set must stand alone. */
	config_free(c);
	return p;
}

/* "NAME:RIDS" or "NAME:RIDS!REASON" each, with * for all recipients. */
static inline void
plans_show(const struct spool_plan *plans, size_t n, struct buf *ret)
{
	for (size_t i = 0; i < n; i++)
		buf_printf(ret, "%s%s:%s%s%s", i == 0 ? "" : " ", plans[i].policy,
			   plans[i].rids == NULL ? "*" : plans[i].rids,
			   plans[i].drop == DROP_NONE ? "" : "!",
			   plans[i].drop == DROP_NONE ? ""
						      : drop_reason_name(plans[i].drop));
}

static inline bool
plans_are(const char *row, const struct spool_plan *plans, size_t n, const char *want)
{
	struct buf got;

	buf_init(&got, 65536);
	plans_show(plans, n, &got);
	bool is_ok = strcmp(buf_text(&got), want) == 0;
	if (!is_ok)
		print_error("%s: got %s want %s\n", row, buf_text(&got), want);
	buf_done(&got);
	return is_ok;
}

/* A message whose strings are borrowed: "sender" and "a@b c@d". */
enum { RECIPIENTS_MAX = 200 };
struct test_message {
	struct spool_message message;
	struct message_recipient recipients[RECIPIENTS_MAX];
	char sender[256], text[8192];
};

static inline void
message_make(struct test_message *t, const char *sender, const char *recipients)
{
	memset(t, 0, sizeof(*t));
	snprintf(t->sender, sizeof(t->sender), "%s", sender);
	snprintf(t->text, sizeof(t->text), "%s", recipients);
	t->message.sender = t->sender;
	t->message.recipients = t->recipients;
	char *rest = t->text;
	for (char *one; (one = strsep(&rest, " ")) != NULL;) {
		if (one[0] != '\0')
			t->recipients[t->message.n_recipients++].address = one;
	}
}

#endif
