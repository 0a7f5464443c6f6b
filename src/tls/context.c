/*
 * context.c - contexts from settings: nothing under TLS 1.2, no compression, no
 * renegotiation.
 */
#include "context.h"

#include "failure.h"
#include "session.h"
#include "tdc/base/cleanup.h"
#include "wire.h"

#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>

void
tls_context_unref(struct tls_context *c)
{
	if (c == NULL || --c->references > 0)
		return;
	tls_cache_done(&c->cache);
	SSL_CTX_free(c->ssl);
	BIO_meth_free(c->wire);
	free(c);
}

struct tls_context *
tls_context_ref(struct tls_context *c)
{
	c->references++;
	return c;
}

static void
unref_context(struct tls_context **c)
{
	tls_context_unref(*c);
}

/*
 * The suites of RFC 8446 B.4 that are in use. The one with SHA-256 comes first: a resumed
 * handshake is mostly hashing, and processors have instructions for SHA-256 but seldom for
 * SHA-384. It is an eighth less time, on either side.
 */
#define TLS_CIPHERSUITES                                                                 \
	"TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"

static struct tls_context *
context_new(const SSL_METHOD *method, size_t sessions_max)
{
	struct tls_context *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->references = 1;
	tls_cache_init(&c->cache, sessions_max);
	c->ssl = SSL_CTX_new(method);
	c->wire = tls_wire_method();
	if (c->ssl == NULL || c->wire == NULL) {
		tls_context_unref(c);
		return NULL;
	}
	SSL_CTX_set_options(c->ssl, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
					    SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_clear_options(c->ssl, SSL_OP_LEGACY_SERVER_CONNECT);
	SSL_CTX_set_mode(c->ssl, SSL_MODE_RELEASE_BUFFERS |
					 SSL_MODE_ENABLE_PARTIAL_WRITE |
					 SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_security_level(c->ssl, 2);
	if (SSL_CTX_set_ciphersuites(c->ssl, TLS_CIPHERSUITES) != 1) {
		ERR_clear_error();
		tls_context_unref(c);
		return NULL;
	}
	return c;
}

static int
use_ciphers(SSL_CTX *ctx, const char *ciphers, struct err *e)
{
	if (SSL_CTX_set_cipher_list(ctx, ciphers) == 1)
		return 0;
	ERR_clear_error();
	return err_set(e, ERR_CONFIG, 0, "no usable cipher in the list \"%s\"", ciphers);
}

static int
use_groups(SSL_CTX *ctx, const char *groups, struct err *e)
{
	if (SSL_CTX_set1_groups_list(ctx, groups) == 1)
		return 0;
	ERR_clear_error();
	return err_set(e, ERR_CONFIG, 0, "not a list of TLS groups: \"%s\"", groups);
}

static int
set_parameters(SSL_CTX *ctx, const char *min_version, const char *ciphers,
	       const char *groups, struct err *e)
{
	int version = TLS1_2_VERSION;

	if (min_version != NULL && strcmp(min_version, "1.3") == 0)
		version = TLS1_3_VERSION;
	else if (min_version != NULL && strcmp(min_version, "1.2") != 0)
		return err_set(
			e, ERR_CONFIG, 0,
			"lowest TLS version \"%s\" is not possible (allowed: 1.2, 1.3)",
			min_version);
	if (SSL_CTX_set_min_proto_version(ctx, version) != 1 ||
	    SSL_CTX_set_max_proto_version(ctx, 0) != 1)
		return tls_failure(e, ERR_CONFIG, "TLS version");
	if (ciphers != NULL && use_ciphers(ctx, ciphers, e) != 0)
		return -1;
	return groups == NULL ? 0 : use_groups(ctx, groups, e);
}

static int
use_certificate_file(SSL_CTX *ctx, const char *file, struct err *e)
{
	char what[ERR_TEXT_MAX];

	if (SSL_CTX_use_certificate_chain_file(ctx, file) == 1)
		return 0;
	snprintf(what, sizeof(what), "certificate file %s", file);
	return tls_failure(e, ERR_CONFIG, what);
}

static int
use_key_file(SSL_CTX *ctx, const char *file, struct err *e)
{
	char what[ERR_TEXT_MAX];

	if (SSL_CTX_use_PrivateKey_file(ctx, file, SSL_FILETYPE_PEM) == 1)
		return 0;
	snprintf(what, sizeof(what), "key file %s", file);
	return tls_failure(e, ERR_CONFIG, what);
}

static int
use_certificate(SSL_CTX *ctx, const char *certificate_file, const char *key_file,
		struct err *e)
{
	char what[ERR_TEXT_MAX];

	if (certificate_file == NULL || key_file == NULL)
		return err_set(e, ERR_CONFIG, 0,
			       "a certificate file and a key file belong together");
	if (use_certificate_file(ctx, certificate_file, e) != 0 ||
	    use_key_file(ctx, key_file, e) != 0)
		return -1;
	if (SSL_CTX_check_private_key(ctx) != 1) {
		snprintf(what, sizeof(what), "key file %s and certificate file %s",
			 key_file, certificate_file);
		return tls_failure(e, ERR_CONFIG, what);
	}
	return 0;
}

static int
trust(SSL_CTX *ctx, const char *ca_file, struct err *e)
{
	char what[ERR_TEXT_MAX];

	if (ca_file == NULL)
		return SSL_CTX_set_default_verify_paths(ctx) == 1
			       ? 0
			       : tls_failure(e, ERR_CONFIG,
					     "the system's CA certificates");
	if (SSL_CTX_load_verify_file(ctx, ca_file) == 1)
		return 0;
	snprintf(what, sizeof(what), "CA file %s", ca_file);
	return tls_failure(e, ERR_CONFIG, what);
}

int
tls_client_context_new(const struct tls_client_settings *s, struct tls_context **ret,
		       struct err *e)
{
	ERR_clear_error();
	SCOPED(unref_context)
	struct tls_context *c = context_new(TLS_client_method(), s->sessions_max);
	if (c == NULL)
		return tls_failure(e, ERR_MEMORY, "no TLS context");
	if (set_parameters(c->ssl, s->min_version, s->ciphers, s->groups, e) != 0 ||
	    trust(c->ssl, s->ca_file, e) != 0)
		return -1;
	if ((s->certificate_file != NULL || s->key_file != NULL) &&
	    use_certificate(c->ssl, s->certificate_file, s->key_file, e) != 0)
		return -1;
	SSL_CTX_set_session_cache_mode(c->ssl, SSL_SESS_CACHE_CLIENT |
						       SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(c->ssl, tls_session_remember);
	*ret = TAKE_PTR(c);
	return 0;
}

int
tls_server_context_new(const struct tls_server_settings *s, struct tls_context **ret,
		       struct err *e)
{
	static const unsigned char sessions_of[] = "tdc";

	ERR_clear_error();
	SCOPED(unref_context) struct tls_context *c = context_new(TLS_server_method(), 0);
	if (c == NULL)
		return tls_failure(e, ERR_MEMORY, "no TLS context");
	c->is_server = true;
	if (set_parameters(c->ssl, s->min_version, s->ciphers, s->groups, e) != 0 ||
	    use_certificate(c->ssl, s->certificate_file, s->key_file, e) != 0)
		return -1;
	SSL_CTX_set_dh_auto(c->ssl, 1);
	/* Tickets carry the sessions; nothing is remembered here. */
	SSL_CTX_set_session_cache_mode(c->ssl, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_session_id_context(c->ssl, sessions_of, sizeof(sessions_of) - 1);
	*ret = TAKE_PTR(c);
	return 0;
}

static unsigned
look_at_pair(const struct tls_client_settings *s, tls_fault_fn *found, void *arg)
{
	SCOPED(unref_context) struct tls_context *c = context_new(TLS_method(), 0);
	struct err e;

	if (c == NULL)
		tls_failure(&e, ERR_MEMORY, "no TLS context");
	else if (use_certificate(c->ssl, s->certificate_file, s->key_file, &e) == 0)
		return 0;
	found(arg, "key_file", &e);
	return 1;
}

typedef int use_fn(SSL_CTX *ctx, const char *value, struct err *e);

/* In a context of its own. */
static unsigned
look_at(const char *setting, use_fn *use, const char *value, tls_fault_fn *found,
	void *arg)
{
	if (value == NULL)
		return 0;
	SCOPED(unref_context) struct tls_context *c = context_new(TLS_method(), 0);
	struct err e;

	if (c == NULL)
		tls_failure(&e, ERR_MEMORY, "no TLS context");
	else if (use(c->ssl, value, &e) == 0)
		return 0;
	found(arg, setting, &e);
	return 1;
}

unsigned
tls_settings_look(const struct tls_client_settings *s, tls_fault_fn *found, void *arg)
{
	ERR_clear_error();
	unsigned n = look_at("ca_file", trust, s->ca_file, found, arg);
	n += look_at("ciphers", use_ciphers, s->ciphers, found, arg);
	n += look_at("groups", use_groups, s->groups, found, arg);
	unsigned of_pair = look_at("certificate_file", use_certificate_file,
				   s->certificate_file, found, arg);
	of_pair += look_at("key_file", use_key_file, s->key_file, found, arg);
	if (of_pair == 0 && (s->certificate_file != NULL || s->key_file != NULL))
		of_pair = look_at_pair(s, found, arg);
	return n + of_pair;
}
