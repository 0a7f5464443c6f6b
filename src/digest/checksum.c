/*
 * checksum.c - XXH3 over libxxhash. Once an object exists, none of the calls can fail.
 */
#include "tdc/digest/checksum.h"

#include "tdc/base/check.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

struct checksum {
	XXH3_state_t *state; /* it has an alignment of its own */
};

int
checksum_new(struct checksum **ret, struct err *e)
{
	struct checksum *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return err_set(e, ERR_MEMORY, 0, "no memory for a checksum");
	c->state = XXH3_createState();
	if (c->state == NULL) {
		checksum_free(c);
		return err_set(e, ERR_MEMORY, 0, "no memory for a checksum");
	}
	checksum_start(c);
	*ret = c;
	return 0;
}

void
checksum_free(struct checksum *c)
{
	if (c == NULL)
		return;
	XXH3_freeState(c->state);
	free(c);
}

void
checksum_start(struct checksum *c)
{
	check(XXH3_128bits_reset(c->state) == XXH_OK);
}

void
checksum_update(struct checksum *c, const void *p, size_t n)
{
	if (n > 0)
		check(XXH3_128bits_update(c->state, p, n) == XXH_OK);
}

void
checksum_finish(struct checksum *c, uint8_t sum[CHECKSUM_BYTES])
{
	XXH128_canonical_t form;

	static_assert(sizeof(form) == CHECKSUM_BYTES, "128 bits");
	XXH128_canonicalFromHash(&form, XXH3_128bits_digest(c->state));
	memcpy(sum, &form, CHECKSUM_BYTES);
}
