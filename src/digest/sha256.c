/*
 * sha256.c - SHA-256 over libcrypto: algorithm and context are fetched once per object.
 *
 * Once an object exists, none of the calls can fail for outside reasons: the provider
 * holds its state already. What libcrypto says then is an error of ours.
 */
#include "tdc/digest/sha256.h"

#include "tdc/base/check.h"
#include "tdc/base/uid.h"

#include <openssl/evp.h>
#include <stdlib.h>

struct sha256 {
	EVP_MD *algorithm;
	EVP_MD_CTX *context;
};

int
sha256_new(struct sha256 **ret, struct err *e)
{
	struct sha256 *h = calloc(1, sizeof(*h));
	if (h == NULL)
		return err_set(e, ERR_MEMORY, 0, "no memory for a digest");
	h->algorithm = EVP_MD_fetch(NULL, "SHA256", NULL);
	h->context = EVP_MD_CTX_new();
	if (h->algorithm == NULL || h->context == NULL ||
	    EVP_DigestInit_ex2(h->context, h->algorithm, NULL) != 1) {
		sha256_free(h);
		return err_set(e, ERR_MEMORY, 0, "libcrypto has no SHA-256 for us");
	}
	*ret = h;
	return 0;
}

void
sha256_free(struct sha256 *h)
{
	if (h == NULL)
		return;
	EVP_MD_CTX_free(h->context);
	EVP_MD_free(h->algorithm);
	free(h);
}

void
sha256_start(struct sha256 *h)
{
	/* The same algorithm again: the provider's state is reset, not allocated. */
	check(EVP_DigestInit_ex2(h->context, h->algorithm, NULL) == 1);
}

void
sha256_update(struct sha256 *h, const void *p, size_t n)
{
	if (n > 0)
		check(EVP_DigestUpdate(h->context, p, n) == 1);
}

int
sha256_copy(struct sha256 *to, const struct sha256 *from, struct err *e)
{
	return EVP_MD_CTX_copy_ex(to->context, from->context) == 1
		       ? 0
		       : err_set(e, ERR_MEMORY, 0, "no memory for a digest");
}

void
sha256_finish(struct sha256 *h, uint8_t digest[SHA256_BYTES])
{
	unsigned n = 0;

	check(EVP_DigestFinal_ex(h->context, digest, &n) == 1 && n == SHA256_BYTES);
}

void
sha256_format(const uint8_t digest[SHA256_BYTES], char text[SHA256_TEXT_MAX])
{
	hex_format(digest, SHA256_BYTES, text);
}
