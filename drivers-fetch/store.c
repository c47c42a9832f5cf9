/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drivers by their SHA-256, and what is known of their sources.
 *
 * A file is written under a name of its own, synced and renamed, so that it is whole or absent,
 * whatever dies and however many write at once: two writers of one driver write the same bytes.
 */
#include "drivers-fetch/store.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include "proto/base/cleanup.h"
#include "proto/base/file.h"
#include "proto/base/text.h"

#define PATH_SIZE	 512
#define DRIVER_PATH_SIZE (PATH_SIZE + 80)
#define SOURCES_MAX	 64 /* of one driver; a site's queues of one model */

static void sha256_of(const void *data, size_t size, uint8_t digest[static 32])
{
	struct sha256_ctx sha;

	sha256_init(&sha);
	sha256_update(&sha, size, data);
	sha256_digest(&sha, 32, digest);
}

static void hex_of(const uint8_t digest[static 32], char hex[static 65])
{
	for (int i = 0; i < 32; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}

/* gzip with a header that says nothing (mtime 0), so that the same driver is the same file. */
static int pack(const char *text, size_t size, uint8_t **ret_bytes, size_t *ret_size)
{
	z_stream z = {0};
	size_t room;
	uint8_t *out;
	int r;

	if (deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY) != Z_OK)
		return -ENOMEM;
	room = deflateBound(&z, size);
	out = malloc(room);
	if (!out) {
		(void)deflateEnd(&z);
		return -ENOMEM;
	}
	z.next_in = (Bytef *)(uintptr_t)text;
	z.avail_in = (uInt)size;
	z.next_out = out;
	z.avail_out = (uInt)room;
	r = deflate(&z, Z_FINISH);
	*ret_size = z.total_out;
	(void)deflateEnd(&z);
	if (r != Z_STREAM_END) {
		free(out);
		return -EIO;
	}
	*ret_bytes = out;
	return 0;
}

static int json_put(const char *path, json_t *object)
{
	_cleanup_free_ char *text = object ? json_dumps(object, JSON_INDENT(2)) : NULL;

	json_decref(object);
	return text ? file_put(path, text, strlen(text)) : -ENOMEM;
}

static void source_path(const char *store, const char *url, char path[static PATH_SIZE])
{
	uint8_t digest[32];
	char hex[65];

	sha256_of(url, strlen(url), digest);
	hex_of(digest, hex);
	(void)snprintf(path, PATH_SIZE, "%s/sources/%s.json", store, hex);
}

static bool hex_parse(const char *hex, uint8_t digest[static 32])
{
	if (!hex || strlen(hex) != 64 || strspn(hex, "0123456789abcdef") != 64)
		return false;
	for (int i = 0; i < 32; i++) {
		unsigned int byte;

		(void)sscanf(hex + 2 * i, "%2x", &byte);
		digest[i] = (uint8_t)byte;
	}
	return true;
}

/* The record of a URL, which cleaning made its driver, and where that lies. */
static int record_read(const char *store, const char *url, struct store_source *ret_source,
	int *ret_cleaner, char driver[static DRIVER_PATH_SIZE])
{
	const char *known, *modified, *sha, *model;
	struct store_source s = {0};
	char path[PATH_SIZE];
	json_t *object;
	int size = 0, packed = 0, cleaner = 1;
	bool sound;

	source_path(store, url, path);
	object = json_load_file(path, 0, NULL);
	if (!object)
		return -ENOENT;
	sound = json_unpack(object, "{s:s, s:s, s:s, s:s, s:i, s:i, s?i}", "url", &known,
			"modified", &modified, "sha256", &sha, "make_model", &model, "size", &size,
			"packed_size", &packed, "cleaner", &cleaner) == 0 &&
		strcmp(known, url) == 0 && hex_parse(sha, s.sha256) && size > 0 && packed > 0;
	if (sound) {
		(void)text_copy(s.url, sizeof(s.url), known);
		text_copy_line(s.modified, sizeof(s.modified), modified);
		text_copy_line(s.make_model, sizeof(s.make_model), model);
		s.size = (uint32_t)size;
		s.packed_size = (uint32_t)packed;
		(void)snprintf(driver, DRIVER_PATH_SIZE, "%s/%s.ppd.gz", store, sha);
	}
	json_decref(object);
	if (!sound)
		return -EBADMSG;
	if (access(driver, R_OK) < 0)
		return -ENOENT;
	*ret_source = s;
	*ret_cleaner = cleaner;
	return 0;
}

int store_source_read(const char *store, const char *url, struct store_source *ret_source)
{
	char driver[DRIVER_PATH_SIZE];
	struct store_source s;
	int cleaner, r = record_read(store, url, &s, &cleaner, driver);

	if (r < 0)
		return r;
	if (cleaner != FETCH_CLEANER)
		return -ESTALE;
	*ret_source = s;
	return 0;
}

int store_stale_read(const char *store, const char *url, uint8_t **ret_bytes, size_t *ret_size)
{
	_cleanup_free_ uint8_t *bytes = NULL;
	char driver[DRIVER_PATH_SIZE];
	struct store_source s;
	int cleaner, r = record_read(store, url, &s, &cleaner, driver);
	FILE *file;
	size_t n;

	if (r < 0)
		return r;
	if (cleaner == FETCH_CLEANER)
		return -ENOENT;
	bytes = malloc(s.packed_size);
	file = bytes ? fopen(driver, "re") : NULL;
	if (!file)
		return bytes ? -errno : -ENOMEM;
	n = fread(bytes, 1, s.packed_size, file);
	(void)fclose(file);
	if (n != s.packed_size)
		return -EBADMSG;
	*ret_size = n;
	*ret_bytes = steal_ptr(bytes);
	return 0;
}

/* Whoever holds this changes more than one file. -1: go on without. */
int store_lock(const char *store)
{
	int fd = open(store, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0)
		(void)flock(fd, LOCK_EX);
	return fd;
}

/* The source that was heard of longest ago makes room. */
static void sources_bound(json_t *sources)
{
	while (json_object_size(sources) > SOURCES_MAX) {
		json_int_t oldest = INT64_MAX;
		const char *url, *which = NULL;
		json_t *row;

		json_object_foreach(sources, url, row)
		{
			json_int_t checked = json_integer_value(json_object_get(row, "checked"));

			if (checked < oldest) {
				oldest = checked;
				which = url;
			}
		}
		if (!which || json_object_del(sources, which) < 0)
			return;
	}
}

/* Brings a driver's provenance up to date: what is `news` holds, and this source was heard now. Two
 * sources may have the same driver. */
static int provenance_put(const char *store, const char *hex, const char *url,
	const struct fetch_result *result, json_t *news)
{
	static const char *const names[] = {"", "server", "device", "host", "generic", "manual"};
	json_int_t now = (json_int_t)time(NULL);
	json_t *all, *sources, *source;
	char path[PATH_SIZE];
	int r;

	(void)snprintf(path, sizeof(path), "%s/%s.json", store, hex);
	all = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(all)) {
		json_decref(all);
		all = json_pack("{s:s}", "sha256", hex);
	}
	if (!json_is_object(json_object_get(all, "sources")))
		(void)json_object_set_new(all, "sources", json_object());
	sources = json_object_get(all, "sources");
	source = json_object_get(sources, url);
	if (!json_is_object(source)) {
		(void)json_object_set_new(sources, url, json_object());
		source = json_object_get(sources, url);
	}
	r = json_object_update(all, news) | json_object_set_new(all, "source", json_string(url)) |
	    json_object_set_new(all, "provenance", json_string(names[result->provenance])) |
	    json_object_set_new(all, "make_model", json_string(result->make_model)) |
	    json_object_set_new(all, "checked", json_integer(now)) |
	    json_object_set_new(source, "provenance", json_string(names[result->provenance])) |
	    json_object_set_new(source, "checked", json_integer(now));
	if (json_object_get(news, "fetched"))
		r |= json_object_set(source, "fetched", json_object_get(news, "fetched"));
	sources_bound(sources);
	if (r == 0)
		return json_put(path, all);
	json_decref(all);
	return -ENOMEM;
}

void store_checked(const char *store, const char *url, const struct fetch_result *result)
{
	_cleanup_close_ int lock __attribute__((unused)) = store_lock(store);
	json_auto_t *news = json_object();
	char hex[65];

	hex_of(result->sha256, hex);
	(void)provenance_put(store, hex, url, result, news);
}

/* The names of the options that the driver declares, a line each: our own text is read here. */
static int options_put(const char *store, const char *hex, const char *text, size_t size)
{
	static const char *const begins[] = {"*OpenUI *", "*JCLOpenUI *"};
	_cleanup_free_ char *names = malloc(size + 1);
	const char *line = text, *end;
	char path[PATH_SIZE];
	size_t used = 0;

	if (!names)
		return -ENOMEM;
	for (; (end = memchr(line, '\n', size - (size_t)(line - text))); line = end + 1) {
		for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++) {
			size_t skip = strlen(begins[i]), n;

			if (strncmp(line, begins[i], skip) != 0)
				continue;
			n = strcspn(line + skip, "/: \n");
			memcpy(names + used, line + skip, n);
			names[used + n] = '\n';
			used += n + 1;
		}
	}
	(void)snprintf(path, sizeof(path), "%s/%s.options", store, hex);
	return file_put(path, names, used);
}

int store_put(const char *store, const char *text, size_t size, const char *url,
	const char *modified, json_t *left_out, unsigned int dropped, struct fetch_result *result)
{
	_cleanup_free_ uint8_t *packed = NULL;
	_cleanup_close_ int lock __attribute__((unused)) = store_lock(store);
	json_auto_t *news = NULL;
	char hex[65], path[PATH_SIZE];
	size_t packed_size;
	int r;

	(void)snprintf(path, sizeof(path), "%s/sources", store);
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return -errno;
	r = pack(text, size, &packed, &packed_size);
	if (r < 0)
		return r;
	sha256_of(text, size, result->sha256);
	hex_of(result->sha256, hex);
	result->size = (uint32_t)size;
	result->packed_size = (uint32_t)packed_size;
	(void)snprintf(path, sizeof(path), "%s/%s.ppd.gz", store, hex);
	if (utimensat(AT_FDCWD, path, NULL, 0) < 0 && access(path, R_OK) < 0) {
		r = file_put(path, packed, packed_size);
		if (r == 0)
			r = options_put(store, hex, text, size);
	}
	news = json_pack("{s:i, s:i, s:i, s:O*, s:i, s:I}", "size", (int)size, "packed_size",
		(int)packed_size, "dropped", (int)dropped, "left_out", left_out, "cleaner",
		FETCH_CLEANER, "fetched", (json_int_t)time(NULL));
	if (r == 0)
		r = news ? provenance_put(store, hex, url, result, news) : -ENOMEM;
	if (r < 0)
		return r;
	source_path(store, url, path);
	return json_put(path,
		json_pack("{s:s, s:s, s:s, s:s, s:i, s:i, s:i}", "url", url, "modified", modified,
			"sha256", hex, "make_model", result->make_model, "size", (int)result->size,
			"packed_size", (int)result->packed_size, "cleaner", FETCH_CLEANER));
}

int store_original_put(
	const char *store, const uint8_t sha256[static 32], const void *bytes, size_t size)
{
	_cleanup_free_ uint8_t *packed = NULL;
	_cleanup_close_ int lock __attribute__((unused)) = store_lock(store);
	char hex[65], path[PATH_SIZE];
	size_t packed_size;
	int r;

	(void)snprintf(path, sizeof(path), "%s/originals", store);
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return -errno;
	hex_of(sha256, hex);
	(void)snprintf(path, sizeof(path), "%s/originals/%s.gz", store, hex);
	if (size >= 2 && memcmp(bytes, "\x1F\x8B", 2) == 0) /* it came packed */
		return file_put(path, bytes, size);
	r = pack(bytes, size, &packed, &packed_size);
	return r == 0 ? file_put(path, packed, packed_size) : r;
}

int store_record_put(const char *store, const char *url, json_t *record)
{
	char path[PATH_SIZE], hex[65];
	uint8_t digest[32];

	(void)snprintf(path, sizeof(path), "%s/windows", store);
	if (mkdir(path, 0755) < 0 && errno != EEXIST) {
		json_decref(record);
		return -errno;
	}
	sha256_of(url, strlen(url), digest);
	hex_of(digest, hex);
	(void)snprintf(path, sizeof(path), "%s/windows/%s.json", store, hex);
	return json_put(path, record);
}

static void whole_path(const char *store, const char *url, char path[static PATH_SIZE])
{
	uint8_t digest[32];
	char hex[65];

	sha256_of(url, strlen(url), digest);
	hex_of(digest, hex);
	(void)snprintf(path, PATH_SIZE, "%s/whole/%s.json", store, hex);
}

int store_whole_put(const char *store, const char *text, size_t size, const char *url,
	const char *filters, struct fetch_result *result)
{
	_cleanup_free_ uint8_t *packed = NULL;
	char hex[65], clean[65], path[PATH_SIZE];
	size_t packed_size;
	int r;

	(void)snprintf(path, sizeof(path), "%s/whole", store);
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return -errno;
	r = pack(text, size, &packed, &packed_size);
	if (r < 0)
		return r;
	sha256_of(text, size, result->whole_sha256);
	hex_of(result->whole_sha256, hex);
	hex_of(result->sha256, clean);
	result->whole_size = (uint32_t)size;
	result->whole_packed_size = (uint32_t)packed_size;
	text_copy_line(result->filters, sizeof(result->filters), filters);
	(void)snprintf(path, sizeof(path), "%s/%s.ppd.gz", store, hex);
	if (utimensat(AT_FDCWD, path, NULL, 0) < 0 && access(path, R_OK) < 0)
		r = file_put(path, packed, packed_size);
	if (r < 0)
		return r;
	whole_path(store, url, path);
	return json_put(path, json_pack("{s:s, s:s, s:s, s:s, s:i, s:i}", "url", url, "clean",
				      clean, "sha256", hex, "filters", filters, "size", (int)size,
				      "packed_size", (int)packed_size));
}

void store_whole_get(const char *store, const char *url, struct fetch_result *result)
{
	char path[PATH_SIZE], driver[PATH_SIZE + 80], hex[65];
	const char *known, *clean, *sha, *filters;
	uint8_t sha256[32];
	int size = 0, packed = 0;
	json_t *object;

	whole_path(store, url, path);
	object = json_load_file(path, 0, NULL);
	if (!object)
		return;
	hex_of(result->sha256, hex);
	if (json_unpack(object, "{s:s, s:s, s:s, s:s, s:i, s:i}", "url", &known, "clean", &clean,
		    "sha256", &sha, "filters", &filters, "size", &size, "packed_size",
		    &packed) == 0 &&
		strcmp(known, url) == 0 && strcmp(clean, hex) == 0 && hex_parse(sha, sha256) &&
		size > 0 && packed > 0) {
		(void)snprintf(driver, sizeof(driver), "%s/%s.ppd.gz", store, sha);
		if (access(driver, R_OK) == 0) {
			memcpy(result->whole_sha256, sha256, sizeof(sha256));
			result->whole_size = (uint32_t)size;
			result->whole_packed_size = (uint32_t)packed;
			text_copy_line(result->filters, sizeof(result->filters), filters);
		}
	}
	json_decref(object);
}
