/*
 * selfsigned.c - roots and leaves by libcrypto.
 */
#include "tdc/tls/selfsigned.h"

#include "failure.h"
#include "tdc/base/cleanup.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

enum { ROOT_VALID_S = 10 * 365 * 24 * 3600 };

struct tls_issuer {
	EVP_PKEY *key;
	X509 *certificate;
};

static void
free_x509(X509 **x)
{
	X509_free(*x);
}

static void
free_key(EVP_PKEY **k)
{
	EVP_PKEY_free(*k);
}

static void
free_names(GENERAL_NAMES **names)
{
	GENERAL_NAMES_free(*names);
}

void
tls_issuer_free(struct tls_issuer *i)
{
	if (i == NULL)
		return;
	X509_free(i->certificate);
	EVP_PKEY_free(i->key);
	free(i);
}

/* -- parts of a certificate; each returns whether it worked -- */

static bool
set_serial(X509 *x)
{
	unsigned char bytes[16];
	BIGNUM *number = NULL;

	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return false;
	bytes[0] = (bytes[0] & 0x7f) | 1; /* positive and not zero (RFC 5280 4.1.2.2) */
	number = BN_bin2bn(bytes, sizeof(bytes), NULL);
	bool is_ok = number != NULL &&
		     BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x)) != NULL;
	BN_free(number);
	return is_ok;
}

static bool
set_name(X509_NAME *name, const char *common_name)
{
	return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
					  (const unsigned char *)common_name, -1, -1,
					  0) == 1;
}

/* A certificate with everything but extensions and signature; NULL on failure. */
static X509 *
draft(const char *common_name, const X509_NAME *issuer, EVP_PKEY *key, int64_t from_s,
      int64_t until_s)
{
	SCOPED(free_x509) X509 *x = X509_new();

	if (x == NULL || X509_set_version(x, X509_VERSION_3) != 1 || !set_serial(x) ||
	    !set_name(X509_get_subject_name(x), common_name) ||
	    X509_set_issuer_name(x, issuer != NULL ? issuer : X509_get_subject_name(x)) !=
		    1 ||
	    X509_gmtime_adj(X509_getm_notBefore(x), from_s) == NULL ||
	    X509_gmtime_adj(X509_getm_notAfter(x), until_s) == NULL ||
	    X509_set_pubkey(x, key) != 1)
		return NULL;
	return TAKE_PTR(x);
}

static bool
add_extension(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX c;

	X509V3_set_ctx_nodb(&c);
	X509V3_set_ctx(&c, issuer, x, NULL, NULL, 0);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &c, nid, value);
	bool is_ok = extension != NULL && X509_add_ext(x, extension, -1) == 1;
	X509_EXTENSION_free(extension);
	return is_ok;
}

static GENERAL_NAME *
general_name(const char *name)
{
	unsigned char address[sizeof(struct in6_addr)];
	int n = inet_pton(AF_INET, name, address) == 1    ? 4
		: inet_pton(AF_INET6, name, address) == 1 ? 16
							  : 0;
	GENERAL_NAME *g = GENERAL_NAME_new();
	ASN1_STRING *value = n > 0 ? ASN1_OCTET_STRING_new() : ASN1_IA5STRING_new();

	if (g == NULL || value == NULL ||
	    ASN1_STRING_set(value, n > 0 ? (const void *)address : name,
			    n > 0 ? n : -1) != 1) {
		ASN1_STRING_free(value);
		GENERAL_NAME_free(g);
		return NULL;
	}
	GENERAL_NAME_set0_value(g, n > 0 ? GEN_IPADD : GEN_DNS, value);
	return g;
}

static bool
add_names(X509 *x, const char *const *names, size_t n)
{
	SCOPED(free_names) GENERAL_NAMES *all = GENERAL_NAMES_new();

	if (all == NULL)
		return false;
	for (size_t i = 0; i < n; i++) {
		GENERAL_NAME *g = general_name(names[i]);

		if (g == NULL || sk_GENERAL_NAME_push(all, g) == 0) {
			GENERAL_NAME_free(g);
			return false;
		}
	}
	return n == 0 || X509_add1_ext_i2d(x, NID_subject_alt_name, all, 0, 0) == 1;
}

/* -- files -- */

static int
open_pem(const char *path, mode_t mode, FILE **ret, struct err *e)
{
	SCOPED(close_fd)
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	if (fd < 0)
		return err_set(e, err_kind_of_errno(errno), errno, "%s", path);
	FILE *f = fdopen(fd, "w");
	if (f == NULL)
		return err_set(e, ERR_MEMORY, errno, "%s", path);
	TAKE_FD(&fd);
	*ret = f;
	return 0;
}

static int
close_pem(FILE *f, int written, const char *path, struct err *e)
{
	bool is_ok = written == 1 && fflush(f) == 0;
	int os = errno;

	fclose(f);
	return is_ok ? 0 : err_set(e, ERR_IO, os, "%s cannot be written", path);
}

static int
write_certificate(X509 *x, const char *path, struct err *e)
{
	FILE *f = NULL;

	if (open_pem(path, 0644, &f, e) != 0)
		return -1;
	return close_pem(f, PEM_write_X509(f, x), path, e);
}

static int
write_key(EVP_PKEY *key, const char *path, struct err *e)
{
	FILE *f = NULL;

	if (open_pem(path, 0600, &f, e) != 0)
		return -1;
	return close_pem(f, PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL), path,
			 e);
}

/* -- what the header offers -- */

static void
free_issuer(struct tls_issuer **i)
{
	tls_issuer_free(*i);
}

int
tls_issuer_new(const char *common_name, struct tls_issuer **ret, struct err *e)
{
	SCOPED(free_issuer) struct tls_issuer *i = calloc(1, sizeof(*i));

	if (i == NULL)
		return err_set(e, ERR_MEMORY, 0, "no memory for a root certificate");
	ERR_clear_error();
	i->key = EVP_EC_gen("P-256");
	if (i->key != NULL)
		i->certificate = draft(common_name, NULL, i->key, -3600, ROOT_VALID_S);
	X509 *x = i->certificate;
	if (x == NULL ||
	    !add_extension(x, x, NID_basic_constraints, "critical,CA:TRUE") ||
	    !add_extension(x, x, NID_key_usage, "critical,keyCertSign,cRLSign") ||
	    !add_extension(x, x, NID_subject_key_identifier, "hash") ||
	    X509_sign(x, i->key, EVP_sha256()) == 0)
		return tls_failure(e, ERR_TLS, "making a root certificate");
	*ret = TAKE_PTR(i);
	return 0;
}

int
tls_issuer_write(const struct tls_issuer *i, const char *certificate_file,
		 const char *key_file, struct err *e)
{
	if (write_certificate(i->certificate, certificate_file, e) != 0)
		return -1;
	return key_file == NULL ? 0 : write_key(i->key, key_file, e);
}

static void
close_file(FILE **f)
{
	if (*f != NULL)
		fclose(*f);
}

int
tls_issuer_load(const char *certificate_file, const char *key_file,
		struct tls_issuer **ret, struct err *e)
{
	SCOPED(close_file) FILE *certificate = fopen(certificate_file, "re");
	if (certificate == NULL)
		return err_set(e, err_kind_of_errno(errno), errno, "%s",
			       certificate_file);
	SCOPED(close_file) FILE *key = fopen(key_file, "re");
	if (key == NULL)
		return err_set(e, err_kind_of_errno(errno), errno, "%s", key_file);
	SCOPED(free_issuer) struct tls_issuer *i = calloc(1, sizeof(*i));
	if (i == NULL)
		return err_set(e, ERR_MEMORY, 0, "no memory for a root certificate");
	ERR_clear_error();
	i->certificate = PEM_read_X509(certificate, NULL, NULL, NULL);
	if (i->certificate == NULL)
		return tls_failure(e, ERR_CORRUPT, certificate_file);
	i->key = PEM_read_PrivateKey(key, NULL, NULL, NULL);
	if (i->key == NULL || X509_check_private_key(i->certificate, i->key) != 1)
		return tls_failure(e, ERR_CORRUPT, key_file);
	*ret = TAKE_PTR(i);
	return 0;
}

int
tls_leaf_write(const struct tls_issuer *issuer, const struct tls_leaf_settings *s,
	       const char *certificate_file, const char *key_file, struct err *e)
{
	ERR_clear_error();
	SCOPED(free_key) EVP_PKEY *key = EVP_EC_gen("P-256");
	SCOPED(free_x509) X509 *x = NULL;

	if (key != NULL)
		x = draft(s->common_name,
			  issuer == NULL ? NULL
					 : X509_get_subject_name(issuer->certificate),
			  key, s->valid_from_s, s->valid_until_s);
	if (x == NULL || !add_names(x, s->names, s->name_count) ||
	    !add_extension(x, x, NID_basic_constraints, "critical,CA:FALSE") ||
	    !add_extension(x, x, NID_key_usage, "critical,digitalSignature") ||
	    !add_extension(x, x, NID_ext_key_usage, "serverAuth,clientAuth") ||
	    !add_extension(x, x, NID_subject_key_identifier, "hash") ||
	    !add_extension(x, issuer == NULL ? x : issuer->certificate,
			   NID_authority_key_identifier, "keyid") ||
	    X509_sign(x, issuer == NULL ? key : issuer->key, EVP_sha256()) == 0)
		return tls_failure(e, ERR_TLS, "making a certificate");
	if (write_certificate(x, certificate_file, e) != 0)
		return -1;
	return write_key(key, key_file, e);
}
