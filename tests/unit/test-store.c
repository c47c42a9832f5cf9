/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store of drivers: what is remembered of a source, when that no longer counts, and the
 * provenance that is kept up to date.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "drivers-fetch/ppd.h"
#include "drivers-fetch/source.h"
#include "drivers-fetch/store.h"
#include "proto/base/cleanup.h"
#include "tests/unit/sample-ppd.h"

#define URL   "http://server/printers/q.ppd"
#define OTHER "http://server/printers/r.ppd"

static char dir[] = "/tmp/platen-store-XXXXXX";

static void setup(void)
{
	memcpy(dir + sizeof(dir) - 7, "XXXXXX", 6);
	ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void teardown(void)
{
	char command[64];

	(void)snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	ck_assert_int_eq(system(command), 0);
}

/* The only file below the store's folder `under` whose name ends so. */
static void only_file(const char *under, const char *end, char path[static 256])
{
	char command[256];
	FILE *found;

	(void)snprintf(
		command, sizeof(command), "find %s/%s -maxdepth 1 -name '*%s'", dir, under, end);
	found = popen(command, "r");
	ck_assert_ptr_nonnull(found);
	ck_assert_ptr_nonnull(fgets(path, 256, found));
	path[strcspn(path, "\n")] = '\0';
	ck_assert_ptr_null(fgets(command, sizeof(command), found));
	(void)pclose(found);
}

static void set(const char *path, const char *key, json_int_t value)
{
	json_auto_t *all = json_load_file(path, 0, NULL);

	ck_assert_ptr_nonnull(all);
	ck_assert_int_eq(json_object_set_new(all, key, json_integer(value)), 0);
	ck_assert_int_eq(json_dump_file(all, path, 0), 0);
}

static json_int_t number(json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static void put(const char *url, uint32_t provenance, struct fetch_result *result)
{
	static const char text[] = "*PPD-Adobe: \"4.3\"\n*OpenUI *PageSize/Size: PickOne\n";

	*result = (struct fetch_result){.provenance = provenance};
	ck_assert_int_eq(
		store_put(dir, text, strlen(text), url, "Sat, 01 Jan", NULL, 3, result), 0);
}

START_TEST(test_known)
{
	struct store_source known;
	struct fetch_result result;
	char path[256];

	ck_assert_int_eq(store_source_read(dir, URL, &known), -ENOENT);
	put(URL, FETCH_SERVER, &result);
	ck_assert_int_eq(store_source_read(dir, URL, &known), 0);
	ck_assert_mem_eq(known.sha256, result.sha256, 32);
	ck_assert_str_eq(known.modified, "Sat, 01 Jan");
	/* Its file is gone. */
	only_file("", ".ppd.gz", path);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(store_source_read(dir, URL, &known), -ENOENT);
}
END_TEST

/* What another version cleaned, or one that did not say which it is, is to be had again. */
START_TEST(test_stale)
{
	struct store_source known;
	struct fetch_result result;
	json_t *all;
	char path[256];

	put(URL, FETCH_SERVER, &result);
	only_file("sources", ".json", path);
	set(path, "cleaner", FETCH_CLEANER - 1);
	ck_assert_int_eq(store_source_read(dir, URL, &known), -ESTALE);
	set(path, "cleaner", FETCH_CLEANER + 1);
	ck_assert_int_eq(store_source_read(dir, URL, &known), -ESTALE);
	all = json_load_file(path, 0, NULL);
	ck_assert_int_eq(json_object_del(all, "cleaner"), 0);
	ck_assert_int_eq(json_dump_file(all, path, 0), 0);
	json_decref(all);
	ck_assert_int_eq(store_source_read(dir, URL, &known), -ESTALE);
	put(URL, FETCH_SERVER, &result);
	ck_assert_int_eq(store_source_read(dir, URL, &known), 0);
}
END_TEST

/* When it was last heard of, and from which of its sources; what else is known stays. */
START_TEST(test_provenance)
{
	struct fetch_result result;
	json_t *all, *source;
	char path[256];

	put(URL, FETCH_SERVER, &result);
	only_file("", ".json", path);
	set(path, "checked", 1);
	set(path, "fetched", 2);
	result.provenance = FETCH_HOST;
	store_checked(dir, OTHER, &result);
	all = json_load_file(path, 0, NULL);
	ck_assert_int_gt(number(all, "checked"), 1000);
	ck_assert_int_eq(number(all, "fetched"), 2);
	ck_assert_int_eq(number(all, "dropped"), 3);
	ck_assert_int_eq(number(all, "cleaner"), FETCH_CLEANER);
	ck_assert_str_eq(json_string_value(json_object_get(all, "source")), OTHER);
	ck_assert_str_eq(json_string_value(json_object_get(all, "provenance")), "host");
	ck_assert_uint_eq(json_object_size(json_object_get(all, "sources")), 2);
	source = json_object_get(json_object_get(all, "sources"), URL);
	ck_assert_int_gt(number(source, "fetched"), 1000);
	ck_assert_str_eq(json_string_value(json_object_get(source, "provenance")), "server");
	json_decref(all);
	/* It comes again: that is written down too, also of an older Platen's driver. */
	set(path, "cleaner", 1);
	put(URL, FETCH_SERVER, &result);
	all = json_load_file(path, 0, NULL);
	ck_assert_int_gt(number(all, "fetched"), 1000);
	ck_assert_int_eq(number(all, "cleaner"), FETCH_CLEANER);
	ck_assert_str_eq(json_string_value(json_object_get(all, "source")), URL);
	json_decref(all);
}
END_TEST

START_TEST(test_many_sources)
{
	struct fetch_result result;
	char path[256], url[64];
	json_t *all;

	put(URL, FETCH_SERVER, &result);
	for (int i = 0; i < 100; i++) {
		(void)snprintf(url, sizeof(url), "http://server/printers/q%d.ppd", i);
		store_checked(dir, url, &result);
	}
	only_file("", ".json", path);
	all = json_load_file(path, 0, NULL);
	ck_assert_uint_eq(json_object_size(json_object_get(all, "sources")), 64);
	ck_assert_ptr_nonnull(json_object_get(json_object_get(all, "sources"), url));
	json_decref(all);
}
END_TEST

static bool exists(const char *hex, const char *end)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s%s", dir, hex, end);
	return access(path, F_OK) == 0;
}

#define NOW 1700000000 /* what the tests write is younger, and stays */

static void age(const char *hex, const char *end, time_t days)
{
	const struct timespec times[2] = {
		{.tv_sec = NOW - days * 86400}, {.tv_sec = NOW - days * 86400}};
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s%s", dir, hex, end);
	ck_assert_int_eq(utimensat(AT_FDCWD, path, times, 0), 0);
}

/* In use or not, how long ago, after how many days it goes; whether it then stays. */
static const struct {
	bool used;
	time_t age;
	unsigned int days;
	bool stays;
} prunings[] = {
	{true, 400, 30, true},
	{false, 0, 30, true},
	{false, 29, 30, true},
	{false, 31, 30, false},
	{false, 31, 0, true},
	{false, 2, 1, false},
	{true, 2, 1, true},
};

START_TEST(test_prune)
{
	struct fetch_result result;
	struct store_source known;
	struct stat st;
	unsigned int removed;
	char hex[65], path[256];
	uint8_t used[2][32] = {{1}};

	put(URL, FETCH_SERVER, &result);
	ck_assert_int_eq(store_whole_put(dir, "whole", 5, URL, "f", &result), 0);
	ck_assert_int_eq(store_original_put(dir, result.sha256, "x", 1), 0);
	for (int i = 0; i < 32; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", result.sha256[i]);
	age(hex, ".ppd.gz", prunings[_i].age);
	if (prunings[_i].used)
		memcpy(used[1], result.sha256, 32);
	ck_assert_int_eq(store_prune(dir, used, 2, prunings[_i].days, NOW, &removed), 0);
	ck_assert_uint_eq(removed, !prunings[_i].stays);
	ck_assert_int_eq(exists(hex, ".ppd.gz"), prunings[_i].stays);
	ck_assert_int_eq(exists(hex, ".json"), prunings[_i].stays);
	ck_assert_int_eq(exists(hex, ".options"), prunings[_i].stays);
	(void)snprintf(path, sizeof(path), "%s/originals/%s.gz", dir, hex);
	ck_assert_int_eq(access(path, F_OK) == 0, prunings[_i].stays);
	ck_assert_int_eq(store_source_read(dir, URL, &known), prunings[_i].stays ? 0 : -ENOENT);
	if (prunings[_i].used) {
		(void)snprintf(path, sizeof(path), "%s/%s.ppd.gz", dir, hex);
		ck_assert_int_eq(stat(path, &st), 0);
		ck_assert_int_eq(st.st_mtime, NOW);
	}
}
END_TEST

/* What a writer left that died; what is no driver stays. */
START_TEST(test_prune_left_overs)
{
	static const char *const names[] = {".ppd.gz.123", ".json.7", ".json", ".options", ".txt"};
	static const bool stays[] = {false, false, false, false, true};
	const struct timespec times[2] = {
		{.tv_sec = NOW - 31 * 86400}, {.tv_sec = NOW - 31 * 86400}};
	char hex[65], path[256], old[256];
	unsigned int removed;

	memset(hex, 'a', 64);
	hex[64] = '\0';
	ck_assert_int_eq(store_record_put(dir, "smb://server/old", json_object()), 0);
	only_file("windows", ".json", old);
	ck_assert_int_eq(utimensat(AT_FDCWD, old, times, 0), 0);
	ck_assert_int_eq(store_record_put(dir, "smb://server/new", json_object()), 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s%s", dir, hex, names[i]);
		ck_assert_int_eq(close(open(path, O_CREAT | O_WRONLY, 0644)), 0);
		age(hex, names[i], 2);
	}
	ck_assert_int_eq(store_prune(dir, NULL, 0, 30, NOW, &removed), 0);
	ck_assert_uint_eq(removed, 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		ck_assert_msg(exists(hex, names[i]) == stays[i], "%s", names[i]);
	only_file("windows", ".json", path);
	ck_assert_str_ne(path, old);
	ck_assert_int_eq(store_prune("/nonexistent", NULL, 0, 30, NOW, &removed), -ENOENT);
}
END_TEST

/* What an admin adds is kept, plain or packed, so that it can be cleaned anew. */
START_TEST(test_original)
{
	static const char ppd[] = PPD_VENDOR;
	struct fetch_result result;
	uint8_t *text;
	char path[256], bytes[65536];
	size_t size;
	FILE *file = tmpfile();

	ck_assert_uint_eq(fwrite(ppd, 1, strlen(ppd), file), strlen(ppd));
	(void)fflush(file);
	for (int i = 0; i < 2; i++) {
		source_add(dir, fileno(file), &result);
		ck_assert_int_eq(result.code, FETCH_OK);
	}
	(void)fclose(file);
	only_file("originals", ".gz", path);
	file = fopen(path, "r");
	size = fread(bytes, 1, sizeof(bytes), file);
	ck_assert_int_eq(ppd_gunzip((uint8_t *)bytes, size, sizeof(bytes), &text, &size), 0);
	ck_assert_uint_eq(size, strlen(ppd));
	ck_assert_mem_eq(text, ppd, size);
	free(text);
	source_add(dir, fileno(file), &result); /* packed, it is the same driver */
	(void)fclose(file);
	ck_assert_int_eq(result.code, FETCH_OK);
	only_file("originals", ".gz", path);
}
END_TEST

/*
 * What the cleaner makes of the samples, under its number. A change here is a change of what
 * workspaces get: raise FETCH_CLEANER, so that drivers in stores are cleaned anew, and put the new
 * digest here.
 */
#define CLEANED_BY 2
#define CLEANED	   "ea90d90b971505f980c798c9c217104f95b933a39422f076e95bf201990bf706"

static void add_to(struct sha256_ctx *sha, const char *ppd, bool whole)
{
	struct ppd_report report;
	char *text;
	size_t size;

	if ((whole ? ppd_clean_whole : ppd_clean)(
		    (const uint8_t *)ppd, strlen(ppd), NULL, NULL, &report, &text, &size) < 0)
		return;
	sha256_update(sha, size, (uint8_t *)text);
	free(text);
}

START_TEST(test_cleaner)
{
	struct sha256_ctx sha;
	uint8_t digest[32];
	char hex[65];

	sha256_init(&sha);
	for (int whole = 0; whole < 2; whole++) {
		add_to(&sha, PPD_VENDOR, whole);
		for (size_t i = 0; i < sizeof(sample_attacks) / sizeof(sample_attacks[0]); i++)
			add_to(&sha, sample_attacks[i].text, whole);
	}
	sha256_digest(&sha, sizeof(digest), digest);
	for (int i = 0; i < 32; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	ck_assert_int_eq(FETCH_CLEANER, CLEANED_BY);
	ck_assert_str_eq(hex, CLEANED);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("store");
	TCase *tcase = tcase_create("store");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, test_known);
	tcase_add_test(tcase, test_stale);
	tcase_add_test(tcase, test_provenance);
	tcase_add_test(tcase, test_many_sources);
	tcase_add_loop_test(tcase, test_prune, 0, (int)(sizeof(prunings) / sizeof(prunings[0])));
	tcase_add_test(tcase, test_prune_left_overs);
	tcase_add_test(tcase, test_original);
	tcase_add_test(tcase, test_cleaner);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
