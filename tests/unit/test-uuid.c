/* SPDX-License-Identifier: Apache-2.0 */
/* UUIDs: which texts are one, and that each has one text. */
#include <check.h>
#include <errno.h>
#include <string.h>

#include "proto/base/uuid.h"

#define TEXT "00112233-4455-6677-8899-aabbccddeeff"

static const struct {
	const char *text;
	bool ok;
} rows[] = {
	/* As libvirt and CUPS write them. */
	{TEXT, true},
	{"00112233-4455-6677-8899-AABBCCDDEEFF", true},
	{"urn:uuid:" TEXT, true},
	{"URN:UUID:" TEXT, true},
	/* Nothing before, behind or missing. */
	{"", false},
	{"urn:uuid:", false},
	{" " TEXT, false},
	{TEXT " ", false},
	{TEXT "\n", false},
	{"{" TEXT "}", false},
	{"urn:uuid:urn:uuid:" TEXT, false},
	{"00112233-4455-6677-8899-aabbccddeef", false},
	{"00112233-4455-6677-8899-aabbccddeeff0", false},
	/* Dashes where they are, and digits between. */
	{"00112233445566778899aabbccddeeff", false},
	{"0011223-34455-6677-8899-aabbccddeeff", false},
	{"00112233-4455-6677-8899-aabbccddeefg", false},
	{"00112233-4455-6677-8899-aabbccddee-f", false},
	{"00112233_4455_6677_8899_aabbccddeeff", false},
	{"0x112233-4455-6677-8899-aabbccddeeff", false},
};

START_TEST(test_parse)
{
	struct uuid uuid;
	char text[UUID_TEXT_SIZE];

	memset(&uuid, 0x55, sizeof(uuid));
	if (!rows[_i].ok) {
		ck_assert_msg(uuid_parse(rows[_i].text, &uuid) == -EINVAL, "%s", rows[_i].text);
		for (size_t i = 0; i < UUID_SIZE; i++)
			ck_assert_uint_eq(uuid.bytes[i], 0x55);
		return;
	}
	ck_assert_msg(uuid_parse(rows[_i].text, &uuid) == 0, "%s", rows[_i].text);
	for (size_t i = 0; i < UUID_SIZE; i++)
		ck_assert_uint_eq(uuid.bytes[i], i * 0x11);
	ck_assert_ptr_eq(uuid_format(&uuid, text), text);
	ck_assert_str_eq(text, TEXT);
}
END_TEST

/* Equal are those of which every byte is; null is the one of zeros. */
START_TEST(test_compare)
{
	struct uuid a = {{0}}, b = {{0}};

	ck_assert(uuid_is_null(&a) && uuid_equal(&a, &b));
	for (size_t i = 0; i < UUID_SIZE; i++) {
		b.bytes[i] = 1;
		ck_assert(!uuid_is_null(&b) && !uuid_equal(&a, &b));
		b.bytes[i] = 0;
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("uuid");
	TCase *tc = tcase_create("uuid");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tc, test_parse, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_test(tc, test_compare);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
