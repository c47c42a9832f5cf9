/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent, whole, between a host, workers, backends and people who do as they like: it stays, and
 * what it passes on to its spooler, to a backend and to the package manager is sound.
 *
 * The bytes are a script (fuzz-agent.h). The host is a link of our own at the agent's socket, so
 * that what it says passes the channel's rules; fuzz-session.c is about what does not.
 */
#include "tests/fuzz/fuzz-agent.h"

#include <fcntl.h>
#include <ftw.h>
#include <nettle/sha2.h>
#include <pwd.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <zlib.h>

#include "guest/agent.h"
#include "guest/ask/ask.h"
#include "guest/backend/report.h"
#include "guest/install/install.h"
#include "guest/queues/queues.h"
#include "proto/base/log.h"
#include "proto/base/text.h"
#include "proto/link.h"
#include "proto/transport.h"
#include "tests/fuzz/actors.h"
#include "tests/unit/sample-ppd.h"
#include "tests/unit/sample.h"

#define BACKENDS_HERE 8

struct world {
	struct agent *agent;
	struct link *host;
	int listener;
	int backends[BACKENDS_HERE];
	uint8_t asked[SHA256_SIZE]; /* for which driver or package last */
};

static const char *const names[] = {
	[AGENT_QUEUES] = "platen-queues",
	[AGENT_ASK] = "platen-ask",
	[AGENT_INSTALL] = "platen-install",
};

static char folder[64];
static const char package[] = "!<arch>\n: no more of it is looked at here";
static uint8_t driver[16384], driver_sha256[SHA256_SIZE];
static uLongf driver_size;

/* In place of the C library's: the same numbers in every run. */
ssize_t getrandom(void *buf, size_t size, unsigned int flags)
{
	(void)flags;
	memset(buf, 0x5A, size);
	return (ssize_t)size;
}

/* Likewise: no folder changes here, and to end a real watch takes longer than all the rest. */
int inotify_init1(int flags)
{
	(void)flags;
	return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

int inotify_add_watch(int fd, const char *path, uint32_t mask)
{
	static int watch;

	(void)fd;
	(void)path;
	(void)mask;
	return watch = watch % 1000 + 1;
}

int inotify_rm_watch(int fd, int watch)
{
	(void)fd;
	(void)watch;
	return 0;
}

static bool is_text(const char *s, size_t size)
{
	return text_terminated(s, size) && text_is_line(s);
}

static void look_at_put(const struct queues_put *put)
{
	const char *name, *value;
	uint32_t pos = 0;

	PROMISE(is_text(put->name, sizeof(put->name)) && text_is_queue(put->name));
	PROMISE(is_text(put->info, sizeof(put->info)));
	PROMISE(is_text(put->location, sizeof(put->location)));
	PROMISE(is_text(put->fingerprint, sizeof(put->fingerprint)));
	PROMISE(put->defaults_size <= sizeof(put->defaults));
	while (options_next(put->defaults, put->defaults_size, &pos, &name, &value))
		PROMISE(text_is_keyword(name) && text_is_line(value));
	PROMISE(pos == put->defaults_size);
}

/* What acts on this guest is told only what is sound. */
static void look_at_sent(const struct worker *worker, const struct ipc_head *msg)
{
	const struct install_request *install = (const struct install_request *)msg;
	const struct queues_state *state = (const struct queues_state *)msg;

	if (strcmp(worker->name, names[AGENT_INSTALL]) == 0) {
		PROMISE(msg->size == sizeof(*install) && install->rpm <= 1);
		PROMISE(strncmp(install->path, folder, strlen(folder)) == 0);
		PROMISE(!strstr(install->path, "..") && is_text(install->path, INSTALL_PATH_SIZE));
	}
	if (strcmp(worker->name, names[AGENT_QUEUES]) != 0)
		return;
	if (msg->type == QUEUES_PUT)
		look_at_put((const struct queues_put *)msg);
	if (msg->type == QUEUES_STATE) {
		PROMISE(text_is_queue(state->name));
		PROMISE(is_text(state->reasons, sizeof(state->reasons)));
		PROMISE(is_text(state->text, sizeof(state->text)));
		PROMISE(is_text(state->marker_names, sizeof(state->marker_names)));
	}
}

static int on_file(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static void clean_up(void)
{
	(void)nftw(folder, on_file, 8, FTW_DEPTH | FTW_PHYS);
}

static void sha256(const void *bytes, size_t size, uint8_t ret_digest[static SHA256_SIZE])
{
	struct sha256_ctx sha;

	sha256_init(&sha);
	sha256_update(&sha, size, bytes);
	sha256_digest(&sha, SHA256_SIZE, ret_digest);
}

/* A driver as the host would send it, and its address. */
static void make_driver(void)
{
	z_stream z = {.next_in = (Bytef *)(uintptr_t)PPD_VENDOR, .avail_in = strlen(PPD_VENDOR)};

	PROMISE(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
	z.next_out = driver;
	z.avail_out = sizeof(driver);
	PROMISE(deflate(&z, Z_FINISH) == Z_STREAM_END);
	driver_size = z.total_out;
	(void)deflateEnd(&z);
	sha256(PPD_VENDOR, strlen(PPD_VENDOR), driver_sha256);
}

static void set_up(void)
{
	const char *tmp = getenv("TMPDIR");

	log_open("fuzz-agent", LOG_EMERG);
	(void)setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent", 1);
	(void)snprintf(folder, sizeof(folder), "%.40s/platen-XXXXXX", tmp ? tmp : "/tmp");
	PROMISE(mkdtemp(folder));
	(void)atexit(clean_up);
	make_driver();
}

static void begin(struct world *w)
{
	struct agent_config config;
	const struct passwd *self = getpwuid(geteuid());

	agent_config_init(&config);
	config.transport = AGENT_UNIX;
	(void)snprintf(config.path, sizeof(config.path), "%s/channel", folder);
	(void)snprintf(config.run_dir, sizeof(config.run_dir), "%s/run", folder);
	(void)snprintf(config.state_dir, sizeof(config.state_dir), "%s/state", folder);
	(void)snprintf(config.libexec_dir, sizeof(config.libexec_dir), "%s/none", folder);
	(void)snprintf(config.cups_socket, sizeof(config.cups_socket), "%s/none", folder);
	PROMISE(self && text_copy(config.spooler_user, USER_SIZE, self->pw_name) == 0);
	*w = (struct world){.listener = transport_unix_listen(config.path)};
	PROMISE(w->listener >= 0);
	for (int i = 0; i < BACKENDS_HERE; i++)
		w->backends[i] = -1;
	PROMISE(agent_new(&config, &w->agent) == 0);
}

/* What the agent says to the host: asked for is noted. */
static void hear_agent(struct world *w)
{
	static struct message m;
	enum link_event event;

	while ((event = link_next(w->host, &m)) != LINK_NONE) {
		if (event != LINK_MESSAGE)
			continue;
		if (m.head.type == MESSAGE_DRIVER_GET)
			memcpy(w->asked, m.driver_get.driver, SHA256_SIZE);
		if (m.head.type == MESSAGE_PACKAGE_GET)
			memcpy(w->asked, m.package_get.package, SHA256_SIZE);
	}
}

static void hear_backends(struct world *w)
{
	static union {
		struct ipc_head head;
		struct backend_status status;
		struct backend_end end;
	} m;

	for (int i = 0; i < BACKENDS_HERE; i++) {
		while (w->backends[i] >= 0 &&
			recv(w->backends[i], &m, sizeof(m), MSG_DONTWAIT) > 0) {
			struct report report;

			report_init(&report, NULL);
			report.shown = m.status; /* judged only, not written */
			memcpy(report.reasons, m.status.reasons, sizeof(report.reasons) - 1);
			if (m.head.type == BACKEND_STATUS)
				PROMISE(report_status(&report, &m.status));
			else
				PROMISE(m.head.type == BACKEND_END &&
					is_text(m.end.text, sizeof(m.end.text)));
		}
	}
}

static void run(struct world *w)
{
	for (int i = 0; i < 8; i++) {
		int n = sd_event_run(w->agent->event, 0), fd;

		PROMISE(n >= 0);
		fd = w->host ? -1 : transport_unix_accept(w->listener);
		if (fd >= 0)
			PROMISE(link_new(LINK_HOST, fd, false, &w->host) == 0);
		if (w->host) {
			int r = link_step(w->host, agent_now());

			hear_agent(w);
			if (r < 0)
				w->host = link_free(w->host);
		}
		hear_backends(w);
		if (n == 0 && i > 2)
			return;
	}
}

/* One whose driver and package the script can have come; the larger one is rendered here. */
static void right_printer(struct message_printer *p)
{
	memcpy(p->driver, driver_sha256, SHA256_SIZE);
	p->driver_size = (uint32_t)strlen(PPD_VENDOR);
	if (p->rendering != RENDERING_GUEST)
		return;
	p->index = 0;
	(void)text_copy(p->name, sizeof(p->name), "laser");
	memcpy(p->whole, driver_sha256, SHA256_SIZE);
	p->whole_size = p->driver_size;
	(void)text_copy(p->filters, sizeof(p->filters), "rastertolaser");
	(void)text_copy(p->package_name, sizeof(p->package_name), "laser.deb");
	p->package_size = sizeof(package) - 1;
	sha256(package, sizeof(package) - 1, p->package);
}

static void host_says(struct world *w, const uint8_t *data, size_t size)
{
	static struct message m;
	char why[128];
	uint32_t type;

	if (size < 2 || !w->host)
		return;
	type = data[0];
	if (type == 0 || type >= MESSAGE_TYPE_COUNT || type == MESSAGE_DRIVER_DATA ||
		type == MESSAGE_PACKAGE_DATA || type == MESSAGE_JOB_DATA)
		return;
	sample(&m, type, data[1] & 1);
	if (type == MESSAGE_PRINTER)
		right_printer(&m.printer);
	patch((char *)&m + sizeof(m.head), m.head.size - sizeof(m.head), data + 2, size - 2);
	if (message_check(&m, m.head.size, why) == 0)
		(void)link_send(w->host, &m);
}

static void data_comes(struct world *w, uint32_t type, const uint8_t sha256[static SHA256_SIZE],
	const uint8_t *data, size_t size)
{
	struct message m;
	char why[128];

	if (!w->host || size > FRAME_DATA_MAX)
		return;
	message_init(&m, type); /* the two are alike */
	memcpy(m.driver_data.driver, sha256, SHA256_SIZE);
	m.driver_data.total = m.driver_data.data_size = (uint32_t)size;
	m.driver_data.data = data;
	if (type == MESSAGE_PACKAGE_DATA) {
		memcpy(m.package_data.package, sha256, SHA256_SIZE);
		m.package_data.total = m.package_data.data_size = (uint32_t)size;
		m.package_data.offset = 0;
		m.package_data.data = data;
	}
	if (message_check(&m, m.head.size, why) == 0)
		(void)link_send(w->host, &m);
}

static int connect_to(const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/run/%s", folder, name);
	PROMISE(fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	return fd;
}

static void job_comes(struct world *w, uint8_t document_size, const uint8_t *data, size_t size)
{
	static struct backend_open open;
	static const char bytes[256];
	int document = memfd_create("document", MFD_CLOEXEC), i = 0;

	while (i < BACKENDS_HERE - 1 && w->backends[i] >= 0)
		i++;
	(void)close_fd(w->backends[i]);
	w->backends[i] = connect_to("backend");
	PROMISE(write(document, bytes, document_size) == document_size);
	open = (struct backend_open){.head = {.type = BACKEND_OPEN, .size = sizeof(open)},
		.file = 1,
		.copies = 1,
		.guest_job = 1 + (uint32_t)i};
	memset(open.job.bytes, 0x0B, UUID_SIZE);
	(void)text_copy(open.printer, sizeof(open.printer), "laser");
	(void)text_copy(open.format, sizeof(open.format), "application/pdf");
	patch((char *)&open + sizeof(open.head), sizeof(open) - sizeof(open.head), data, size);
	(void)ipc_send(w->backends[i], &open, document);
	(void)close(document);
}

static void worker_says(const uint8_t *data, size_t size, unsigned int place)
{
	static union {
		struct ipc_head head;
		struct queues_queue queue;
		struct queues_done done;
		struct ask_answer answer;
		struct install_result result;
	} s;
	enum agent_worker who;
	struct worker *worker;
	size_t n = sizeof(s.done);

	if (size < 2)
		return;
	who = data[0] % (sizeof(names) / sizeof(names[0]));
	worker = worker_find(names[who], place);
	if (!worker)
		return;
	memset(&s, 0, sizeof(s));
	s.head.type = data[1];
	if (who == AGENT_INSTALL) {
		n = sizeof(s.result);
	} else if (who == AGENT_ASK) {
		n = data[1] == ASK_ANSWER ? sizeof(s.answer) : sizeof(s.head);
		s.answer.choice = ANSWER_NOW;
	} else if (data[1] == QUEUES_QUEUE) {
		n = sizeof(s.queue);
		s.queue.ours = 1;
		s.queue.state = 3;
		(void)text_copy(s.queue.name, sizeof(s.queue.name), "laser");
		(void)text_copy(s.queue.device_uri, sizeof(s.queue.device_uri), "platen:/laser");
	} else {
		s.done.serial = worker->serial;
	}
	patch((char *)&s + sizeof(s.head), n > sizeof(s.head) ? n - sizeof(s.head) : 1, data + 2,
		size - 2);
	worker_say(worker, &s, n, false);
}

static void worker_leaves(const uint8_t *data, size_t size, unsigned int place)
{
	struct worker *worker =
		size ? worker_find(names[data[0] % (sizeof(names) / sizeof(names[0]))], place)
		     : NULL;

	if (worker)
		worker_leave(worker, size > 1 ? data[1] : 0);
}

static void host_leaves(struct world *w, bool with_bye)
{
	if (w->host && with_bye)
		link_close(w->host, BYE_CLOSING, "the fuzzer closes");
	if (w->host)
		(void)link_step(w->host, agent_now());
	w->host = link_free(w->host);
}

static void person_says(const uint8_t *data, size_t size)
{
	int fd = connect_to("ask");

	(void)send(fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
	(void)close(fd);
}

static void act(struct world *w, uint8_t op, uint8_t arg, const uint8_t *data, size_t size)
{
	int *backend = &w->backends[arg % BACKENDS_HERE];

	switch ((enum agent_operation)op) {
	case AGENT_HOST_SAYS: host_says(w, data, size); break;
	case AGENT_DRIVER_COMES:
		data_comes(w, MESSAGE_DRIVER_DATA, driver_sha256, driver,
			size && size < driver_size ? size : driver_size);
		break;
	case AGENT_PACKAGE_COMES:
		data_comes(w, MESSAGE_PACKAGE_DATA, w->asked, (const uint8_t *)package,
			sizeof(package) - 1);
		break;
	case AGENT_BYTES_COME:
		data_comes(w, arg & 1 ? MESSAGE_PACKAGE_DATA : MESSAGE_DRIVER_DATA, w->asked, data,
			size);
		break;
	case AGENT_HOST_LEAVES: host_leaves(w, arg & 1); break;
	case AGENT_WORKER_SAYS: worker_says(data, size, arg); break;
	case AGENT_WORKER_LEAVES: worker_leaves(data, size, arg); break;
	case AGENT_JOB_COMES: job_comes(w, arg, data, size); break;
	case AGENT_BACKEND_SAYS:
		if (*backend >= 0)
			(void)send(*backend, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
		break;
	case AGENT_BACKEND_LEAVES: *backend = close_fd(*backend); break;
	case AGENT_PERSON_SAYS: person_says(data, size); break;
	case AGENT_TIME: clock_ahead += (uint64_t)arg * arg; break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world w;

	if (!folder[0])
		set_up();
	else
		PROMISE(mkdir(folder, 0700) == 0);
	PROMISE(mkdir(strcat(strcpy((char[80]){0}, folder), "/run"), 0700) == 0);
	begin(&w);
	run(&w);
	while (size >= 4) { /* operation, argument, length (little-endian), that many bytes */
		size_t len = (size_t)data[2] | (size_t)data[3] << 8;

		len = len < size - 4 ? len : size - 4;
		act(&w, data[0], data[1], data + 4, len);
		run(&w);
		data += 4 + len;
		size -= 4 + len;
	}
	(void)agent_free(w.agent);
	w.host = link_free(w.host);
	for (int i = 0; i < BACKENDS_HERE; i++)
		(void)close_fd(w.backends[i]);
	(void)close(w.listener);
	clean_up();
	clock_ahead = 0;
	PROMISE(worker_count == 0);
	return 0;
}
