/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cage of platen-fetch, as narrow as what it is to fetch allows.
 *
 * It has the network, and must not have the machine: so no unix socket can be made any more, the
 * way to libvirt, to platend's control socket and to all others. The one that it needs, to the
 * host's spooler, is connected before, and the server's name is looked up before. It writes in the
 * store and in the folder of temporary files, starts platen-device and nothing else, and touches no
 * other process. Samba's tools, which an smb: queue needs, are found by PATH, so there any program
 * may be started, which then is in here, too. Refused is what is listed, since libraries do much
 * that is harmless; what none of them does kills.
 */
#include "drivers-fetch/sandbox.h"

#include <assert.h>
#include <curl/curl.h>
#include <errno.h>
#include <link.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "drivers-fetch/http.h"
#include "drivers-fetch/names.h"
#include "drivers-fetch/run.h"
#include "proto/base/sandbox.h"

#define REFUSE	  SCMP_ACT_ERRNO(EPERM)
#define RULES_MAX 128
#define PATHS_MAX 32
#define FILE_MAX  (512UL * 1024 * 1024) /* bytes; a package may have 256 MiB */

struct cage {
	struct sandbox_rule rules[RULES_MAX];
	struct sandbox_path paths[PATHS_MAX];
	struct sandbox is;
};

static void rule(struct cage *cage, uint32_t action, int call)
{
	assert(cage->is.rule_count < RULES_MAX);
	cage->rules[cage->is.rule_count++] = (struct sandbox_rule){.call = call, .action = action};
}

/* If the call's argument `index` compares so. */
static void rule_if(struct cage *cage, uint32_t action, int call, unsigned int index,
	enum scmp_compare how, uint64_t a, uint64_t b)
{
	assert(cage->is.rule_count < RULES_MAX);
	cage->rules[cage->is.rule_count++] = (struct sandbox_rule){
		.call = call,
		.action = action,
		.arg_count = 1,
		.args = {{index, how, a, b}},
	};
}

static void path(struct cage *cage, const char *where, unsigned int may)
{
	assert(cage->is.path_count < PATHS_MAX);
	cage->paths[cage->is.path_count++] = (struct sandbox_path){where, may};
}

/* What nothing here has a use for. */
static void refuse_always(struct cage *cage)
{
	static const int refused[] = {SCMP_SYS(memfd_create), SCMP_SYS(pidfd_open),
		SCMP_SYS(pidfd_send_signal), SCMP_SYS(tkill), SCMP_SYS(rt_sigqueueinfo),
		SCMP_SYS(rt_tgsigqueueinfo), SCMP_SYS(personality), SCMP_SYS(quotactl)};
	static const uint64_t spaces[] = {CLONE_NEWUSER, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWNET,
		CLONE_NEWIPC, CLONE_NEWUTS, CLONE_NEWCGROUP};

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		rule(cage, REFUSE, refused[i]);
	for (size_t i = 0; i < sizeof(spaces) / sizeof(spaces[0]); i++)
		rule_if(cage, REFUSE, SCMP_SYS(clone), 0, SCMP_CMP_MASKED_EQ, spaces[i], spaces[i]);
	/* Its flags cannot be seen; the C library then uses clone(2). */
	rule(cage, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3));
	rule_if(cage, REFUSE, SCMP_SYS(mmap), 2, SCMP_CMP_MASKED_EQ, PROT_WRITE | PROT_EXEC,
		PROT_WRITE | PROT_EXEC);
	rule_if(cage, REFUSE, SCMP_SYS(prlimit64), 0, SCMP_CMP_NE, 0, 0); /* of another process */
	/* A helper makes itself undumpable. */
	cage->rules[cage->is.rule_count++] = (struct sandbox_rule){SCMP_SYS(prctl), REFUSE, 2,
		{{0, SCMP_CMP_MASKED_EQ, 0xffffffffU, PR_SET_DUMPABLE}, {1, SCMP_CMP_NE, 0, 0}}};
	/* A helper that does not end is killed; nobody else, and nothing else is sent. */
	rule_if(cage, REFUSE, SCMP_SYS(kill), 1, SCMP_CMP_NE, SIGKILL, 0);
	rule_if(cage, REFUSE, SCMP_SYS(kill), 0, SCMP_CMP_MASKED_EQ, 0x80000000U, 0x80000000U);
	rule_if(cage, REFUSE, SCMP_SYS(tgkill), 0, SCMP_CMP_NE, (uint64_t)getpid(), 0);
}

/* Sockets of the internet, and unix sockets if so. A pair of datagram sockets could be connected
 * elsewhere. */
static void only_internet(struct cage *cage, bool with_unix)
{
	for (uint64_t family = 0; family < AF_MAX; family++)
		if (family != AF_INET && family != AF_INET6 && family != AF_NETLINK &&
			(family != AF_UNIX || !with_unix))
			rule_if(cage, REFUSE, SCMP_SYS(socket), 0, SCMP_CMP_EQ, family, 0);
	rule_if(cage, REFUSE, SCMP_SYS(socket), 0, SCMP_CMP_GE, AF_MAX, 0);
	if (!with_unix)
		rule_if(cage, REFUSE, SCMP_SYS(socketpair), 1, SCMP_CMP_MASKED_EQ, 0xf, SOCK_DGRAM);
}

static void refuse_all(struct cage *cage, const int *calls, size_t count)
{
	for (size_t i = 0; i < count; i++)
		rule(cage, REFUSE, calls[i]);
}

static void refuse_roles(struct cage *cage)
{
	static const int calls[] = {SCMP_SYS(bind), SCMP_SYS(listen), SCMP_SYS(accept),
		SCMP_SYS(accept4), SCMP_SYS(setuid), SCMP_SYS(setgid), SCMP_SYS(setreuid),
		SCMP_SYS(setregid), SCMP_SYS(setresuid), SCMP_SYS(setresgid), SCMP_SYS(setgroups),
		SCMP_SYS(setfsuid), SCMP_SYS(setfsgid), SCMP_SYS(capset)};

	refuse_all(cage, calls, sizeof(calls) / sizeof(calls[0]));
}

static void refuse_keys(struct cage *cage)
{
	static const int calls[] = {SCMP_SYS(keyctl), SCMP_SYS(add_key), SCMP_SYS(request_key)};

	refuse_all(cage, calls, sizeof(calls) / sizeof(calls[0]));
}

static void refuse_network(struct cage *cage)
{
	static const int calls[] = {SCMP_SYS(socket), SCMP_SYS(socketpair), SCMP_SYS(connect)};

	refuse_all(cage, calls, sizeof(calls) / sizeof(calls[0]));
	rule(cage, SCMP_ACT_KILL_PROCESS, SCMP_SYS(execve));
}

/* The program that the kernel starts for one that is dynamically linked, as ours is. */
static int on_object(struct dl_phdr_info *info, size_t size, void *userdata)
{
	const char **interpreter = userdata;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_INTERP)
			*interpreter = (const char *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
	return 1; /* the first is the program itself */
}

static const char *temporary_folder(void)
{
	const char *temporary = getenv("TMPDIR");

	return temporary && *temporary ? temporary : "/tmp";
}

/* What libraries read, wherever this machine has it: settings, certificates, locales, modules. */
static void add_paths(struct cage *cage, const char *store, char device[static 512])
{
	static const char *const read[] = {"/etc", "/usr/lib", "/usr/lib32", "/usr/lib64",
		"/usr/share", "/usr/local/lib", "/usr/local/share", "/usr/local/etc", "/lib",
		"/lib32", "/lib64", "/run", "/var", "/dev", "/proc/sys", "/proc/self"};
	const char *interpreter = NULL;

	for (size_t i = 0; i < sizeof(read) / sizeof(read[0]); i++)
		path(cage, read[i], SANDBOX_READ);
	path(cage, "/dev/null", SANDBOX_READ | SANDBOX_WRITE);
	path(cage, temporary_folder(), SANDBOX_READ | SANDBOX_WRITE);
	if (store)
		path(cage, store, SANDBOX_READ | SANDBOX_WRITE);
	if (run_beside("platen-device", device, 512))
		path(cage, device, SANDBOX_READ | SANDBOX_EXECUTE);
	(void)dl_iterate_phdr(on_object, &interpreter);
	if (interpreter)
		path(cage, interpreter, SANDBOX_READ | SANDBOX_EXECUTE);
}

static bool is_smb(const struct fetch_get *get)
{
	return strncasecmp(get->device_uri, "smb:", 4) == 0;
}

/* The server's addresses. Without any, the request itself says what is wrong. */
static void find_server(const struct fetch_get *get)
{
	char *host = NULL, addresses[512];
	CURLU *url = curl_url();

	if (url &&
		curl_url_set(url, CURLUPART_URL, get->device_uri, CURLU_NON_SUPPORT_SCHEME) ==
			CURLUE_OK &&
		curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK && !is_smb(get) &&
		names_find(host, addresses, sizeof(addresses)) == 0)
		http_know(host, addresses);
	curl_free(host);
	curl_url_cleanup(url);
}

/* Looks up and connects to what will be asked. In a build without a filter sockets can be made as
 * ever. */
static void prepare(struct cage *cage, const struct fetch_get *get)
{
	unsigned int spooler = 0, count = 0;
	int fds[HTTP_KEPT_MAX];
	bool server = false;

	for (size_t i = 0; i < FETCH_SOURCES_MAX; i++) {
		spooler += get->sources[i] == FETCH_HOST || get->sources[i] == FETCH_GENERIC;
		server |= get->sources[i] == FETCH_SERVER || get->sources[i] == FETCH_DEVICE;
	}
	if (server)
		find_server(get);
	if (sandbox_has_filter())
		count = http_keep(get->cups_socket, spooler, fds);
	/* These are connected: to connect them does nothing, and succeeds. */
	for (unsigned int i = 0; i < count; i++)
		rule_if(cage, SCMP_ACT_ERRNO(0), SCMP_SYS(connect), 0, SCMP_CMP_EQ,
			(uint64_t)fds[i], 0);
}

int fetch_sandbox(const char *store, const struct fetch_get *get)
{
	struct cage cage = {.is = {.limits = {.file_size = FILE_MAX, .secret = true},
				    .otherwise = SCMP_ACT_ALLOW}};
	bool programs = get && is_smb(get), negotiate = get && get->negotiate;
	bool as_root = programs && geteuid() == 0; /* by hand only */
	char device[512];

	cage.is.rules = cage.rules;
	cage.is.paths = cage.paths;
	if (get)
		prepare(&cage, get);
	refuse_always(&cage);
	if (get)
		only_internet(&cage, as_root);
	else
		refuse_network(&cage);
	if (!programs)
		refuse_roles(&cage);
	if (!programs && !negotiate)
		refuse_keys(&cage);
	add_paths(&cage, store, device);
	if (programs || negotiate)
		path(&cage, "/", SANDBOX_READ | (programs ? SANDBOX_EXECUTE : 0U));
	/* Run by root, samba's tools end when they cannot have a socket for each other. */
	if (as_root)
		path(&cage, temporary_folder(), SANDBOX_SOCKETS);
	return sandbox_enter(&cage.is);
}
