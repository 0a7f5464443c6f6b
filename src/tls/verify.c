/*
 * verify.c - sentences about certificates. Every text from a certificate passes clean():
 * the peer chose it.
 */
#include "verify.h"

#include <arpa/inet.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

enum { DATE_TEXT = 40 };

/* Appends at most what fits; control bytes and quotes become '?'. */
static void
add_clean(char *text, size_t size, const void *p, size_t n)
{
	const unsigned char *from = p;
	size_t at = strlen(text);

	for (size_t i = 0; i < n && at + 1 < size; i++)
		text[at++] = from[i] < 0x20 || from[i] == 0x7f || from[i] == '"'
				     ? '?'
				     : (char)from[i];
	text[at] = '\0';
}

static void
add_asn1(char *text, size_t size, const ASN1_STRING *s)
{
	if (s != NULL)
		add_clean(text, size, ASN1_STRING_get0_data(s),
			  (size_t)ASN1_STRING_length(s));
}

static const ASN1_STRING *
name_field(const X509_NAME *name, int nid)
{
	int at = X509_NAME_get_index_by_NID(name, nid, -1);

	return at < 0 ? NULL : X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at));
}

static void
name_text(const X509_NAME *name, char *text, size_t size)
{
	const ASN1_STRING *s = name_field(name, NID_commonName);
	char line[TLS_TEXT_MAX];

	text[0] = '\0';
	if (s == NULL)
		s = name_field(name, NID_organizationName);
	if (s != NULL) {
		add_asn1(text, size, s);
		return;
	}
	X509_NAME_oneline(name, line, (int)sizeof(line));
	add_clean(text, size, line, strlen(line));
}

/* One alternative name behind what is there; false if it is of a kind that names no host. */
static bool
add_general_name(char *text, size_t size, const GENERAL_NAME *g)
{
	char address[INET6_ADDRSTRLEN];

	if (g->type == GEN_DNS) {
		add_asn1(text, size, g->d.dNSName);
		return true;
	}
	if (g->type != GEN_IPADD)
		return false;
	int n = ASN1_STRING_length(g->d.iPAddress);
	if (n != 4 && n != 16)
		return false;
	inet_ntop(n == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(g->d.iPAddress),
		  address, sizeof(address));
	add_clean(text, size, address, strlen(address));
	return true;
}

static void
list_names(X509 *x, char *text, size_t size, int most)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	int found = 0;

	text[0] = '\0';
	for (int i = 0; i < sk_GENERAL_NAME_num(names) && found < most; i++) {
		char one[TLS_TEXT_MAX] = "";

		if (!add_general_name(one, sizeof(one), sk_GENERAL_NAME_value(names, i)))
			continue;
		if (strlen(text) + strlen(one) + 8 > size) {
			if (found > 0)
				add_clean(text, size, ", ...", 5);
			break;
		}
		if (found++ > 0)
			add_clean(text, size, ", ", 2);
		add_clean(text, size, one, strlen(one));
	}
	GENERAL_NAMES_free(names);
	if (found == 0)
		name_text(X509_get_subject_name(x), text, size);
}

void
tls_certificate_names(X509 *x, char *text, size_t n)
{
	list_names(x, text, n, 1000);
}

void
tls_certificate_facts(X509 *x, struct tls_facts *f)
{
	list_names(x, f->peer_name, sizeof(f->peer_name), 1);
	name_text(X509_get_issuer_name(x), f->issuer, sizeof(f->issuer));
}

static void
format_time(const ASN1_TIME *t, char text[DATE_TEXT])
{
	struct tm tm = { 0 };

	if (t == NULL || ASN1_TIME_to_tm(t, &tm) != 1) {
		snprintf(text, DATE_TEXT, "an unreadable date");
		return;
	}
	snprintf(text, DATE_TEXT, "%04d-%02d-%02d %02d:%02d:%02d UTC", tm.tm_year + 1900,
		 tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

/* -- one function per kind of failure; the table below says which -- */

struct failure {
	X509 *leaf;
	X509 *at; /* the certificate of the chain that is meant; may be the leaf */
	int code;
	const char *wanted;
	char names[TLS_TEXT_MAX];  /* of `at` */
	char issuer[TLS_TEXT_MAX]; /* of `at` */
};

static void
say_expired(const struct failure *f, char *text, size_t n)
{
	char date[DATE_TEXT];

	format_time(X509_get0_notAfter(f->at), date);
	snprintf(text, n, "certificate of \"%s\" expired since %s", f->names, date);
}

static void
say_not_yet(const struct failure *f, char *text, size_t n)
{
	char date[DATE_TEXT];

	format_time(X509_get0_notBefore(f->at), date);
	snprintf(text, n, "certificate of \"%s\" not yet valid, only from %s", f->names,
		 date);
}

static void
say_issuer(const struct failure *f, char *text, size_t n)
{
	snprintf(text, n, "unknown issuer \"%s\" of the certificate of \"%s\"", f->issuer,
		 f->names);
}

static void
say_root(const struct failure *f, char *text, size_t n)
{
	snprintf(text, n, "unknown issuer \"%s\" (a root that is not trusted here)",
		 f->issuer);
}

static void
say_self_signed(const struct failure *f, char *text, size_t n)
{
	snprintf(text, n, "certificate of \"%s\" is self-signed and not trusted here",
		 f->names);
}

static void
say_mismatch(const struct failure *f, char *text, size_t n)
{
	char names[TLS_TEXT_MAX];

	tls_certificate_names(f->leaf, names, sizeof(names));
	snprintf(text, n, "name mismatch: the certificate is for \"%s\", not for \"%s\"",
		 names, f->wanted);
}

static void
say_other(const struct failure *f, char *text, size_t n)
{
	snprintf(text, n, "certificate of \"%s\": %s", f->names,
		 X509_verify_cert_error_string(f->code));
}

static const struct sentence {
	int code;
	void (*say)(const struct failure *f, char *text, size_t n);
} sentences[] = {
	{ X509_V_ERR_CERT_HAS_EXPIRED, say_expired },
	{ X509_V_ERR_CERT_NOT_YET_VALID, say_not_yet },
	{ X509_V_ERR_HOSTNAME_MISMATCH, say_mismatch },
	{ X509_V_ERR_IP_ADDRESS_MISMATCH, say_mismatch },
	{ X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, say_issuer },
	{ X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, say_issuer },
	{ X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, say_issuer },
	{ X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, say_root },
	{ X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, say_self_signed },
};

void
tls_describe_failure(X509_STORE_CTX *x, const char *wanted_name, char *text, size_t n)
{
	struct failure f = {
		.leaf = X509_STORE_CTX_get0_cert(x),
		.at = X509_STORE_CTX_get_current_cert(x),
		.code = X509_STORE_CTX_get_error(x),
		.wanted = wanted_name,
	};
	void (*say)(const struct failure *, char *, size_t) = say_other;

	if (f.at == NULL)
		f.at = f.leaf;
	if (f.at == NULL) {
		snprintf(text, n, "%s", X509_verify_cert_error_string(f.code));
		return;
	}
	list_names(f.at, f.names, sizeof(f.names), 1);
	name_text(X509_get_issuer_name(f.at), f.issuer, sizeof(f.issuer));
	for (size_t i = 0; i < sizeof(sentences) / sizeof(sentences[0]); i++)
		if (sentences[i].code == f.code)
			say = sentences[i].say;
	say(&f, text, n);
}
