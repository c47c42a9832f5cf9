/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What platend and platen-fetch both know of sources: their words, and whom to name oneself as.
 *
 * Both read the same settings, platend from its file and platen-fetch by hand from its command
 * line, so the rules stand here once.
 */
#include "proto/base/fetch.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/cleanup.h"
#include "proto/base/text.h"

bool fetch_sources_parse(const char *words, uint8_t ret_sources[static FETCH_SOURCES_MAX])
{
	static const char *const names[] = {
		[FETCH_SERVER] = "server",
		[FETCH_DEVICE] = "device",
		[FETCH_HOST] = "host",
		[FETCH_GENERIC] = "generic",
	};
	uint8_t sources[FETCH_SOURCES_MAX] = {0};
	size_t count = 0;

	while (*words) {
		size_t n;
		uint8_t source = FETCH_GENERIC;

		words += strspn(words, " \t");
		n = strcspn(words, ", \t");
		while (source >= FETCH_SERVER &&
			(strlen(names[source]) != n || strncmp(names[source], words, n) != 0))
			source--;
		if (!source || memchr(sources, source, sizeof(sources)))
			return false;
		sources[count++] = source;
		words += n + strspn(words + n, " \t");
		if (*words == ',' && words[1 + strspn(words + 1, " \t")])
			words++;
		else if (*words)
			return false;
	}
	memcpy(ret_sources, sources, sizeof(sources));
	return count > 0;
}

/* "de" or "zh-tw", of `n` bytes. */
static bool is_language(const char *s, size_t n)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
	size_t language = strspn(s, letters);

	if (language < 2 || language > 3)
		return false;
	return n == language ||
	       (n == language + 3 && s[language] == '-' && strspn(s + language + 1, letters) == 2);
}

bool fetch_languages_parse(const char *words, char *buf, size_t size)
{
	char all[FETCH_LANGUAGES_MAX][FETCH_LANGUAGE_SIZE] = {0}, out[256] = "";
	size_t count = 0, used = 0;

	while (*words) {
		char one[FETCH_LANGUAGE_SIZE] = "";
		size_t n;

		words += strspn(words, " \t");
		n = strcspn(words, ", \t");
		if (n >= sizeof(one) || count == FETCH_LANGUAGES_MAX)
			return false;
		for (size_t i = 0; i < n; i++)
			one[i] = (char)tolower((unsigned char)words[i]);
		if (!is_language(one, n))
			return false;
		for (size_t i = 0; i < count; i++)
			if (strcmp(all[i], one) == 0)
				return false;
		memcpy(all[count++], one, sizeof(one));
		used += (size_t)snprintf(
			out + used, sizeof(out) - used, "%s%s", used ? "," : "", one);
		words += n + strspn(words + n, " \t");
		if (*words == ',' && words[1 + strspn(words + 1, " \t")])
			words++;
		else if (*words)
			return false;
	}
	return text_copy(buf, size, out) == 0;
}

int fetch_credentials_read(const char *path, char *buf, size_t size)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if ((st.st_mode & 077) || (st.st_uid != geteuid() && st.st_uid != 0))
		return -EPERM;
	n = read(fd, buf, size);
	if (n < 0)
		return -errno;
	if ((size_t)n == size)
		n = 0; /* too long to be one */
	memset(buf + n, 0, size - (size_t)n);
	buf[strcspn(buf, "\r\n")] = '\0';
	memset(buf + strlen(buf), 0, size - strlen(buf));
	if (!text_is_line(buf) || !strchr(buf, ':')) {
		explicit_bzero(buf, size);
		return -EBADMSG;
	}
	return 0;
}
