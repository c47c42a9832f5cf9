/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay FILE-OR-FOLDER...: gives each file to the fuzz target that it is linked with, as libFuzzer
 * would, with any compiler. So the seeds and all that ever crashed a target are tested every time.
 * A folder that is not there has no files. It prints how many there were.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/fuzz/fuzz.h"

static unsigned long count;

static bool replay_file(const char *path, size_t size)
{
	FILE *file = fopen(path, "rbe");
	uint8_t *data = malloc(size ? size : 1); /* exactly so much: reading beyond it is seen */
	bool ok;

	if (!file || !data) {
		(void)fprintf(stderr, "replay: cannot read %s\n", path);
		free(data);
		if (file)
			(void)fclose(file);
		return false;
	}
	ok = fread(data, 1, size, file) == size;
	(void)fclose(file);
	if (ok) {
		(void)fprintf(stderr, "replay: %s\n", path);
		(void)LLVMFuzzerTestOneInput(data, size);
		count++;
	}
	free(data);
	return ok;
}

static bool replay(const char *path)
{
	struct dirent *entry;
	struct stat st;
	bool ok = true;
	DIR *dir;

	if (stat(path, &st) < 0)
		return errno == ENOENT;
	if (!S_ISDIR(st.st_mode))
		return replay_file(path, (size_t)st.st_size);
	dir = opendir(path);
	if (!dir)
		return false;
	while ((entry = readdir(dir))) {
		char inner[PATH_MAX];

		if (entry->d_name[0] == '.')
			continue;
		(void)snprintf(inner, sizeof(inner), "%s/%s", path, entry->d_name);
		ok &= replay(inner);
	}
	(void)closedir(dir);
	return ok;
}

int main(int argc, char **argv)
{
	bool ok = argc > 1;

	for (int i = 1; i < argc; i++)
		ok &= replay(argv[i]);
	printf("%lu files\n", count);
	return ok && count > 0 ? 0 : 1;
}
