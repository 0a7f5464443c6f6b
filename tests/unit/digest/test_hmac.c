/*
 * test_hmac.c - known codes, and tags that hold for one key and one text only.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tdc/base/uid.h"
#include "tdc/digest/hmac.h"

#include <stdio.h>
#include <string.h>

/* RFC 4231 4: a key is `key` or, where that is NULL, a byte that is repeated. */
static const struct {
	const char *name, *key;
	int byte;
	size_t key_n;
	const char *text;
	int text_byte;
	size_t text_n;
	const char *mac;
} rows[] = {
	{ "case 1: a key of 20 bytes", NULL, 0x0b, 20, "Hi There", 0, 8,
	  "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7" },
	{ "case 2: a key that is shorter than the output", "Jefe", 0, 4,
	  "what do ya want for nothing?", 0, 28,
	  "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
	{ "case 3: key and text together are longer than a block", NULL, 0xaa, 20, NULL,
	  0xdd, 50, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe" },
	{ "case 6: a key that is longer than a block", NULL, 0xaa, 131,
	  "Test Using Larger Than Block-Size Key - Hash Key First", 0, 54,
	  "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54" },
	{ "no key and no text", "", 0, 0, "", 0, 0,
	  "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad" },
};

static void
known_codes(void **state)
{
	int wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char key[256], bytes[256], text[2 * HMAC_BYTES + 1];
		uint8_t mac[HMAC_BYTES];
		struct err e;
		memset(key, rows[i].byte, sizeof(key));
		memset(bytes, rows[i].text_byte, sizeof(bytes));
		assert_int_equal(hmac_sha256(rows[i].key == NULL ? key : rows[i].key,
					     rows[i].key_n,
					     rows[i].text == NULL ? bytes : rows[i].text,
					     rows[i].text_n, mac, &e),
				 0);
		hex_format(mac, sizeof(mac), text);
		if (strcmp(text, rows[i].mac) == 0)
			continue;
		printf("%s: got %s, want %s\n", rows[i].name, text, rows[i].mac);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

static bool
is_right(const uint8_t key[HMAC_KEY_BYTES], struct span text, struct span tag)
{
	bool right;
	struct err e;

	assert_int_equal(hmac_tag_verify(key, text, tag, &right, &e), 0);
	return right;
}

static void
a_tag_holds_for_its_key_and_its_text(void **state)
{
	uint8_t key[HMAC_KEY_BYTES] = { 1, 2, 3 }, other[HMAC_KEY_BYTES] = { 1, 2, 4 };
	struct span text = span_of("a text");
	char tag[HMAC_TAG_TEXT_MAX];
	struct err e;

	(void)state;
	assert_int_equal(hmac_tag(key, text, tag, &e), 0);
	assert_int_equal(strlen(tag), 2 * HMAC_TAG_BYTES);
	assert_true(is_right(key, text, span_of(tag)));
	assert_false(is_right(other, text, span_of(tag)));
	assert_false(is_right(key, span_of("a texs"), span_of(tag)));
	assert_false(is_right(key, span_make(NULL, 0), span_of(tag)));
}

static void
no_digit_of_a_tag_may_be_missing_or_another(void **state)
{
	uint8_t key[HMAC_KEY_BYTES] = { 7 };
	struct span text = span_of("a text");
	char tag[HMAC_TAG_TEXT_MAX], longer[HMAC_TAG_TEXT_MAX + 1];
	struct err e;

	(void)state;
	assert_int_equal(hmac_tag(key, text, tag, &e), 0);
	for (size_t i = 0; i < 2 * HMAC_TAG_BYTES; i++) {
		char changed[HMAC_TAG_TEXT_MAX];
		memcpy(changed, tag, sizeof(changed));
		changed[i] = tag[i] == '0' ? '1' : '0';
		assert_false(is_right(key, text, span_of(changed)));
		assert_false(is_right(key, text, span_make(tag, i)));
	}
	snprintf(longer, sizeof(longer), "%s0", tag);
	assert_false(is_right(key, text, span_of(longer)));
}

static void
a_kept_key_makes_the_same_tags_again_and_again(void **state)
{
	static const char *const texts[] = { "a text", "",
					     "another, which is longer than "
					     "a block of the digest, so "
					     "that it takes two" };
	uint8_t key[HMAC_KEY_BYTES] = { 1, 2, 3 };
	char want[HMAC_TAG_TEXT_MAX], got[HMAC_TAG_TEXT_MAX];
	struct hmac_key *k;
	struct err e;

	(void)state;
	assert_int_equal(hmac_key_new(key, &k, &e), 0);
	for (size_t i = 0; i < 6; i++) {
		struct span text = span_of(texts[i % 3]);
		assert_int_equal(hmac_tag(key, text, want, &e), 0);
		assert_int_equal(hmac_key_tag(k, text, got, &e), 0);
		assert_string_equal(got, want);
	}
	hmac_key_free(k);
	hmac_key_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_codes),
		cmocka_unit_test(a_tag_holds_for_its_key_and_its_text),
		cmocka_unit_test(no_digit_of_a_tag_may_be_missing_or_another),
		cmocka_unit_test(a_kept_key_makes_the_same_tags_again_and_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
