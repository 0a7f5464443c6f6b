/*
 * start.c - how sessions begin, what they verify, and which of them are remembered.
 */
#include "failure.h"
#include "session.h"
#include "tdc/base/check.h"
#include "tdc/base/cleanup.h"
#include "tdc/loop/stream.h"
#include "verify.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

enum { KEY_MAX = 4096 };

static void
free_session(struct tls_session **t)
{
	tls_session_free(*t);
}

static struct tls_session *
session_new(struct tls_context *c, struct stream *s, tls_done_fn *done, void *arg)
{
	struct tls_session *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->context = tls_context_ref(c);
	t->stream = s;
	t->done = done;
	t->arg = arg;
	buf_init(&t->key, KEY_MAX);
	ERR_clear_error();
	t->ssl = SSL_new(c->ssl);
	BIO *wire = tls_wire_bio(c->wire, &t->wire);
	if (t->ssl == NULL || wire == NULL) {
		BIO_free(wire);
		tls_session_free(t);
		return NULL;
	}
	SSL_set_bio(t->ssl, wire, wire);
	SSL_set_app_data(t->ssl, t);
	return t;
}

/* OpenSSL asks for each certificate of the chain; the first complaint is the one that is told. */
static int
on_verify(int is_ok, X509_STORE_CTX *x)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(x, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct tls_session *t = SSL_get_app_data(ssl);
	X509 *leaf = X509_STORE_CTX_get0_cert(x);

	if (is_ok)
		return 1;
	if (t->facts.failure[0] == '\0') {
		if (leaf != NULL)
			tls_certificate_facts(leaf, &t->facts);
		tls_describe_failure(x, t->name, t->facts.failure,
				     sizeof(t->facts.failure));
	}
	return t->mode == TLS_MODE_REQUIRED;
}

static bool
is_address(const char *name)
{
	unsigned char a[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, name, a) == 1 || inet_pton(AF_INET6, name, a) == 1;
}

/* RFC 9525: only subject alternative names count, and a wildcard is a whole label. */
static int
expect_name(struct tls_session *t, const char *name, struct err *e)
{
	size_t n = strlen(name);

	if (n > 0 && name[n - 1] == '.')
		n--;
	t->name = strndup(name, n);
	if (t->name == NULL)
		return err_set(e, ERR_MEMORY, 0, "no memory for a TLS session");
	if (n == 0)
		return err_set(e, ERR_CONFIG, 0,
			       "no name to verify the peer's certificate against");
	SSL_set_verify(t->ssl, SSL_VERIFY_PEER, on_verify);
	if (is_address(t->name))
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(t->ssl), t->name) == 1
			       ? 0
			       : tls_failure(e, ERR_MEMORY, "TLS session");
	SSL_set_hostflags(t->ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
					  X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
	if (SSL_set_tlsext_host_name(t->ssl, t->name) != 1 ||
	    SSL_set1_host(t->ssl, t->name) != 1)
		return tls_failure(e, ERR_CONFIG, "name of the peer");
	return 0;
}

/* The key of the caller, and what else a session was verified for. */
static int
resume(struct tls_session *t, const char *session_key, struct err *e)
{
	if (session_key == NULL)
		return 0;
	buf_append(&t->key, session_key, strlen(session_key) + 1);
	buf_append_byte(&t->key, t->mode == TLS_MODE_VERIFY ? 'v' : 'r');
	if (buf_append_text(&t->key, t->name) != 0)
		return err_set(e, ERR_MEMORY, 0, "no memory for a TLS session");
	SSL_SESSION *old =
		tls_cache_take(&t->context->cache, buf_span(&t->key), &t->remembered);
	if (old == NULL)
		return 0;
	SSL_set_session(t->ssl, old);
	SSL_SESSION_free(old);
	return 0;
}

int
tls_session_remember(SSL *ssl, SSL_SESSION *session)
{
	struct tls_session *t = SSL_get_app_data(ssl);

	if (t->key.n == 0)
		return 0;
	/* Under TLS 1.2 this comes just before the handshake ends. */
	if (t->phase == TLS_HANDSHAKE)
		tls_session_learn(t);
	struct tls_facts facts = t->facts;
	facts.is_resumed = false;
	return tls_cache_put(&t->context->cache, buf_span(&t->key), session, &facts) == 0;
}

int
tls_client_start(struct tls_context *c, struct stream *s, const char *name,
		 enum tls_mode mode, const char *session_key, tls_done_fn *done,
		 void *arg, struct err *e)
{
	check(!c->is_server && name != NULL);
	SCOPED(free_session) struct tls_session *t = session_new(c, s, done, arg);
	if (t == NULL)
		return err_set(e, ERR_MEMORY, 0, "no memory for a TLS session");
	t->mode = mode;
	SSL_set_connect_state(t->ssl);
	if (expect_name(t, name, e) != 0 || resume(t, session_key, e) != 0)
		return -1;
	stream_set_transform(s, &tls_transform_ops, TAKE_PTR(t));
	return 0;
}

int
tls_server_start(struct tls_context *c, struct stream *s, tls_done_fn *done, void *arg,
		 struct err *e)
{
	check(c->is_server);
	struct tls_session *t = session_new(c, s, done, arg);
	if (t == NULL)
		return err_set(e, ERR_MEMORY, 0, "no memory for a TLS session");
	SSL_set_accept_state(t->ssl);
	stream_set_transform(s, &tls_transform_ops, t);
	return 0;
}
