/*
 * hmac.c - HMAC-SHA-256 over libcrypto.
 */
#include "tdc/digest/hmac.h"

#include "tdc/base/uid.h"
#include "tdc/digest/sha256.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>

enum { BLOCK_BYTES = 64 }; /* of SHA-256 */

/* RFC 2104 4: the states behind the padded keys are kept, a text begins with a copy. */
struct hmac_key {
	struct sha256 *inner, *outer, *work;
};

int
hmac_sha256(const void *key, size_t key_n, const void *p, size_t n,
	    uint8_t mac[HMAC_BYTES], struct err *e)
{
	uint8_t made[HMAC_BYTES];
	unsigned made_n = 0;

	if (key_n > INT_MAX ||
	    HMAC(EVP_sha256(), key, (int)key_n, n == 0 ? "" : p, n, made, &made_n) ==
		    NULL ||
	    made_n != HMAC_BYTES)
		return err_set(e, ERR_MEMORY, 0, "libcrypto makes no HMAC for us");
	memcpy(mac, made, sizeof(made));
	return 0;
}

int
hmac_tag(const uint8_t key[HMAC_KEY_BYTES], struct span text, char tag[HMAC_TAG_TEXT_MAX],
	 struct err *e)
{
	uint8_t mac[HMAC_BYTES];

	if (hmac_sha256(key, HMAC_KEY_BYTES, text.p, text.n, mac, e) != 0)
		return -1;
	hex_format(mac, HMAC_TAG_BYTES, tag);
	return 0;
}

int
hmac_tag_verify(const uint8_t key[HMAC_KEY_BYTES], struct span text, struct span tag,
		bool *is_right, struct err *e)
{
	char right[HMAC_TAG_TEXT_MAX];

	if (hmac_tag(key, text, right, e) != 0)
		return -1;
	*is_right = tag.n == HMAC_TAG_TEXT_MAX - 1 &&
		    CRYPTO_memcmp(tag.p, right, HMAC_TAG_TEXT_MAX - 1) == 0;
	return 0;
}

static void
take_padded(struct sha256 *h, const uint8_t key[HMAC_KEY_BYTES], uint8_t pad)
{
	uint8_t block[BLOCK_BYTES];

	memset(block, pad, sizeof(block));
	for (size_t i = 0; i < HMAC_KEY_BYTES; i++)
		block[i] ^= key[i];
	sha256_update(h, block, sizeof(block));
	OPENSSL_cleanse(block, sizeof(block));
}

int
hmac_key_new(const uint8_t key[HMAC_KEY_BYTES], struct hmac_key **ret, struct err *e)
{
	struct hmac_key *k = calloc(1, sizeof(*k));

	if (k == NULL)
		return err_set(e, ERR_MEMORY, 0, "no memory for a key");
	if (sha256_new(&k->inner, e) != 0 || sha256_new(&k->outer, e) != 0 ||
	    sha256_new(&k->work, e) != 0) {
		hmac_key_free(k);
		return -1;
	}
	take_padded(k->inner, key, 0x36);
	take_padded(k->outer, key, 0x5c);
	*ret = k;
	return 0;
}

void
hmac_key_free(struct hmac_key *k)
{
	if (k == NULL)
		return;
	sha256_free(k->inner);
	sha256_free(k->outer);
	sha256_free(k->work);
	free(k);
}

int
hmac_key_tag(struct hmac_key *k, struct span text, char tag[HMAC_TAG_TEXT_MAX],
	     struct err *e)
{
	uint8_t mac[HMAC_BYTES];

	if (sha256_copy(k->work, k->inner, e) != 0)
		return -1;
	sha256_update(k->work, text.p, text.n);
	sha256_finish(k->work, mac);
	if (sha256_copy(k->work, k->outer, e) != 0)
		return -1;
	sha256_update(k->work, mac, sizeof(mac));
	sha256_finish(k->work, mac);
	hex_format(mac, HMAC_TAG_BYTES, tag);
	return 0;
}
