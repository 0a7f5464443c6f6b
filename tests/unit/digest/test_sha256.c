/*
 * test_sha256.c - known digests, pieces of every size, reuse of one object.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tdc/digest/sha256.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* From FIPS 180-2, appendix B, and the empty string. */
static const struct {
	const char *name, *bytes;
	size_t times;
	const char *digest;
} rows[] = {
	{ "nothing", "", 1,
	  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
	{ "three bytes", "abc", 1,
	  "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
	{ "two blocks", "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
	  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
	{ "a million times a", "aaaaaaaaaa", 100000,
	  "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0" },
};

static void
known_digests_come_out_of_one_object_again_and_again(void **state)
{
	struct sha256 *h;
	struct err e;
	int wrong = 0;

	(void)state;
	assert_int_equal(sha256_new(&h, &e), 0);
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			uint8_t digest[SHA256_BYTES];
			char text[SHA256_TEXT_MAX];
			sha256_start(h);
			for (size_t k = 0; k < rows[i].times; k++)
				sha256_update(h, rows[i].bytes, strlen(rows[i].bytes));
			sha256_finish(h, digest);
			sha256_format(digest, text);
			if (strcmp(text, rows[i].digest) != 0) {
				printf("%s: got %s, want %s\n", rows[i].name, text,
				       rows[i].digest);
				wrong++;
			}
		}
	}
	assert_int_equal(wrong, 0);
	sha256_free(h);
	sha256_free(NULL);
}

static void
pieces_do_not_change_the_digest(void **state)
{
	static const size_t sizes[] = { 1, 3, 63, 64, 65, 1000, 4096 };
	static uint8_t bytes[10000];
	uint8_t whole[SHA256_BYTES], pieces[SHA256_BYTES];
	struct sha256 *h;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7 >> 2);
	assert_int_equal(sha256_new(&h, &e), 0);
	sha256_update(h, bytes, sizeof(bytes)); /* a new object is started */
	sha256_finish(h, whole);
	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		sha256_start(h);
		for (size_t at = 0; at < sizeof(bytes); at += sizes[s]) {
			size_t left = sizeof(bytes) - at;
			sha256_update(h, bytes + at, left < sizes[s] ? left : sizes[s]);
		}
		sha256_finish(h, pieces);
		assert_memory_equal(pieces, whole, sizeof(whole));
	}
	sha256_free(h);
}

static void
a_start_forgets_what_came_before(void **state)
{
	uint8_t digest[SHA256_BYTES];
	char text[SHA256_TEXT_MAX];
	struct sha256 *h;
	struct err e;

	(void)state;
	assert_int_equal(sha256_new(&h, &e), 0);
	sha256_update(h, "left over", 9);
	sha256_start(h);
	sha256_update(h, NULL, 0);
	sha256_update(h, "abc", 3);
	sha256_finish(h, digest);
	sha256_format(digest, text);
	assert_string_equal(text, rows[1].digest);
	sha256_free(h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_digests_come_out_of_one_object_again_and_again),
		cmocka_unit_test(pieces_do_not_change_the_digest),
		cmocka_unit_test(a_start_forgets_what_came_before),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
