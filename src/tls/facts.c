/*
 * facts.c - the printed forms of what is known about a TLS session.
 */
#include "tdc/tls/tls.h"

#include "tdc/base/check.h"

#include <stdio.h>

const char *
tls_mode_name(enum tls_mode m)
{
	switch (m) {
	case TLS_MODE_REQUIRED:
		return "required";
	case TLS_MODE_VERIFY:
		return "verify";
	}
	check(!"a mode of the enum");
}

void
tls_facts_format(const struct tls_facts *f, char *text, size_t n)
{
	snprintf(text, n, "protocol %s cipher %s", f->version, f->cipher);
}
