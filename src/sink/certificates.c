/*
 * certificates.c - kinds of certificates as a table.
 */
#include "certificates.h"

#include "tdc/base/cleanup.h"
#include "tdc/tls/obsolete.h"
#include "tdc/tls/selfsigned.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { DAY_S = 24 * 3600 };
enum signer { SIGNED_BY_CA, SIGNED_BY_STRANGER, SIGNED_BY_ITSELF };

static const struct kind {
	const char *name;
	enum signer signer;
	bool has_wrong_name;
	int64_t from_s, until_s;
} kinds[] = {
	{ "good", SIGNED_BY_CA, false, -DAY_S, 365 * DAY_S },
	{ "expired", SIGNED_BY_CA, false, -30 * DAY_S, -DAY_S },
	{ "wrong-name", SIGNED_BY_CA, true, -DAY_S, 365 * DAY_S },
	{ "unknown-ca", SIGNED_BY_STRANGER, false, -DAY_S, 365 * DAY_S },
	{ "self-signed", SIGNED_BY_ITSELF, false, -DAY_S, 365 * DAY_S },
};

static void
free_issuer(struct tls_issuer **i)
{
	tls_issuer_free(*i);
}

static const char *
path_in(char path[PATH_MAX], const struct options *o, const char *file)
{
	snprintf(path, PATH_MAX, "%s/%s", o->directory, file);
	return path;
}

/* The CA outlives the simulator: who trusts it goes on doing so after a restart. */
static int
find_ca(const struct options *o, struct tls_issuer **ret, struct err *e)
{
	char certificate[PATH_MAX], key[PATH_MAX];

	path_in(certificate, o, "ca.pem");
	path_in(key, o, "ca.key");
	if (access(key, F_OK) == 0)
		return tls_issuer_load(certificate, key, ret, e);
	if (tls_issuer_new("tdcsink root", ret, e) != 0)
		return -1;
	return tls_issuer_write(*ret, certificate, key, e);
}

static int
write_leaf(const struct options *o, const struct kind *k, const struct tls_issuer *issuer,
	   struct err *e)
{
	static const char *const wrong[] = { "somewhere-else.invalid" };
	char certificate[PATH_MAX], key[PATH_MAX];
	struct tls_leaf_settings s = {
		.names = k->has_wrong_name ? wrong : o->names,
		.name_count = k->has_wrong_name ? 1 : o->name_count,
		.valid_from_s = k->from_s,
		.valid_until_s = k->until_s,
	};

	s.common_name = s.names[0];
	return tls_leaf_write(issuer, &s, path_in(certificate, o, "server.pem"),
			      path_in(key, o, "server.key"), e);
}

int
certificates_make(const struct options *o, const char *kind, struct tls_context **ret,
		  struct err *e)
{
	SCOPED(free_issuer) struct tls_issuer *ca = NULL;
	SCOPED(free_issuer) struct tls_issuer *stranger = NULL;
	char certificate[PATH_MAX], key[PATH_MAX];
	const struct kind *k = NULL;
	struct tls_context *c = NULL;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].name, kind) == 0)
			k = &kinds[i];
	if (k == NULL)
		return err_set(e, ERR_SYNTAX, 0, "no such kind of certificate: %s", kind);
	if (find_ca(o, &ca, e) != 0)
		return -1;
	if (k->signer == SIGNED_BY_STRANGER &&
	    tls_issuer_new("a root that nobody knows", &stranger, e) != 0)
		return -1;
	if (write_leaf(o, k, k->signer == SIGNED_BY_CA ? ca : stranger, e) != 0)
		return -1;
	const struct tls_server_settings s = {
		.certificate_file = path_in(certificate, o, "server.pem"),
		.key_file = path_in(key, o, "server.key"),
	};
	if (tls_server_context_new(&s, &c, e) != 0)
		return -1;
	if (o->tls_version != NULL &&
	    tls_context_pin_version(c, o->tls_version, e) != 0) {
		tls_context_unref(c);
		return -1;
	}
	*ret = c;
	return 0;
}
