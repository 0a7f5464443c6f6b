/*
 * test_form.c - which texts have which form.
 */
#include "problems.h"

#include "config/form.h"

#define A41 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct {
	const char *name;
	const struct text_form *form;
	const char *text;
	bool want;
} rows[] = {
	{ "an absolute path", &form_path, "/var/lib", true },
	{ "a relative path", &form_path, "var", false },
	{ "an empty path", &form_path, "", false },
	{ "the path of a socket", &form_socket_path, "/" A63 "/" A41 "b", true },
	{ "a path too long for a socket", &form_socket_path, "/" A63 "/" A41 "bb",
	  false },
	{ "a relative path of a socket", &form_socket_path, "run/x", false },
	{ "a name", &form_name, "in-bound_2.x", true },
	{ "a name with a slash", &form_name, "a/b", false },
	{ "a name that begins with a dot", &form_name, ".a", false },
	{ "a name that begins like an option", &form_name, "-a", false },
	{ "a name of 64 characters", &form_name, A63 "a", true },
	{ "a name of 65 characters", &form_name, A63 "aa", false },
	{ "a title with a space", &form_title, "Executive staff", true },
	{ "a title that ends in a space", &form_title, "a ", false },
	{ "an empty title", &form_title, "", false },
	{ "a host name", &form_hostname, "mail-1.example.com", true },
	{ "a host name in UTF-8", &form_hostname,
	  "b\xc3\xbc"
	  "cher.example",
	  true },
	{ "a host name with a dot at its end", &form_hostname, "example.com.", false },
	{ "a host name with two dots", &form_hostname, "a..b", false },
	{ "a label of 63 bytes", &form_hostname, A63 ".b", true },
	{ "a label of 64 bytes", &form_hostname, A63 "a.b", false },
	{ "a host name of more than 255 bytes", &form_hostname,
	  A63 "." A63 "." A63 "." A63 ".b", false },
	{ "an IPv4 address to listen at", &form_listen_address, "127.0.0.1:10025", true },
	{ "an IPv6 address to listen at", &form_listen_address, "[::1]:25", true },
	{ "any free port", &form_listen_address, "0.0.0.0:0", true },
	{ "an IPv6 address without brackets", &form_listen_address, "::1:25", false },
	{ "an address without a port", &form_listen_address, "127.0.0.1", false },
	{ "a port that is too high", &form_listen_address, "127.0.0.1:65536", false },
	{ "a port that is no number", &form_listen_address, "127.0.0.1:smtp", false },
	{ "a port of six digits", &form_listen_address, "127.0.0.1:000025", false },
	{ "an IPv4 address in brackets", &form_listen_address, "[127.0.0.1]:25", false },
	{ "an address literal of mail", &form_listen_address, "[IPv6:::1]:25", false },
	{ "brackets around nothing", &form_listen_address, "[]:25", false },
	{ "an address with a zone", &form_listen_address, "[fe80::1%lo]:25", false },
	{ "a host name to listen at", &form_listen_address, "localhost:25", false },
	{ "a unix socket", &form_listen_address, "unix:/run/x", true },
	{ "a unix socket with a relative path", &form_listen_address, "unix:run/x",
	  false },
	{ "a unix socket with a path too long for the system", &form_listen_address,
	  "unix:/" A63 A63, false },
	{ "a mode", &form_mode, "0660", true },
	{ "a mode with a digit that is not octal", &form_mode, "0680", false },
	{ "a mode without its zero", &form_mode, "660", false },
	{ "a network", &form_network, "10.0.0.0/8", true },
	{ "an IPv6 network", &form_network, "fd00::/8", true },
	{ "a single address", &form_network, "192.0.2.1", true },
	{ "all unix sockets", &form_network, "unix", true },
	{ "a prefix that is too long", &form_network, "10.0.0.0/33", false },
	{ "an IPv6 prefix of 128 bits", &form_network, "::1/128", true },
	{ "a prefix that is no number", &form_network, "10.0.0.0/x", false },
	{ "a prefix that is empty", &form_network, "10.0.0.0/", false },
	{ "a host name as a network", &form_network, "localhost", false },
	{ "a mail address", &form_mail_address, "tenant@bcc-in.example.com", true },
	{ "a mail address in brackets", &form_mail_address, "<a@b>", false },
	{ "a mail address without a local part", &form_mail_address, "@b", false },
	{ "a mail address without a domain", &form_mail_address, "a@", false },
	{ "a mail address at an address literal", &form_mail_address, "a@[127.0.0.1]",
	  true },
	{ "a mail address at a broken literal", &form_mail_address, "a@[127.0.0]",
	  false },
	{ "two mail addresses", &form_mail_address, "a@b,c@d", false },
	{ "no mail address", &form_mail_address, "", false },
	{ "the null sender", &form_sender_address, "", true },
	{ "a pattern of an address", &form_address_pattern, "a@b.example", true },
	{ "a pattern of a domain with @", &form_address_pattern, "@b.example", true },
	{ "a pattern of a domain", &form_address_pattern, "b.example", true },
	{ "a pattern of the domains below one", &form_address_pattern, ".b.example",
	  true },
	{ "a pattern of @ alone", &form_address_pattern, "@", false },
	{ "a pattern of a dot alone", &form_address_pattern, ".", false },
	{ "a pattern with a star", &form_address_pattern, "*.example", false },
	{ "a domain for a route", &form_domain_pattern, ".example", true },
	{ "the word for all others", &form_domain_pattern, "ALL", true },
	{ "an address literal", &form_domain_pattern, "[IPv6:::1]", true },
	{ "a mail address as a domain", &form_domain_pattern, "a@b", false },
	{ "the name of a header field", &form_field_name, "X-IronPort-RemoteIP", true },
	{ "the name of a header field with a colon", &form_field_name, "X:", false },
	{ "the name of a header field with a space", &form_field_name, "X Y", false },
	{ "the name of a header field in UTF-8", &form_field_name, "X\xc3\xbc", false },
};

static void
test_forms(void **state)
{
	unsigned failed = 0;
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool got = rows[i].form->is_ok(rows[i].text);
		if (got != rows[i].want) {
			print_error("%s: \"%s\" got %d want %d\n", rows[i].name,
				    rows[i].text, got, rows[i].want);
			failed++;
		}
	}
	assert_int_equal(failed, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
