/*
 * hmac.h - HMAC-SHA-256 (RFC 2104), and tags: a mark on a text that only the holder of
 * the key can make.
 *
 * A tag is the first half of the text's HMAC in hexadecimal: 128 bits, which nobody
 * guesses. Any thread.
 */
#ifndef TDC_DIGEST_HMAC_H
#define TDC_DIGEST_HMAC_H

#include "tdc/base/err.h"
#include "tdc/base/span.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	HMAC_BYTES = 32,
	HMAC_KEY_BYTES = 32,
	HMAC_TAG_BYTES = 16,
	HMAC_TAG_TEXT_MAX = 33,
};

/* -1: ERR_MEMORY, as below. */
int hmac_sha256(const void *key, size_t key_n, const void *p, size_t n,
		uint8_t mac[HMAC_BYTES], struct err *e);

int hmac_tag(const uint8_t key[HMAC_KEY_BYTES], struct span text,
	     char tag[HMAC_TAG_TEXT_MAX], struct err *e);
/*
 * A key that makes many tags: it is taken in once. One thread at a time; a tag made by
 * it is that of hmac_tag().
 */
struct hmac_key;
int hmac_key_new(const uint8_t key[HMAC_KEY_BYTES], struct hmac_key **ret, struct err *e);
void hmac_key_free(struct hmac_key *k); /* NULL is fine */
int hmac_key_tag(struct hmac_key *k, struct span text, char tag[HMAC_TAG_TEXT_MAX],
		 struct err *e);

/* Takes the same time whatever the tag's digits are. */
int hmac_tag_verify(const uint8_t key[HMAC_KEY_BYTES], struct span text, struct span tag,
		    bool *is_right, struct err *e);

#endif
