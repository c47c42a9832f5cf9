/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Windows-type print server: what its driver for a printer is made of, and the PPD among that.
 *
 * samba's own tools speak MS-RPRN and SMB: rpcclient(1) asks for the driver's file list and
 * smbclient(1) gets one file of it from print$. Both read a hostile server's bytes as processes of
 * their own, within our limits, and what they print is parsed as text that anybody may have
 * written. A password reaches them on their standard input, never on a command line, and never the
 * server: NTLM or Kerberos prove it, and the session must then be signed.
 */
#include <errno.h>
#include <ftw.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "drivers-fetch/ppd.h"
#include "drivers-fetch/run.h"
#include "drivers-fetch/smb-parse.h"
#include "drivers-fetch/source.h"
#include "drivers-fetch/store.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"

#define ASK_MSEC   20000
#define LIST_MAX   (256 * 1024) /* bytes of a driver's description, all architectures */
#define SECRET_MAX 700

/* One print server, and whom it is asked as. */
struct server {
	struct smb_uri uri;
	char url[512];		 /* for people: without credentials */
	char secret[SECRET_MAX]; /* an authentication file, see smbclient(1) */
	char locks[300];	 /* a folder for the tools, who want one for themselves */
	bool has_secret, kerberos;
};

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	(void)remove(path);
	return 0;
}

static void server_close(struct server *server)
{
	if (server->locks[0])
		(void)nftw(server->locks, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	explicit_bzero(server, sizeof(*server));
}

static int make_locks(struct server *server)
{
	const char *temporary = getenv("TMPDIR");
	char path[sizeof(server->locks)];

	if (text_printf(path, sizeof(path), "%s/platen-smb.XXXXXX",
		    temporary && *temporary ? temporary : "/tmp") < 0)
		return -ENAMETOOLONG;
	if (!mkdtemp(path))
		return -errno;
	memcpy(server->locks, path, sizeof(path));
	return 0;
}

static int server_open(const struct fetch_get *get, struct server *server)
{
	const char *colon = strchr(get->credentials, ':');
	struct smb_uri *uri = &server->uri;
	char name[sizeof(uri->printer) * 3];

	if (!source_encode(uri->printer, name, sizeof(name)) ||
		text_printf(server->url, sizeof(server->url), "smb://%s%s%s/%s", uri->server,
			uri->port[0] ? ":" : "", uri->port, name) < 0)
		return -ENAMETOOLONG;
	server->kerberos = get->negotiate;
	server->has_secret = uri->user[0] || colon;
	if (uri->user[0])
		return text_printf(server->secret, sizeof(server->secret),
			"username = %s\npassword = %s\n%s%s\n", uri->user, uri->password,
			uri->workgroup[0] ? "domain = " : "", uri->workgroup);
	return !colon ? 0
		      : text_printf(server->secret, sizeof(server->secret),
				"username = %.*s\npassword = %s\n", (int)(colon - get->credentials),
				get->credentials, colon + 1);
}

/* Runs one of samba's tools with one command at the server or a share of it. */
static int ask(const struct server *server, const char *program, const char *target,
	const char *command, size_t max, struct run_answer *answer)
{
	char locks[sizeof(server->locks) + 32];
	const char *argv[24] = {program, "--configfile=/dev/null", "--debuglevel=0",
		"--name-resolve=host", "--command", command, locks};
	size_t count = 7;
	int r;

	(void)snprintf(locks, sizeof(locks), "--option=lock directory=%s", server->locks);

	argv[count++] = server->kerberos ? "--use-kerberos=required" : "--use-kerberos=off";
	if (server->has_secret || server->kerberos)
		argv[count++] = "--client-protection=sign";
	if (server->uri.port[0]) {
		argv[count++] = "--port";
		argv[count++] = server->uri.port;
	}
	if (server->has_secret) {
		argv[count++] = "--authentication-file=/dev/stdin";
	} else if (!server->kerberos) {
		argv[count++] = "--user=%";
	}
	argv[count++] = target;
	r = run_program(argv, (const uint8_t *)server->secret, strlen(server->secret), max,
		ASK_MSEC, answer);
	if (r == 0 && answer->out)
		answer->out[answer->size] = '\0'; /* there is room for it */
	return r;
}

static bool has_said(const struct run_answer *answer, const char *word)
{
	return (answer->out && memmem(answer->out, answer->size, word, strlen(word))) ||
	       strstr(answer->why, word);
}

/* The first NT_STATUS_ or WERR_ word of an answer; "no reason given" without one. */
static void status_word(const struct run_answer *answer, char *buf, size_t size)
{
	static const char *const kinds[] = {"NT_STATUS_", "WERR_"};
	const char *texts[] = {answer->why, (const char *)answer->out};
	char word[80];

	(void)text_copy(buf, size, "no reason given");
	for (size_t i = 0; i < 4; i++) {
		const char *p = texts[i / 2] ? strstr(texts[i / 2], kinds[i % 2]) : NULL;
		size_t length = p ? strspn(p, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789") : 0;

		if (!p)
			continue;
		(void)snprintf(word, sizeof(word), "%.*s", (int)length, p);
		text_copy_line(buf, size, word);
		return;
	}
}

/* Why one of the tools got nothing. `error`: of run_program(). */
static void say_failed(const struct server *server, const char *program, int error,
	const struct run_answer *answer, struct fetch_result *result)
{
	static const char *const locked[] = {
		"LOGON_FAILURE", "ACCESS_DENIED", "NT_STATUS_ACCOUNT_", "NT_STATUS_PASSWORD_"};
	char what[300], word[100];

	if (error == -ENOENT) {
		(void)snprintf(what, sizeof(what),
			"%s is not found, which asks Windows-type print servers: install the "
			"package smbclient",
			program);
		return source_say(result, FETCH_FAILED, server->url, what);
	}
	if (error == -EFBIG)
		return source_say(result, FETCH_REFUSED, server->url,
			"its driver is larger than a driver may be; add one by hand");
	if (error < 0) {
		(void)snprintf(what, sizeof(what), "%s: %s", program, strerror(-error));
		return source_say(result, FETCH_FAILED, server->url,
			error == -ETIMEDOUT ? "it does not answer in time" : what);
	}
	for (size_t i = 0; i < sizeof(locked) / sizeof(locked[0]); i++)
		if (has_said(answer, locked[i]))
			return source_say(result, FETCH_FAILED, server->url,
				"it does not let us in: give it other credentials in platen.conf, "
				"[server HOST]");
	if (has_said(answer, "WERR_INVALID_PRINTER_NAME"))
		return source_say(result, FETCH_MISSING, server->url,
			"the print server has no printer of this name");
	if (has_said(answer, "WERR_UNKNOWN_PRINTER_DRIVER"))
		return source_say(result, FETCH_MISSING, server->url,
			"the print server holds no driver for it");
	status_word(answer, word, sizeof(word));
	(void)snprintf(what, sizeof(what),
		"it does not answer as a print server (%s): is it on, and does DNS know its name?",
		word);
	source_say(result, FETCH_FAILED, server->url, what);
}

/* Leaves in the store what the server has, whether or not it can be used. */
static int record(const char *store, const struct server *server, const struct smb_driver *driver)
{
	json_t *files = json_array();

	for (unsigned int i = 0; i < driver->file_count; i++)
		(void)json_array_append_new(files, json_string(driver->files[i]));
	return store_record_put(store, server->url,
		json_pack("{s:s, s:s, s:s, s:s, s:o, s:s, s:b, s:I}", "source", server->url, "name",
			driver->name, "version", driver->version, "architecture",
			driver->architecture, "files", files, "catalog", driver->catalog, "signed",
			driver->is_signed, "seen", (json_int_t)time(NULL)));
}

static void say_without_ppd(
	const struct server *server, const struct smb_driver *driver, struct fetch_result *result)
{
	char what[400];

	(void)snprintf(what, sizeof(what),
		"its driver \"%.100s\" %s for %s (%u files, %s) is no PostScript driver with a "
		"PPD: it runs on Windows only",
		driver->name, driver->version, driver->architecture, driver->file_count,
		driver->is_signed ? "signed by its server's word" : "not signed");
	source_say(result, FETCH_MISSING, server->url, what);
}

/* Asks for the driver at one level of detail. False: `result` says why. */
static bool list(const struct server *server, int level, struct smb_driver *driver,
	struct fetch_result *result)
{
	struct run_answer answer;
	char command[400];
	bool is_there;
	int r;

	(void)snprintf(command, sizeof(command), "getdriver \"%s\" %d", server->uri.printer, level);
	r = ask(server, "rpcclient", server->uri.server, command, LIST_MAX, &answer);
	is_there = r == 0 && smb_parse_driver((const char *)answer.out, driver);
	if (!is_there)
		say_failed(server, "rpcclient", r, &answer, result);
	free(answer.out);
	return is_there;
}

static void get_ppd(const char *store, const struct server *server, const char *path,
	struct fetch_result *result)
{
	struct http_answer body = {0};
	struct run_answer answer;
	char share[300], command[400];
	int r;

	(void)snprintf(share, sizeof(share), "//%s/print$", server->uri.server);
	(void)snprintf(command, sizeof(command), "get \"%s\" -", path);
	r = ask(server, "smbclient", share, command, PPD_SIZE_MAX, &answer);
	if (r == 0 && WIFEXITED(answer.status) && WEXITSTATUS(answer.status) == 0) {
		body.body = answer.out;
		body.size = answer.size;
		source_take(store, server->url, &body, result);
	} else {
		say_failed(server, "smbclient", r, &answer, result);
	}
	free(answer.out);
}

/* From the file list on. */
static void fetch(const char *store, const struct server *server, struct fetch_result *result)
{
	struct smb_driver driver = {0};
	int r;

	/* A server from before level 8 says no more than that it has none. */
	if (!list(server, 8, &driver, result) &&
		(result->code != FETCH_MISSING || !list(server, 3, &driver, result)))
		return;
	r = record(store, server, &driver);
	if (r < 0)
		source_say(result, FETCH_FAILED, store, strerror(-r));
	else if (driver.ppd[0])
		get_ppd(store, server, driver.ppd, result);
	else
		say_without_ppd(server, &driver, result);
}

bool source_smb(const char *store, const struct fetch_get *get, struct fetch_result *result)
{
	struct server server = {0};
	int r;

	if (!smb_is_uri(get->device_uri))
		return false;
	r = smb_parse_uri(get->device_uri, &server.uri) ? server_open(get, &server) : -EINVAL;
	if (r < 0)
		source_say(result, FETCH_FAILED, "smb",
			"the device URI is not smb://[user[:password]@][workgroup/]server"
			"[:port]/printer in plain words");
	else if ((r = make_locks(&server)) < 0)
		source_say(result, FETCH_FAILED, server.url, strerror(-r));
	else
		fetch(store, &server, result);
	server_close(&server);
	return true;
}
