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
