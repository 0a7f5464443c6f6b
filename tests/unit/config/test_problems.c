/*
 * test_problems.c - what is wrong with a text, word for word: place, key, found, allowed.
 */
#include "problems.h"

#define L          LISTENER
#define EVERY_SIZE ", in bytes or with K, M or G\n"
#define EVERY_TIME ", with its unit: ms, s, m, h or d\n"
#define ADDRESS    "a mail address such as user@domain\n"
#define PATTERN    "user@domain, user@, @domain, domain, .domain or <>, without *\n"
#define INTAKE     "connector: {message_intake_address: t@in.example}\n"

static const struct {
	const char *name, *text, *errors, *warnings;
} rows[] = {
	{ "the least that is valid has no problem", L, "", "" },
	{ "an empty file lacks its listeners", "",
	  "t:1:1: listeners: required, but missing; allowed: a list of at least one "
	  "entry\n",
	  "" },
	{ "a file of comments is an empty one", "# nothing\n",
	  "t:1:1: listeners: required, but missing; allowed: a list of at least one "
	  "entry\n",
	  "" },
	{ "a list of no listeners is not enough", "listeners: []\n",
	  "t:1:12: listeners: found an empty list; allowed: a list of at least one "
	  "entry\n",
	  "" },
	{ "a text at the top", "hello\n",
	  "t:1:1: found \"hello\"; allowed: a mapping of keys to values\n", "" },
	{ "a section all of whose keys are comments is as good as none",
	  L "spool:\n  # name: x\n", "", "" },
	{ "an unknown key names the nearest", L "limits: {max_conections: 3}\n",
	  "t:2:10: limits.max_conections: unknown key; did you mean max_connections?; "
	  "allowed: "
	  "max_connections, envelope_memory, stop_grace\n",
	  "" },
	{ "an unknown key far from all", L "limits: {zzz: 3}\n",
	  "t:2:10: limits.zzz: unknown key; allowed: max_connections, envelope_memory, "
	  "stop_grace\n",
	  "" },
	{ "a key of another section says where it belongs", L "limits: {retention: 3s}\n",
	  "t:2:10: limits.retention: unknown key; did you mean spool.retention?; "
	  "allowed: "
	  "max_connections, envelope_memory, stop_grace\n",
	  "" },
	{ "a key twice", L "hostname: a.example\nhostname: b.example\n",
	  "t:3:1: hostname: duplicate key; first in line 2; allowed: each key once\n",
	  "" },
	{ "a name twice in a mapping by names", L "bounce_profiles:\n  x: {}\n  x: {}\n",
	  "t:4:6: bounce_profiles.x: duplicate key; first in line 3; allowed: each key "
	  "once\n",
	  "" },
	{ "a name with a dot", L "bounce_profiles: {a.b: {}}\n",
	  "t:2:19: bounce_profiles.a.b: found this as a name; allowed: 1 to 64 letters, "
	  "digits, - and _\n",
	  "" },
	{ "a list as a key", L "limits: {[a]: 3}\n",
	  "t:2:10: limits: found a list; allowed: a key\n", "" },
	{ "a number where a truth is due", L "connector: {enabled: 1}\n",
	  "t:2:22: connector.enabled: found \"1\"; allowed: true or false, without "
	  "quotes\n",
	  "" },
	{ "a truth in quotes", L "connector: {enabled: \"true\"}\n",
	  "t:2:22: connector.enabled: found \"true\"; allowed: true or false, without "
	  "quotes\n",
	  "" },
	{ "a list where a size is due", L "spool: {reserve: [1]}\n",
	  "t:2:18: spool.reserve: found a list; allowed: a size from 1 to "
	  "1024G" EVERY_SIZE,
	  "" },
	{ "nothing where a size is due", L "spool:\n  reserve:\n",
	  "t:3:11: spool.reserve: found nothing; allowed: a size from 1 to "
	  "1024G" EVERY_SIZE,
	  "" },
	{ "a text where a mapping is due", L "spool: big\n",
	  "t:2:8: spool: found \"big\"; allowed: a mapping of keys to values\n", "" },
	{ "a mapping where a list is due", L "smtp_routes: {domain: ALL}\n",
	  "t:2:14: smtp_routes: found a mapping; allowed: a list\n", "" },
	{ "a list where a mapping by names is due", L "bounce_profiles: [a]\n",
	  "t:2:18: bounce_profiles: found a list; allowed: a mapping of names to "
	  "entries\n",
	  "" },
	{ "a bad unit", L "spool: {reserve: 50MB}\n",
	  "t:2:18: spool.reserve: found \"50MB\"; allowed: a size from 1 to "
	  "1024G" EVERY_SIZE,
	  "" },
	{ "a time without a unit", L "dns: {timeout: 30}\n",
	  "t:2:16: dns.timeout: found \"30\"; allowed: a time from 1s to 10m" EVERY_TIME,
	  "" },
	{ "a time below its range", L "dns: {timeout: 999ms}\n",
	  "t:2:16: dns.timeout: found \"999ms\"; allowed: a time from 1s to "
	  "10m" EVERY_TIME,
	  "" },
	{ "a number above its range", L "deliver: {max_connections: 65536}\n",
	  "t:2:28: deliver.max_connections: found \"65536\"; allowed: a whole number "
	  "from 1 to 65535\n",
	  "" },
	{ "the end of a range is within", L "deliver: {max_connections: 65535}\n", "",
	  "" },
	{ "a word that is none", L "log: {form: xml}\n",
	  "t:2:13: log.form: found \"xml\"; allowed: text, json\n", "" },
	{ "a part of a word is none", L "log: {form: tex}\n",
	  "t:2:13: log.form: found \"tex\"; allowed: text, json\n", "" },
	{ "two words are none", L "log: {form: text json}\n",
	  "t:2:13: log.form: found \"text json\"; allowed: text, json\n", "" },
	{ "a relative path", L "spool: {directory: spool}\n",
	  "t:2:20: spool.directory: found \"spool\"; allowed: an absolute path\n", "" },
	{ "a control character is shown escaped", L "hostname: \"a\\u0007b\"\n",
	  "t:2:11: hostname: found \"a\\x07b\"; allowed: printable characters\n", "" },
	{ "a NUL is shown, and what stands behind it", L "hostname: \"a\\0b\"\n",
	  "t:2:11: hostname: found \"a\\x00b\"; allowed: printable characters\n", "" },
	{ "a control character of Latin 1 is shown escaped",
	  L "hostname: \"a\\u0085b\"\n",
	  "t:2:11: hostname: found \"a\\xc2\\x85b\"; allowed: printable characters\n",
	  "" },
	{ "a line separator is shown escaped", L "user: \"a\\u2028b\"\n",
	  "t:2:7: user: found \"a\\xe2\\x80\\xa8b\"; allowed: printable characters\n",
	  "" },
	{ "a long value is cut",
	  L "user: "
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaaaaaaaaaaaaaa\n",
	  "t:2:7: user: found "
	  "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	  "aa"
	  "aa...\"; allowed: a name of letters, digits, -, _ and . that begins with a "
	  "letter, a digit or _\n",
	  "" },
	{ "all problems are told, not only the first",
	  L "log: {form: xml, level: all}\nversion: 2\n",
	  "t:2:13: log.form: found \"xml\"; allowed: text, json\n"
	  "t:2:25: log.level: found \"all\"; allowed: debug, info, warning, error\n"
	  "t:3:10: version: found \"2\"; allowed: 1\n",
	  "" },

	/* listeners */
	{ "a listener without its name",
	  "listeners: [{protocol: smtp, address: '127.0.0.1:0'}]\n",
	  "t:1:13: listeners[0].name: required, but missing; allowed: a name of letters, "
	  "digits, -, _ "
	  "and . that begins with a letter, a digit or _\n",
	  "" },
	{ "a listener with a bad name is not said to lack it",
	  "listeners: [{name: -, protocol: smtp, address: '127.0.0.1:0'}]\n",
	  "t:1:20: listeners[0].name: found \"-\"; allowed: a name of letters, digits, "
	  "-, _ and . that "
	  "begins with a letter, a digit or _\n",
	  "" },
	{ "two listeners of one name",
	  "listeners:\n- {name: a, protocol: smtp, address: '127.0.0.1:0'}\n"
	  "- {name: A, protocol: smtp, address: '127.0.0.1:0'}\n",
	  "t:3:10: listeners[1].name: found \"A\" again; first in line 2; allowed: each "
	  "one once\n",
	  "" },
	{ "two listeners at one address",
	  "listeners:\n- {name: a, protocol: smtp, address: '127.0.0.1:1'}\n"
	  "- {name: b, protocol: smtp, address: '127.0.0.1:1'}\n",
	  "t:3:38: listeners[1].address: found \"127.0.0.1:1\" again; first in line 2; "
	  "allowed: each one "
	  "once\n",
	  "" },
	{ "a host name as an address",
	  "listeners: [{name: a, protocol: smtp, address: 'localhost:25'}]\n",
	  "t:1:48: listeners[0].address: found \"localhost:25\"; allowed: "
	  "127.0.0.1:PORT, [::1]:PORT or "
	  "unix:/PATH (an address, not a host name)\n",
	  "" },
	{ "tls without certificate and key",
	  "listeners: [{name: a, protocol: smtp, address: '127.0.0.1:0', tls: "
	  "required}]\n",
	  "t:1:13: listeners[0].certificate_file: required where tls is not off, but "
	  "missing; allowed: an "
	  "absolute path\n"
	  "t:1:13: listeners[0].key_file: required where tls is not off, but missing; "
	  "allowed: an absolute "
	  "path\n",
	  "" },
	{ "tls with certificate and key",
	  "listeners: [{name: a, protocol: smtp, address: '127.0.0.1:0', tls: optional, "
	  "certificate_file: /c, key_file: /k}]\n",
	  "", "" },
	{ "a header larger than a message",
	  "listeners: [{name: a, protocol: smtp, address: '127.0.0.1:0', "
	  "max_header_size: 2K, "
	  "max_message_size: 1K}]\n",
	  "t:1:80: listeners[0].max_header_size: found \"2K\"; allowed: at most "
	  "max_message_size, which is "
	  "1K\n",
	  "" },

	{ "a message smaller than the header that is read by default",
	  "listeners: [{name: a, protocol: smtp, address: '127.0.0.1:0', "
	  "max_message_size: 2K}]\n",
	  "", "" },
	{ "a default in the way of what was written is not called found",
	  L "spool: {segment_max: 2K}\n",
	  "t:2:22: spool.segment_max: found \"2K\"; allowed: at least inline_max, which "
	  "is 8K by default\n",
	  "" },
	{ "what was written in the way of a default", L "spool: {inline_max: 512K}\n",
	  "t:2:21: spool.inline_max: found \"512K\"; allowed: at most segment_max, which "
	  "is 256K by default\n",
	  "" },
	{ "a number in quotes", "version: \"1\"\n" L,
	  "t:1:10: version: found \"1\"; allowed: 1, without quotes\n", "" },
	{ "a star in a pattern",
	  L "incoming_mail_policies: {policies: [{name: x, intake: default, sender: "
	    "[\"*@partner.example\", \"*.example\", a*@b.example]}]}\n",
	  "t:2:73: incoming_mail_policies.policies[0].sender[0]: found "
	  "\"*@partner.example\"; allowed: " PATTERN
	  "t:2:94: incoming_mail_policies.policies[0].sender[1]: found \"*.example\"; "
	  "allowed: " PATTERN
	  "t:2:107: incoming_mail_policies.policies[0].sender[2]: found "
	  "\"a*@b.example\"; allowed: " PATTERN,
	  "" },

	/* rules that span keys */
	{ "a log file without a path", L "log: {target: file}\n",
	  "t:2:6: log.path: required where target is file, but missing; allowed: an "
	  "absolute path\n",
	  "" },
	{ "a broken path is not said to be missing", L "log: {target: file, path: x}\n",
	  "t:2:27: log.path: found \"x\"; allowed: an absolute path\n", "" },
	{ "a certificate without a key", L "tls: {certificate_file: /c}\n",
	  "t:2:6: tls.key_file: missing, while its counterpart is set; allowed: both "
	  "certificate_file and "
	  "key_file, or none\n",
	  "" },
	{ "an enabled connector without an intake",
	  L "connector: {enabled: true}\nincoming_mail_policies: {default: {intake: "
	    "global}}\n",
	  "t:2:12: connector.message_intake_address: required where the connector is "
	  "enabled, but missing; "
	  "allowed: " ADDRESS,
	  "" },
	{ "a route to nowhere is a warning",
	  L "smtp_routes: [{domain: in.example, next_hops: [/dev/null]}]\n", "",
	  "t:2:47: smtp_routes[0].next_hops: journals for in.example are dropped: the "
	  "next hop is /dev/null\n" },
	{ "an enabled connector with the default policy no is a warning",
	  L "connector: {enabled: true, message_intake_address: t@in.example}\n", "",
	  "t:2:12: incoming_mail_policies.default.intake: found \"no\" while the "
	  "connector is enabled: mail "
	  "that no other policy takes is accepted and not journaled\n" },
	{ "a group without a user", L "group: mail\n", "",
	  "t:2:8: group: set without user, which it belongs to: it has no effect\n" },
	{ "a group of a user", L "user: tdcd\ngroup: mail\n", "", "" },
	{ "a custom intake that is not given",
	  L "incoming_mail_policies: {default: {intake: custom}}\n",
	  "t:2:35: incoming_mail_policies.default.message_intake_address: required where "
	  "intake is custom, "
	  "but missing; allowed: " ADDRESS,
	  "" },
	{ "a custom intake in another domain",
	  L INTAKE "incoming_mail_policies: {default: {intake: custom, "
		   "message_intake_address: a@other}}\n",
	  "t:3:76: incoming_mail_policies.default.message_intake_address: found "
	  "\"a@other\"; allowed: an "
	  "address in the domain of the global intake, \"@in.example\"\n",
	  "" },
	{ "a custom intake in the same domain, in capitals",
	  L INTAKE "incoming_mail_policies: {default: {intake: custom, "
		   "message_intake_address: a@IN.example}}\n",
	  "", "" },
	{ "a policy's custom intake in another domain",
	  L INTAKE
	  "incoming_mail_policies: {policies: [{name: p, recipient: [a], intake: custom, "
	  "message_intake_address: a@b}]}\n",
	  "t:3:103: incoming_mail_policies.policies[0].message_intake_address: found "
	  "\"a@b\"; allowed: an "
	  "address in the domain of the global intake, \"@in.example\"\n",
	  "" },
	{ "a policy of the default's name",
	  L "incoming_mail_policies: {policies: [{name: default, recipient: [a]}]}\n",
	  "t:2:44: incoming_mail_policies.policies[0].name: found the default policy's "
	  "name; allowed: any "
	  "other name\n",
	  "" },
	{ "a policy without a pattern",
	  L "incoming_mail_policies: {policies: [{name: p}]}\n",
	  "t:2:37: incoming_mail_policies.policies[0].recipient: no pattern of a sender "
	  "or recipient, and no condition; allowed: at least one of sender, recipient, "
	  "client, header, larger_than, smaller_than, or of their not_ forms\n",
	  "" },
	{ "a negation that means more than it seems",
	  L "incoming_mail_policies: {policies: [{name: p, sender: [a], not_recipient: "
	    "[b]}]}\n",
	  "t:2:75: incoming_mail_policies.policies[0].not_recipient: set without "
	  "recipient, beside sender: it would take all others; allowed: two policies, or "
	  "a list on its own side\n",
	  "" },
	{ "a policy for sizes that no message has",
	  L "incoming_mail_policies: {policies: [{name: p, larger_than: 1K, "
	    "smaller_than: 1025}]}\n",
	  "t:2:78: incoming_mail_policies.policies[0].smaller_than: found \"1025\"; "
	  "allowed: more than larger_than: no message is both\n",
	  "" },
	{ "two policies of one name",
	  L "incoming_mail_policies: {policies: [{name: p, sender: [a]}, {name: p, "
	    "sender: [b]}]}\n",
	  "t:2:68: incoming_mail_policies.policies[1].name: found \"p\" again; first in "
	  "line 2; allowed: "
	  "each one once\n",
	  "" },
	{ "a pattern that is none",
	  L "incoming_mail_policies: {policies: [{name: p, sender: ['a b@c']}]}\n",
	  "t:2:56: incoming_mail_policies.policies[0].sender[0]: found \"a b@c\"; "
	  "allowed: " PATTERN,
	  "" },
	{ "two routes of one domain",
	  L "smtp_routes: [{domain: a, next_hops: [USEDNS]}, {domain: A, next_hops: "
	    "[USEDNS]}]\n",
	  "t:2:58: smtp_routes[1].domain: found \"A\" again; first in line 2; allowed: "
	  "each one once\n",
	  "" },
	{ "a route without a next hop", L "smtp_routes: [{domain: a, next_hops: []}]\n",
	  "t:2:38: smtp_routes[0].next_hops: found an empty list; allowed: a list of at "
	  "least one entry\n",
	  "" },
	{ "a bounce profile that is not there",
	  L "destination_controls: [{domain: a, bounce_profile: slow}]\n",
	  "t:2:52: destination_controls[0].bounce_profile: found \"slow\"; allowed: a "
	  "name in "
	  "bounce_profiles, or default\n",
	  "" },
	{ "the bounce profile default is always there",
	  L "destination_controls: [{domain: a, bounce_profile: default}]\n", "", "" },
	{ "a first wait over the longest", L "bounce_profiles: {x: {first_wait: 2h}}\n",
	  "t:2:35: bounce_profiles.x.first_wait: found \"2h\"; allowed: at most "
	  "longest_wait, which is 1h by default\n",
	  "" },

	/* YAML itself */
	{ "text that is not YAML", "a: [b\nc: }",
	  "t:2:2: yaml: did not find expected ',' or ']' while parsing a flow sequence "
	  "that began in line 1\n",
	  "" },
	{ "a tab as indentation", "a:\n\tb: 1\n",
	  "t:2:1: yaml: found character that cannot start any token while scanning for "
	  "the next token that began in line 2\n",
	  "" },
	{ "bytes that are not UTF-8", "a: \xff\n",
	  "t:1:4: yaml: invalid leading UTF-8 octet\n", "" },
	{ "a byte of Latin-1 further down, behind a character of two bytes",
	  "# one\n" L "hostname: \xc3\xbc\xfc.example\n",
	  "t:3:12: yaml: invalid leading UTF-8 octet\n", "" },
	{ "a second document", L "---\na: 1\n",
	  "t:2:1: yaml: a second YAML document; allowed: one document\n", "" },
	{ "a tag", L "hostname: !!str a\n",
	  "t:2:11: yaml: a YAML tag; allowed: values without tags\n", "" },
	{ "an alias of nothing", L "hostname: *a\n",
	  "t:2:11: yaml: an alias of an anchor that is not known here; allowed: an "
	  "anchor that was written "
	  "before, and is complete\n",
	  "" },
	{ "an alias within its own anchor", "listeners: &a [*a]\n",
	  "t:1:16: yaml: an alias of an anchor that is not known here; allowed: an "
	  "anchor that was written "
	  "before, and is complete\n",
	  "" },
	{ "nesting beyond the limit", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\n",
	  "t:1:33: yaml: nesting deeper than 32 levels; allowed: at most 32 levels\n",
	  "" },
};

/* Most texts leave the connector off. The warning has rows of its own, below. */
static void
drop_warning_of_connector(struct buf *warnings)
{
	char *text = (char *)(uintptr_t)buf_text(warnings);
	char *found = strstr(text, ": connector.enabled: mail is accepted and not ");

	if (found == NULL)
		return;
	while (found > text && found[-1] != '\n')
		found--;
	size_t n = strcspn(found, "\n") + 1;
	memmove(found, found + n, strlen(found + n) + 1);
}

/* True when the row is as wanted; else says what is not. */
static bool
row_holds(size_t i)
{
	struct problem_list got;
	struct config *c = NULL;
	struct err e = { 0 };
	problem_list_init(&got);
	int r = config_parse(rows[i].text, strlen(rows[i].text), "t", problem_list_add,
			     &got, &c, &e);
	drop_warning_of_connector(&got.warnings);
	bool is_ok = strcmp(buf_text(&got.errors), rows[i].errors) == 0 &&
		     strcmp(buf_text(&got.warnings), rows[i].warnings) == 0;
	if (!is_ok)
		print_error("%s\ngot errors:\n%swant:\n%sgot warnings:\n%swant:\n%s",
			    rows[i].name, buf_text(&got.errors), rows[i].errors,
			    buf_text(&got.warnings), rows[i].warnings);
	bool is_refused =
		r != 0 && c == NULL && e.kind == ERR_CONFIG && e.text[0] != '\0';
	if (rows[i].errors[0] == '\0' ? r != 0 : !is_refused) {
		print_error("%s: got result %d, error \"%s\"\n", rows[i].name, r, e.text);
		is_ok = false;
	}
	config_free(c);
	problem_list_done(&got);
	return is_ok;
}

static void
test_rows(void **state)
{
	unsigned failed = 0;
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		failed += !row_holds(i);
	assert_int_equal(failed, 0);
}

#define WHILE_FALSE "mail is accepted and not journaled while connector.enabled is false"
#define NO_INTAKE   " and no connector.message_intake_address is set"
#define GLOBAL      "incoming_mail_policies: {default: {intake: global}}\n"

/* Mail that is taken and goes nowhere is never silent. */
static const struct {
	const char *name, *text, *warnings;
} connectors[] = {
	{ "a file without a connector", L,
	  "t:1:1: connector.enabled: " WHILE_FALSE NO_INTAKE "\n" },
	{ "a connector of comments", L "connector:\n  # enabled: true\n",
	  "t:1:1: connector.enabled: " WHILE_FALSE NO_INTAKE "\n" },
	{ "a connector with an intake that was not enabled", L INTAKE,
	  "t:2:12: connector.enabled: " WHILE_FALSE "\n" },
	{ "a connector that is off, with an intake",
	  L "connector:\n  enabled: no\n"
	    "  message_intake_address: t@in.example\n" GLOBAL,
	  "t:3:12: connector.enabled: " WHILE_FALSE "\n" },
	{ "a connector that is off, without an intake", L "connector: {enabled: false}\n",
	  "t:2:22: connector.enabled: " WHILE_FALSE NO_INTAKE "\n" },
	{ "a connector that is on",
	  L "connector: {enabled: true, message_intake_address: a@b}\n" GLOBAL, "" },
};

static void
test_a_connector_that_is_off_is_a_warning(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(connectors) / sizeof(connectors[0]); i++) {
		struct problem_list got;
		struct config *c = NULL;
		struct err e = { 0 };
		const char *text = connectors[i].text;
		problem_list_init(&got);
		int r = config_parse(text, strlen(text), "t", problem_list_add, &got, &c,
				     &e);
		if (r != 0 ||
		    strcmp(buf_text(&got.warnings), connectors[i].warnings) != 0)
			fail_msg("%s: %s\ngot\n%swant\n%s", connectors[i].name,
				 r == 0 ? "" : e.text, buf_text(&got.warnings),
				 connectors[i].warnings);
		config_free(c);
		problem_list_done(&got);
	}
}

/* A text that must have exactly one problem, which begins as given. */
static void
assert_one_problem(const struct buf *text, const char *want)
{
	struct problem_list got;
	struct config *c = NULL;
	struct err e;
	struct span s = buf_span(text);
	assert_false(text->failed);
	problem_list_init(&got);
	assert_int_equal(config_parse(s.p, s.n, "t", problem_list_add, &got, &c, &e), -1);
	const char *line = buf_text(&got.errors);
	if (strncmp(line, want, strlen(want)) != 0 || strchr(line, '\n')[1] != '\0')
		fail_msg("got %s want %s", line, want);
	problem_list_done(&got);
}

static void
test_an_alias_bomb_is_refused(void **state)
{
	struct buf text;
	(void)state;
	buf_init(&text, 1 << 20);
	buf_append_text(&text, "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
	for (unsigned i = 1; i < 12; i++) {
		buf_printf(&text, "a%u: &a%u [*a%u", i, i, i - 1);
		for (unsigned j = 1; j < 10; j++)
			buf_printf(&text, ",*a%u", i - 1);
		buf_append_text(&text, "]\n");
	}
	assert_one_problem(&text, "t:6:");
	buf_done(&text);
}

static void
test_too_many_anchors_are_refused(void **state)
{
	struct buf text;
	(void)state;
	buf_init(&text, 1 << 20);
	buf_append_text(&text, "a: [");
	for (unsigned i = 0; i < 257; i++)
		buf_printf(&text, "&a%u x, ", i);
	buf_append_text(&text, "]\n");
	assert_one_problem(&text, "t:1:");
	buf_done(&text);
}

static void
test_a_file_over_4_mib_is_refused(void **state)
{
	struct buf text;
	(void)state;
	buf_init(&text, 5 << 20);
	char *p = buf_reserve(&text, (4 << 20) + 1);
	assert_non_null(p);
	memset(p, '#', (4 << 20) + 1);
	buf_commit(&text, (4 << 20) + 1);
	assert_one_problem(
		&text, "t:1:1: yaml: a file of more than 4 MiB; allowed: at most 4 MiB");
	buf_done(&text);
}

static void
test_too_many_problems_are_counted_not_shown(void **state)
{
	struct buf text;
	struct problem_list got;
	struct config *c = NULL;
	struct err e;
	unsigned lines = 0;
	(void)state;
	buf_init(&text, 1 << 20);
	buf_append_text(&text, LISTENER);
	for (unsigned i = 0; i < 1000; i++)
		buf_printf(&text, "x%u: 1\n", i);
	problem_list_init(&got);
	struct span s = buf_span(&text);
	assert_int_equal(config_parse(s.p, s.n, "t", problem_list_add, &got, &c, &e), -1);
	for (const char *p = buf_text(&got.errors); (p = strchr(p, '\n')) != NULL; p++)
		lines++;
	assert_int_equal(lines, 201);
	assert_non_null(strstr(buf_text(&got.errors), "and more, which are not shown\n"));
	if (strncmp(e.text, "1000 problems, the first: t:2:1: x0: ", 37) != 0)
		fail_msg("got %s", e.text);
	problem_list_done(&got);
	buf_done(&text);
}

static void
test_files_that_cannot_be_read(void **state)
{
	struct config *c = NULL;
	struct err e;
	(void)state;
	assert_int_equal(config_load("/nonexistent/x", NULL, NULL, &c, &e), -1);
	assert_int_equal(e.kind, ERR_NOT_FOUND);
	assert_string_equal(e.text,
			    "cannot open /nonexistent/x: No such file or directory");
	assert_int_equal(config_load("/", NULL, NULL, &c, &e), -1);
	assert_string_equal(e.text, "cannot read /: Is a directory");
	assert_null(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_a_connector_that_is_off_is_a_warning),
		cmocka_unit_test(test_an_alias_bomb_is_refused),
		cmocka_unit_test(test_too_many_anchors_are_refused),
		cmocka_unit_test(test_a_file_over_4_mib_is_refused),
		cmocka_unit_test(test_too_many_problems_are_counted_not_shown),
		cmocka_unit_test(test_files_that_cannot_be_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
