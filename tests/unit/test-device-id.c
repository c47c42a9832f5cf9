/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IEEE 1284 device ids: their parts, which two mean the same model, and what is none.
 */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "proto/base/device-id.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
	const char *id;
	enum device_id_key key;
	const char *value; /* NULL: none */
} parts[] = {
	{"MFG:Acme;MDL:Jet 5;CMD:PCL,PS;", DEVICE_ID_MFG, "Acme"},
	{"MFG:Acme;MDL:Jet 5;CMD:PCL,PS;", DEVICE_ID_MDL, "Jet 5"},
	{"MFG:Acme;MDL:Jet 5;CMD:PCL,PS;", DEVICE_ID_CMD, "PCL,PS"},
	{"MANUFACTURER: Acme ; model:Jet;COMMAND SET:PS", DEVICE_ID_MFG, "Acme"},
	{"MANUFACTURER: Acme ; model:Jet;COMMAND SET:PS", DEVICE_ID_MDL, "Jet"},
	{"MANUFACTURER: Acme ; model:Jet;COMMAND SET:PS", DEVICE_ID_CMD, "PS"},
	{"SN:MFG;MDL:x:y", DEVICE_ID_MDL, "x:y"},
	{"SN:MFG;MDL:x", DEVICE_ID_MFG, NULL},
	{"MFG:;MDL:x", DEVICE_ID_MFG, NULL},
	{"MFG", DEVICE_ID_MFG, NULL},
	{"MFGX:a;XMFG:b", DEVICE_ID_MFG, NULL},
	{"", DEVICE_ID_MFG, NULL},
	{";;:;", DEVICE_ID_MFG, NULL},
};

START_TEST(test_part)
{
	char buf[64];
	bool is = device_id_get(parts[_i].id, parts[_i].key, buf, sizeof(buf));

	ck_assert_int_eq(is, parts[_i].value != NULL);
	if (!is)
		return;
	ck_assert_str_eq(buf, parts[_i].value);
	ck_assert(!device_id_get(parts[_i].id, parts[_i].key, buf, strlen(parts[_i].value)));
}
END_TEST

static const struct {
	const char *a, *b;
	bool match;
} pairs[] = {
	/* Alike but for case, blanks, order and what tells one device from another. */
	{"MFG:Acme;MDL:Jet 5;", "MODEL:JET 5;MANUFACTURER: acme;SN:7", true},
	{"MFG:Acme;MDL:Jet 5;CMD:PCL,PS", "MFG:Acme;MDL:Jet 5;CMD: ps", true},
	{"MFG:Acme;MDL:Jet 5;CMD:PCL", "MFG:Acme;MDL:Jet 5", true},
	/* Another model, another maker, no language in common, parts that are not there. */
	{"MFG:Acme;MDL:Jet 5;", "MFG:Acme;MDL:Jet 50;", false},
	{"MFG:Acme;MDL:Jet 5;", "MFG:Acne;MDL:Jet 5;", false},
	{"MFG:Acme;MDL:Jet 5;CMD:PCL", "MFG:Acme;MDL:Jet 5;CMD:PS,PCL6", false},
	{"MFG:Acme", "MFG:Acme", false},
	{"MDL:Jet 5", "MDL:Jet 5", false},
	{"", "", false},
};

START_TEST(test_match)
{
	ck_assert_int_eq(device_id_match(pairs[_i].a, pairs[_i].b), pairs[_i].match);
	ck_assert_int_eq(device_id_match(pairs[_i].b, pairs[_i].a), pairs[_i].match);
}
END_TEST

static const struct {
	const char *id, *model;
	bool is;
} models[] = {
	{"MFG:Acme;MDL:Jet 5;", "Acme Jet 5", true},
	{"MFG:Acme;MDL:Jet 5;", "ACME JET 5", true},
	{"MFG:Acme;MDL:Acme Jet 5;", "Acme Jet 5", true},
	{"MFG:Acme;MDL:Jet 5;", "Jet 5", false},
	{"MFG:Acme;MDL:Jet 5;", "Acme Jet", false},
	{"MDL:Acme Jet 5;", "Acme Jet 5", false},
};

START_TEST(test_model)
{
	ck_assert_int_eq(device_id_is(models[_i].id, models[_i].model), models[_i].is);
}
END_TEST

static const struct {
	const char *uri, *id;
} uris[] = {
	{"usb://HP/LaserJet%201020?serial=JL1", "MFG:HP;MDL:LaserJet 1020;"},
	{"USB://Acme/Jet", "MFG:Acme;MDL:Jet;"},
	{"usb://Acme", NULL},
	{"usb:///Jet", NULL},
	{"usb://Acme/", NULL},
	{"usb://Acme/J%3BMFG%3AX", NULL},
	{"usb://Acme/J%0a", NULL},
	{"usb://Acme/J%2", NULL},
	{"usb://Acme/J%22", NULL},
	{"socket://Acme/Jet", NULL},
	{"", NULL},
};

START_TEST(test_uri)
{
	char id[DEVICE_ID_SIZE];
	bool is = device_id_of_uri(uris[_i].uri, id, sizeof(id));

	ck_assert_int_eq(is, uris[_i].id != NULL);
	if (is)
		ck_assert_str_eq(id, uris[_i].id);
}
END_TEST

START_TEST(test_sound)
{
	char id[DEVICE_ID_SIZE + 1] = "MFG:a;MDL:b;X:";

	ck_assert(device_id_is_sound("MFG:Acme;MDL:Jet 5;CMD:PCL,PS;"));
	ck_assert(!device_id_is_sound("MFG:Acme;MDL:Jet\n*cupsFilter2: x;"));
	ck_assert(!device_id_is_sound("MFG:Acme;MDL:Jet\";"));
	ck_assert(!device_id_is_sound("MFG:Acme;MDL:J\xc3\xa9t;"));
	ck_assert(!device_id_is_sound("MFG:Acme;"));
	memset(id + 14, 'x', DEVICE_ID_SIZE - 15);
	ck_assert(device_id_is_sound(id));
	id[DEVICE_ID_SIZE - 1] = 'x';
	ck_assert(!device_id_is_sound(id));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("device-id");
	TCase *tcase = tcase_create("device-id");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tcase, test_part, 0, (int)COUNT(parts));
	tcase_add_loop_test(tcase, test_match, 0, (int)COUNT(pairs));
	tcase_add_loop_test(tcase, test_model, 0, (int)COUNT(models));
	tcase_add_loop_test(tcase, test_uri, 0, (int)COUNT(uris));
	tcase_add_test(tcase, test_sound);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
