/*
 * obsolete.c - pins a context to one TLS version.
 */
#include "tdc/tls/obsolete.h"

#include "context.h"
#include "failure.h"

#include <string.h>

static const struct version {
	const char *name;
	int number;
} versions[] = {
	{ "1.0", TLS1_VERSION },
	{ "1.1", TLS1_1_VERSION },
	{ "1.2", TLS1_2_VERSION },
	{ "1.3", TLS1_3_VERSION },
};

int
tls_context_pin_version(struct tls_context *c, const char *version, struct err *e)
{
	const struct version *v = NULL;

	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++)
		if (strcmp(versions[i].name, version) == 0)
			v = &versions[i];
	if (v == NULL)
		return err_set(e, ERR_CONFIG, 0,
			       "TLS version \"%s\" (allowed: 1.0, 1.1, 1.2, 1.3)",
			       version);
	/* The old ones need digests that no level above 0 admits. */
	if (v->number < TLS1_2_VERSION)
		SSL_CTX_set_security_level(c->ssl, 0);
	if (SSL_CTX_set_min_proto_version(c->ssl, v->number) != 1 ||
	    SSL_CTX_set_max_proto_version(c->ssl, v->number) != 1)
		return tls_failure(e, ERR_CONFIG, "TLS version");
	return 0;
}
