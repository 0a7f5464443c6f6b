/*
 * hmac.c - HMAC-SHA-256 over libcrypto.
 */
#include "tdc/digest/hmac.h"

#include "tdc/base/uid.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

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
