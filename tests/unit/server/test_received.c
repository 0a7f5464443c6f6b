/*
 * test_received.c - the client of a message, as the feeder's own trace field tells it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "server/received.h"

static const struct {
	const char *sentence;
	const char *value;
	/* "address name helo", "-" for what is not told; NULL = no client */
	const char *want;
} rows[] = {
	{ "Postfix with a verified name",
	  "from helo.example (mail.example [192.0.2.1]) by mx.example (Postfix) with "
	  "ESMTP id X; date",
	  "192.0.2.1 mail.example helo.example" },
	{ "Postfix without a name",
	  "from helo.example (unknown [192.0.2.1]) by mx.example",
	  "192.0.2.1 - helo.example" },
	{ "IPv6 with its tag", "from h (n [IPv6:2001:db8::1]) by mx", "2001:db8::1 n h" },
	{ "Exim with name and helo",
	  "from n.example ([192.0.2.7] helo=h.example) by mx with esmtp",
	  "192.0.2.7 n.example h.example" },
	{ "Exim without a name", "from [192.0.2.7] (helo=h.example) by mx",
	  "192.0.2.7 - h.example" },
	{ "only a literal", "from h ([192.0.2.7]) by mx", "192.0.2.7 - h" },
	{ "a client that calls itself by another's address",
	  "from [198.51.100.9] (n [192.0.2.1]) by mx", "192.0.2.1 n [198.51.100.9]" },
	{ "the same towards Exim", "from n ([192.0.2.7] helo=[198.51.100.9]) by mx",
	  "192.0.2.7 n [198.51.100.9]" },
	{ "the same towards Exim, without a name",
	  "from [192.0.2.7] (helo=[198.51.100.9]) by mx", "192.0.2.7 - [198.51.100.9]" },
	{ "Exim with a port", "from n ([192.0.2.7]:4711 helo=h) by mx", "192.0.2.7 n h" },
	{ "a client that calls itself by a parenthesis",
	  "from a([198.51.100.9]) (n [192.0.2.1]) by mx",
	  "192.0.2.1 n a([198.51.100.9])" },
	{ "what a certificate says behind it does not count",
	  "from h (n [192.0.2.1])\t(Client CN \"[198.51.100.9]\") by mx",
	  "192.0.2.1 n h" },
	{ "local submission", "by mx.example (Postfix, from userid 1000) id X; date",
	  NULL },
	{ "an address behind by is not the client's", "from h by mx ([192.0.2.1])",
	  NULL },
	{ "no address", "from h (n) by mx", NULL },
	{ "a literal that is no address", "from h (n [999.1.1.1]) by mx", NULL },
	{ "a bracket that does not end", "from h (n [192.0.2.1 by mx", NULL },
	{ "an endless literal",
	  "from h ([1111111111111111111111111111111111111111111111111111111111111111]) "
	  "by mx",
	  NULL },
	{ "nothing", "", NULL },
	{ "only from", "from ", NULL },
};

static const char *
or_dash(struct span s, char text[64])
{
	snprintf(text, 64, "%.*s", s.n == 0 ? 1 : (int)s.n, s.n == 0 ? "-" : s.p);
	return text;
}

static void
test_rows(void **state)
{
	int failed = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct received_client c = { 0 };
		char got[256] = "none", name[64], helo[64];
		if (received_client_parse(span_of(rows[i].value), &c))
			snprintf(got, sizeof(got), "%s %s %s", c.address,
				 or_dash(c.name, name), or_dash(c.helo, helo));
		const char *want = rows[i].want == NULL ? "none" : rows[i].want;
		if (strcmp(got, want) == 0)
			continue;
		print_error("%s\n  got  %s\n  want %s\n", rows[i].sentence, got, want);
		failed++;
	}
	assert_int_equal(failed, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
