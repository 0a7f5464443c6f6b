/*
 * facts.c - the printed forms of what is known about a TLS session.
 */
#include "tdc/tls/tls.h"

#include "tdc/base/check.h"

#include <stdio.h>

const char *
tls_mode_name(enum tls_mode m)
{
	static const char *const names[] = {
		[TLS_MODE_REQUIRED] = "required",
		[TLS_MODE_VERIFY] = "verify",
	};

	check((size_t)m < sizeof(names) / sizeof(names[0]));
	return names[m];
}

void
tls_facts_format(const struct tls_facts *f, char *text, size_t n)
{
	snprintf(text, n, "protocol %s cipher %s", f->version, f->cipher);
}
