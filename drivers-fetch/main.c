/* SPDX-License-Identifier: Apache-2.0 */
/*
 * platen-fetch: gets one printer's driver, cleans it and leaves it in the store.
 *
 * For platend it answers one request at descriptor 3 and ends; by hand it does the same for the
 * printer on its command line, or cleans a file and says what it left out.
 */
#include <curl/curl.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "drivers-fetch/package.h"
#include "drivers-fetch/ppd.h"
#include "drivers-fetch/sandbox.h"
#include "drivers-fetch/serve.h"
#include "drivers-fetch/source.h"
#include "drivers-fetch/store.h"
#include "proto/base/cleanup.h"
#include "proto/base/confine.h"
#include "proto/base/log.h"
#include "proto/base/text.h"

/* Bytes of address space, of which the libraries behind libcurl map much; seconds. */
#define MEMORY_MAX (512UL * 1024 * 1024)
#define CPU_MAX	   30
#define USED_MAX   100000 /* drivers in use; more than any host has printers */

static int usage(FILE *out, int status)
{
	fprintf(out,
		"Usage: platen-fetch STORE\n"
		"       platen-fetch STORE --queue NAME --uri URI --cups-socket PATH\n"
		"       platen-fetch STORE --serve\n"
		"       platen-fetch --clean FILE\n"
		"       platen-fetch --whole FILE\n"
		"Gets a printer's driver from its print server, the device or the host's queue,\n"
		"cleans it, and leaves it in the store. Without options: started by platend(8).\n\n"
		"      --serve             take connections of the socket at descriptor 3\n"
		"      --queue NAME        the host's queue\n"
		"      --uri URI           its device URI\n"
		"      --cups-socket PATH  the host's cupsd (default /run/cups/cups.sock)\n"
		"      --drivers LIST      sources in the order to try (default server, device, "
		"host)\n"
		"      --languages LIST    of a device's own names: de, zh-tw\n"
		"      --pin SHA256        the server's key: sha256//BASE64\n"
		"      --credentials FILE  of mode 0600 with user:password, for TLS only\n"
		"      --negotiate         name yourself by Kerberos, over TLS or to a Windows\n"
		"                          server\n"
		"      --clean FILE        write the cleaned driver to standard output, and what\n"
		"                          was left out to standard error\n"
		"      --whole FILE        the same with its filters, for rendering in the guest\n"
		"  -h, --help, --version\n");
	return status;
}

static void on_dropped(const char *keyword, unsigned int line, const char *reason, void *userdata)
{
	(void)userdata;
	fprintf(stderr, "line %u: *%s: %s\n", line, keyword, reason);
}

static int clean_file(const char *path, bool whole)
{
	_cleanup_free_ uint8_t *bytes = malloc(PPD_SIZE_MAX + 1);
	_cleanup_free_ char *text = NULL;
	struct ppd_report report;
	FILE *file = fopen(path, "re");
	size_t size, text_size;
	int r;

	if (!file || !bytes) {
		fprintf(stderr, "platen-fetch: %s: %s\n", path, strerror(errno));
		return 1;
	}
	size = fread(bytes, 1, PPD_SIZE_MAX + 1, file);
	(void)fclose(file);
	r = fetch_sandbox(NULL, NULL);
	if (r < 0) {
		fprintf(stderr, "platen-fetch: the sandbox cannot be entered: %s\n", strerror(-r));
		return 1;
	}
	r = (whole ? ppd_clean_whole : ppd_clean)(
		bytes, size, on_dropped, NULL, &report, &text, &text_size);
	if (r < 0) {
		fprintf(stderr, "platen-fetch: %s: refused: %s\n", path,
			r == -EBADMSG ? report.why : strerror(-r));
		return 1;
	}
	fprintf(stderr, "%s: %u statements kept, %u dropped\n", path, report.kept, report.dropped);
	if (whole)
		fprintf(stderr, "filters: %s\n", report.filters[0] ? report.filters : "none");
	return fwrite(text, 1, text_size, stdout) == text_size ? 0 : 1;
}

static int by_hand(const char *store, const struct fetch_get *get)
{
	static const char *const codes[] = {
		"", "fetched", "unchanged", "missing", "refused", "failed"};
	struct fetch_result result;

	source_fetch(store, get, &result);
	printf("%s: %s\n", codes[result.code], result.text);
	return result.code == FETCH_OK || result.code == FETCH_UNCHANGED ? 0 : 1;
}

static int credentials(const char *path, struct fetch_get *get)
{
	int r = fetch_credentials_read(path, get->credentials, sizeof(get->credentials));

	if (r < 0)
		fprintf(stderr, "platen-fetch: %s: %s\n", path,
			r == -EPERM	? "others may read it; chmod 600"
			: r == -EBADMSG ? "expected one line user:password"
					: strerror(-r));
	return r;
}

/* What an admin gave, in a descriptor. */
static int take_file(const char *store, const struct ipc_head *m, int fd)
{
	struct fetch_result result;
	int r = fetch_sandbox(store, NULL);

	if (r < 0) {
		log_line(LOG_ERR, NULL, "the sandbox cannot be entered: %s", strerror(-r));
		return 1;
	}
	if (m->type == FETCH_ADD)
		source_add(store, fd, &result);
	else
		package_keep(store, fd, &result);
	return ipc_send(IPC_FD, &result, -1) < 0 ? 1 : 0;
}

static void prune(
	const char *store, const struct fetch_prune *asked, int fd, struct fetch_result *result)
{
	_cleanup_free_ uint8_t(*used)[32] = NULL;
	unsigned int removed = 0;
	int r = -EBADMSG;

	*result = (struct fetch_result){
		.head = {.type = FETCH_RESULT, .size = sizeof(*result)}, .code = FETCH_FAILED};
	if (fd >= 0 && asked->count <= USED_MAX)
		used = calloc(asked->count + 1, sizeof(*used));
	/* Less than what was announced is no list: what it lacks would be taken for unused. */
	if (used && pread(fd, used, asked->count * sizeof(*used), 0) ==
			    (ssize_t)(asked->count * sizeof(*used)))
		r = store_prune(store, used, asked->count, asked->days, time(NULL), &removed);
	if (r < 0) {
		(void)text_printf(result->text, sizeof(result->text), "%s", strerror(-r));
		return;
	}
	result->code = FETCH_OK;
	result->size = removed;
	(void)text_printf(result->text, sizeof(result->text),
		"%u driver%s removed that no printer has used for %u days", removed,
		removed == 1 ? "" : "s", asked->days);
}

static int for_owner(const char *store)
{
	struct fetch_get get;
	struct fetch_result result;
	_cleanup_close_ int fd = -1;
	int r = ipc_recv(IPC_FD, &get, sizeof(get), &fd);

	if (r == sizeof(get.head) && (get.head.type == FETCH_ADD || get.head.type == FETCH_KEEP))
		return take_file(store, &get.head, fd);
	if (r == sizeof(struct fetch_prune) && get.head.type == FETCH_PRUNE) {
		struct fetch_prune asked;

		memcpy(&asked, &get, sizeof(asked));
		r = fetch_sandbox(store, NULL);
		if (r < 0) {
			log_line(LOG_ERR, NULL, "the sandbox cannot be entered: %s", strerror(-r));
			return 1;
		}
		prune(store, &asked, fd, &result);
		return ipc_send(IPC_FD, &result, -1) < 0 ? 1 : 0;
	}
	if (r != sizeof(get) || get.head.type != FETCH_GET ||
		!text_terminated(get.queue, sizeof(get.queue)) || !text_is_queue(get.queue) ||
		!text_terminated(get.device_uri, sizeof(get.device_uri)) ||
		!text_terminated(get.cups_socket, sizeof(get.cups_socket)) ||
		!text_terminated(get.pin, sizeof(get.pin)) ||
		!text_terminated(get.languages, sizeof(get.languages)) ||
		!text_terminated(get.credentials, sizeof(get.credentials))) {
		log_line(LOG_ERR, NULL,
			"no request at descriptor 3 (started by platend, not by hand?)");
		return 2;
	}
	source_fetch(store, &get, &result);
	return ipc_send(IPC_FD, &result, -1) < 0 ? 1 : 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"queue", required_argument, NULL, 'q'},
		{"uri", required_argument, NULL, 'u'},
		{"cups-socket", required_argument, NULL, 's'},
		{"drivers", required_argument, NULL, 'd'},
		{"languages", required_argument, NULL, 'l'},
		{"pin", required_argument, NULL, 'p'},
		{"credentials", required_argument, NULL, 'C'},
		{"negotiate", no_argument, NULL, 'n'},
		{"serve", no_argument, NULL, 'S'},
		{"clean", required_argument, NULL, 'c'},
		{"whole", required_argument, NULL, 'w'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{0},
	};
	struct fetch_get get = {.cups_socket = "/run/cups/cups.sock",
		.sources = {FETCH_SERVER, FETCH_DEVICE, FETCH_HOST}};
	bool served = false;
	int option, r = 0;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
		switch (option) {
		case 'q': r |= text_copy(get.queue, sizeof(get.queue), optarg); break;
		case 'u': r |= text_copy(get.device_uri, sizeof(get.device_uri), optarg); break;
		case 's': r |= text_copy(get.cups_socket, sizeof(get.cups_socket), optarg); break;
		case 'd': r |= fetch_sources_parse(optarg, get.sources) ? 0 : -EINVAL; break;
		case 'l':
			r |= fetch_languages_parse(optarg, get.languages, sizeof(get.languages))
				     ? 0
				     : -EINVAL;
			break;
		case 'p': r |= text_copy(get.pin, sizeof(get.pin), optarg); break;
		case 'C': r |= credentials(optarg, &get); break;
		case 'n': get.negotiate = true; break;
		case 'S': served = true; break;
		case 'c':
		case 'w': return clean_file(optarg, option == 'w');
		case 'h': return usage(stdout, 0);
		case 'V': printf("platen-fetch %s\n", PLATEN_VERSION); return 0;
		default: return usage(stderr, 2);
		}
	}
	if (optind + 1 != argc || r < 0 || (get.queue[0] && !text_is_queue(get.queue)))
		return usage(stderr, 2);
	log_open("platen-fetch", LOG_INFO);
	if (served) {
		r = serve();
		if (r < 0)
			log_line(LOG_ERR, NULL,
				"descriptor 3: %s (is platen-fetch.socket started?)", strerror(-r));
		if (r != 1)
			return r < 0 ? 1 : 0;
	}
	/* No more of the machine than one driver needs; fetch_sandbox() does the rest. */
	if (confine(&(struct confine){.memory = MEMORY_MAX, .cpu_sec = CPU_MAX}) < 0)
		return 1;
	(void)umask(022);
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return 1;
	return get.queue[0] ? by_hand(argv[optind], &get) : for_owner(argv[optind]);
}
