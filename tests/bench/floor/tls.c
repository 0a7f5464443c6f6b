/*
 * tls.c - the two contexts, with a certificate that exists in memory only.
 */
#include "floor.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

static struct {
	SSL_SESSION **at;
	unsigned *n, max;
} cache;

/* Each ticket is used once, as RFC 8446 C.4 asks for. */
static int
remember(SSL *ssl, SSL_SESSION *session)
{
	(void)ssl;
	if (*cache.n == cache.max)
		return 0;
	cache.at[(*cache.n)++] = session;
	return 1;
}

static X509 *
make_certificate(EVP_PKEY *key)
{
	X509 *x = X509_new();
	X509_NAME *name = x == NULL ? NULL : X509_get_subject_name(x);
	X509V3_CTX context;
	X509_EXTENSION *names;

	if (name == NULL || X509_set_version(x, 2) != 1 ||
	    ASN1_INTEGER_set(X509_get_serialNumber(x), 1) != 1 ||
	    X509_gmtime_adj(X509_getm_notBefore(x), -3600) == NULL ||
	    X509_gmtime_adj(X509_getm_notAfter(x), 86400) == NULL ||
	    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
				       (const unsigned char *)"localhost", -1, -1,
				       0) != 1 ||
	    X509_set_issuer_name(x, name) != 1 || X509_set_pubkey(x, key) != 1)
		fail("no certificate could be made");
	X509V3_set_ctx(&context, x, x, NULL, NULL, 0);
	names = X509V3_EXT_conf_nid(NULL, &context, NID_subject_alt_name,
				    "DNS:localhost");
	if (names == NULL || X509_add_ext(x, names, -1) != 1 ||
	    X509_sign(x, key, EVP_sha256()) == 0)
		fail("no certificate could be signed");
	X509_EXTENSION_free(names);
	return x;
}

static SSL_CTX *
make_context(const SSL_METHOD *method)
{
	SSL_CTX *c = SSL_CTX_new(method);

	if (c == NULL || SSL_CTX_set_min_proto_version(c, TLS1_3_VERSION) != 1 ||
	    SSL_CTX_set_ciphersuites(c, "TLS_AES_128_GCM_SHA256") != 1 ||
	    SSL_CTX_set1_groups_list(c, "X25519") != 1)
		fail("OpenSSL has no TLS 1.3 with AES-128-GCM and X25519");
	SSL_CTX_set_mode(c, SSL_MODE_ENABLE_PARTIAL_WRITE |
				    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	return c;
}

void
tls_make(SSL_CTX **client, SSL_CTX **server, SSL_SESSION *sessions[], unsigned *n)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");

	if (key == NULL)
		fail("no key could be made");
	X509 *x = make_certificate(key);
	cache.at = sessions;
	cache.n = n;
	cache.max = 1024;
	*client = make_context(TLS_client_method());
	*server = make_context(TLS_server_method());
	SSL_CTX_set_verify(*client, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_session_cache_mode(*client, SSL_SESS_CACHE_CLIENT |
							SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(*client, remember);
	SSL_CTX_set_session_cache_mode(*server, SSL_SESS_CACHE_OFF);
	if (X509_STORE_add_cert(SSL_CTX_get_cert_store(*client), x) != 1 ||
	    SSL_CTX_use_certificate(*server, x) != 1 ||
	    SSL_CTX_use_PrivateKey(*server, key) != 1 ||
	    SSL_CTX_set_session_id_context(*server, (const unsigned char *)"floor", 5) !=
		    1)
		fail("OpenSSL does not take the certificate");
	X509_free(x);
	EVP_PKEY_free(key);
}
