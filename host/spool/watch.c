/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Following the spooler.
 *
 * A subscription makes cupsd run our notifier, whose hints arrive within milliseconds; each makes
 * us read the printer or the job it names. The connection is kept: when cupsd closes it (idle, or
 * because it ends) we connect again at once, subscribe again if cupsd has forgotten that, and read
 * everything: a cupsd that was killed may remember a subscription, and not the jobs made since.
 *
 * A notifier may be missing, or be kept from reaching us (AppArmor): until its first hint we ask
 * cupsd every second how many events it has had for us. Where there are some of which we heard
 * nothing, we go on looking every second, and say so.
 */
#include "host/spool/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "host/spool/hint.h"
#include "proto/base/cleanup.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/base/text.h"

#define RETRY_FIRST  100  /* msec; doubles with each failure */
#define RETRY_MOST   5000 /* msec */
#define POLL_MSEC    1000 /* without a notifier */
#define HINTS_MOST   128  /* read one by one; beyond, everything is read */
#define HINTS_A_TURN 1024
#define USER_DATA    "platen"

static void tell_text(uint32_t type, const char *text)
{
	struct spool_text m = {.head = {.type = type, .size = sizeof(m)}};

	text_copy_line(m.text, sizeof(m.text), text);
	(void)ipc_send(IPC_FD, &m, -1);
}

static void tell_head(uint32_t type)
{
	struct ipc_head m = {.type = type, .size = sizeof(m)};

	(void)ipc_send(IPC_FD, &m, -1);
}

/* Subscriptions of ours that an earlier run left behind. */
static int cancel_stale(struct watch *watch)
{
	ipp_t *request = ipp_request(IPP_OP_GET_SUBSCRIPTIONS, NULL, NULL), *response;
	ipp_attribute_t *a;
	int ids[64], count = 0, id = 0, r;
	bool ours = false;

	/* Not "my-subscriptions": asked for those, cupsd 2.4.2 dies of one without an owner, which
	 * a subscriptions.conf has that a loss of power cut short. */
	r = ipp_do(watch->http, request, &response);
	if (r < 0)
		return r == -ECONNRESET ? r : 0;
	for (a = ippFirstAttribute(response); a; a = ippNextAttribute(response)) {
		const char *name = ippGetName(a);

		if (!name) { /* between two subscriptions */
			if (ours && id && count < 64)
				ids[count++] = id;
			ours = false;
			id = 0;
		} else if (strcmp(name, "notify-subscription-id") == 0) {
			id = ippGetInteger(a, 0);
		} else if (strcmp(name, "notify-recipient-uri") == 0) {
			const char *uri = ippGetString(a, 0, NULL);

			ours = uri && strncmp(uri, HINT_SCHEME ":", sizeof(HINT_SCHEME)) == 0;
		}
	}
	if (ours && id && count < 64)
		ids[count++] = id;
	ippDelete(response);
	for (int i = 0; i < count; i++) {
		request = ipp_request(IPP_OP_CANCEL_SUBSCRIPTION, NULL, NULL);
		(void)ippAddInteger(request, IPP_TAG_OPERATION, IPP_TAG_INTEGER,
			"notify-subscription-id", ids[i]);
		if (ipp_do(watch->http, request, &response) == 0)
			ippDelete(response);
	}
	return 0;
}

/* Says in the log and to platend why no events come. */
static void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void complain(const char *format, ...)
{
	char text[MESSAGE_SIZE];
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	log_line(LOG_WARNING, NULL, "%s", text);
	tell_text(SPOOL_EVENTS, text);
}

void watch_blind(struct watch *watch, uint32_t host_job)
{
	if (watch->blind)
		return;
	watch->blind = true;
	log_line(LOG_WARNING, NULL,
		"cupsd hides job %u, and how it ends is not heard: see HIDDEN JOBS in platend(8)",
		host_job);
}

static int subscribe(struct watch *watch)
{
	static const char *const events[] = {"printer-added", "printer-deleted", "printer-modified",
		"printer-config-changed", "printer-state-changed", "printer-stopped",
		"printer-restarted", "printer-media-changed", "job-created", "job-completed",
		"job-state-changed", "job-stopped", "job-progress"};
	ipp_t *request = ipp_request(IPP_OP_CREATE_PRINTER_SUBSCRIPTIONS, NULL, NULL), *response;
	int r;

	(void)ippAddString(request, IPP_TAG_SUBSCRIPTION, IPP_TAG_URI, "notify-recipient-uri", NULL,
		HINT_SCHEME ":///");
	(void)ippAddOctetString(request, IPP_TAG_SUBSCRIPTION, "notify-user-data", USER_DATA,
		sizeof(USER_DATA) - 1);
	(void)ippAddStrings(request, IPP_TAG_SUBSCRIPTION, IPP_TAG_KEYWORD, "notify-events",
		(int)(sizeof(events) / sizeof(events[0])), NULL, events);
	(void)ippAddInteger(
		request, IPP_TAG_SUBSCRIPTION, IPP_TAG_INTEGER, "notify-lease-duration", 0);
	r = ipp_do(watch->http, request, &response);
	if (r == -ECONNRESET)
		return r;
	watch->subscription = r == 0 ? ipp_int(response, "notify-subscription-id", 0) : 0;
	if (r == 0)
		ippDelete(response);
	watch->heard = false;
	watch->unheard = false;
	watch->polling = watch->subscription == 0;
	if (watch->polling)
		complain("cupsd does not take the subscription (%s): is the notifier platen in its "
			 "ServerBin/notifier? Printers are looked at every second instead",
			cupsLastErrorString());
	return 0;
}

/* Whether cupsd still has our subscription. */
static bool is_subscribed(struct watch *watch)
{
	ipp_t *request = ipp_request(IPP_OP_GET_SUBSCRIPTION_ATTRIBUTES, NULL, NULL), *response;

	(void)ippAddInteger(request, IPP_TAG_OPERATION, IPP_TAG_INTEGER, "notify-subscription-id",
		watch->subscription);
	if (ipp_do(watch->http, request, &response) < 0)
		return false;
	ippDelete(response);
	return true;
}

/* Whether cupsd has had events for us: 1 or 0; -ECONNRESET: it has forgotten us. */
static int had_events(struct watch *watch)
{
	ipp_t *request = ipp_request(IPP_OP_GET_NOTIFICATIONS, NULL, NULL), *response;
	int any;

	(void)ippAddInteger(request, IPP_TAG_OPERATION, IPP_TAG_INTEGER, "notify-subscription-ids",
		watch->subscription);
	if (ipp_do(watch->http, request, &response) < 0)
		return -ECONNRESET;
	any = ippFindAttribute(response, "notify-sequence-number", IPP_TAG_INTEGER) != NULL;
	ippDelete(response);
	return any;
}

static void down(struct watch *watch)
{
	uint64_t wait = RETRY_FIRST << (watch->failures < 6 ? watch->failures : 6);
	char text[MESSAGE_SIZE];

	if (watch->http)
		httpClose(watch->http);
	watch->http = NULL;
	if (watch->failures == 0 || watch->failures == 3) {
		(void)snprintf(text, sizeof(text), "no cupsd answers at %s", watch->socket);
		tell_text(SPOOL_DOWN, text);
	}
	watch->failures++;
	watch->next = clock_msec() + (wait < RETRY_MOST ? wait : RETRY_MOST);
}

/* Reads everything, tells what is new, and that this was all. */
static int read_all(struct watch *watch)
{
	int r;

	/* platend compares its own with this list, so that it has to hear of each. */
	watch->job_count = 0;
	tell_head(SPOOL_LISTING);
	r = watch_list_printers(watch, NULL);

	if (r >= 0)
		r = watch_list_jobs(watch, 0);
	if (r == 0)
		tell_head(SPOOL_LISTED);
	return r;
}

/* Reads everything, and tells what is new. */
static int read_news(struct watch *watch)
{
	int r = watch_list_printers(watch, NULL);

	return r < 0 ? r : watch_list_jobs(watch, 0);
}

static const char *server_name(http_t *http, char buf[static VERSION_SIZE])
{
	const char *server = httpGetField(http, HTTP_FIELD_SERVER);

	text_copy_line(buf, VERSION_SIZE, server && *server ? server : "CUPS");
	buf[strcspn(buf, " ")] = '\0';
	return buf;
}

/* When there is something to look at by itself. */
static uint64_t next_look(const struct watch *watch)
{
	return watch->polling || !watch->heard ? clock_msec() + POLL_MSEC : UINT64_MAX;
}

/* The second's look while no hint has come yet. */
static int look(struct watch *watch)
{
	int r;

	if (watch->polling)
		return read_news(watch);
	r = had_events(watch);
	if (r == 1)
		r = read_news(watch);
	else
		return r;
	if (r < 0 || !watch->unheard) {
		watch->unheard = true; /* a hint may be on its way: the next look tells */
		return r;
	}
	watch->polling = true;
	complain("the notifier of cupsd does not reach us: does AppArmor let cupsd write to "
		 "%s/" HINT_SOCKET "? Printers are looked at every second instead",
		watch->run_dir);
	return 0;
}

static void up(struct watch *watch)
{
	char name[VERSION_SIZE];
	int r;

	watch->http = ipp_connect(watch->socket);
	r = watch->http ? 0 : -ECONNREFUSED;
	if (r == 0 && !(watch->subscription && is_subscribed(watch) && watch->failures == 0)) {
		r = cancel_stale(watch);
		if (r == 0)
			r = subscribe(watch);
	}
	if (r == 0) {
		tell_text(SPOOL_UP, server_name(watch->http, name));
		r = read_all(watch);
	}
	if (r < 0) {
		down(watch);
		return;
	}
	watch->failures = 0;
	watch->next = next_look(watch);
}

/* The notifier reaches us. */
static void hear(struct watch *watch)
{
	if (watch->polling && watch->subscription) {
		log_line(LOG_NOTICE, NULL, "the notifier of cupsd reaches us again");
		watch->polling = false;
	}
	if (!watch->heard)
		tell_text(SPOOL_EVENTS, "");
	watch->heard = true;
	if (watch->http)
		watch->next = next_look(watch);
}

/* A printer, unless all were read since the hint, which *all tells. */
static int printer_hinted(struct watch *watch, const struct spool_hint *hint, bool *all)
{
	int r = *all ? 0 : watch_list_printers(watch, hint->printer[0] ? hint->printer : NULL);

	*all |= r > 0;
	return r < 0 ? r : 0;
}

/* A job that cannot be read any more was as the event says, and cupsd does not keep it. One that is
 * cancelled may have gone with its printer, which platend has to know before. */
static int job_hinted(struct watch *watch, const struct spool_hint *hint, bool began, bool *all)
{
	uint32_t state = hint->job_state;
	int r;

	watch->hint = hint;
	r = watch_list_jobs(watch, hint->host_job);
	watch->hint = NULL;
	if (r != -ENOENT)
		return r;
	if (state == IPP_JSTATE_CANCELED && !*all) {
		r = watch_list_printers(watch, NULL);
		if (r < 0)
			return r;
		*all = true;
	}
	if (state >= IPP_JSTATE_PROCESSING && state <= IPP_JSTATE_COMPLETED)
		watch_job_purged(watch, hint->host_job, state, began);
	return 0;
}

/* Whether a job that was in this state was being printed. */
static bool has_begun(uint32_t job_state)
{
	return job_state == IPP_JSTATE_PROCESSING || job_state == IPP_JSTATE_COMPLETED;
}

/* Reads what the notifier has hinted at since. */
static int take_hints(struct watch *watch)
{
	struct spool_hint hints[HINTS_MOST];
	bool began[HINTS_MOST];
	size_t count = 0;
	bool all = false, lost = false, gap = false;
	int r = 0;

	hear(watch);
	/* Anybody on the host may send them: what is more waits for the next turn. */
	for (int n = 0; n < HINTS_A_TURN; n++) {
		struct spool_hint hint;
		size_t i = 0;

		if (recv(watch->events, &hint, sizeof(hint), MSG_DONTWAIT) != sizeof(hint))
			break;
		if (!text_terminated(hint.printer, sizeof(hint.printer)))
			continue;
		if (hint.given_up) /* whatever becomes of the hint */
			watch->given_up[watch->given_up_count++ % GIVEN_UP] = hint.host_job;
		while (i < count && !hint_same(&hints[i], &hint))
			i++;
		gap |= hint.lost != 0;
		if (i < count) {
			hints[i].job_state = hint_last(hints[i].job_state, hint.job_state);
			began[i] |= has_begun(hint.job_state);
			continue;
		}
		if (count == HINTS_MOST) {
			lost = true;
		} else if (hint.printers) {
			all = true;
		} else {
			began[count] = has_begun(hint.job_state);
			hints[count++] = hint;
		}
	}
	if (!watch->http)
		return 0; /* everything is read anyway when cupsd is back */
	lost |= gap;	  /* and what became of a job may have been in it */
	watch->first[0] = '\0';
	watch->keep_first = true;
	if (all)
		r = watch_list_printers(watch, NULL);
	all = r > 0;
	lost |= r < 0;
	for (size_t i = 0; i < count && r != -ECONNRESET; i++) {
		r = hints[i].host_job ? job_hinted(watch, &hints[i], began[i] || gap, &all)
				      : printer_hinted(watch, &hints[i], &all);
		lost |= r < 0; /* nobody hints again: with everything it is read once more */
	}
	watch->keep_first = false;
	if (r == -ECONNRESET || !lost)
		return r < 0 ? r : 0;
	return read_all(watch) < 0 ? -ECONNRESET : 0; /* anew, with patience */
}

/* platend has not heard of this job for a while. One that is gone went unheard, and one that we may
 * not ask for is in the list all the same: that tells. */
static int look_at_job(struct watch *watch, uint32_t host_job)
{
	int r;

	if (!watch->http)
		return 0;
	watch_forget_job(watch, host_job);
	r = watch_list_jobs(watch, host_job);
	return r < 0 && r != -ECONNRESET ? read_all(watch) : r;
}

static int on_message(struct watch *watch, const struct ipc_head *m)
{
	const struct spool_cancel *c = (const struct spool_cancel *)m;
	int r;

	switch (m->type) {
	case SPOOL_PING: tell_head(SPOOL_PONG); return 0;
	case SPOOL_CHECK:
		if (!watch->http)
			return 0;
		return watch->polling || is_subscribed(watch) ? read_all(watch) : -ECONNRESET;
	case SPOOL_LOOK:
		if (m->size != sizeof(struct spool_look))
			return -EPROTO;
		return look_at_job(watch, ((const struct spool_look *)m)->host_job);
	case SPOOL_CANCEL:
		if (m->size != sizeof(*c))
			return -EPROTO;
		r = watch->http ? ipp_cancel(watch->http, c->host_job, &c->job, c->file) : 0;
		if (r < 0 && r != -ECONNRESET)
			log_line(LOG_NOTICE, NULL, "host job %u was not cancelled: %s", c->host_job,
				r == -ESTALE ? "it is another job now" : cupsLastErrorString());
		if (r == 0 && watch->http)
			r = watch_list_jobs(watch, c->host_job);
		return r == -ECONNRESET ? r : 0; /* a hint tells the rest */
	default: return -EPROTO;
	}
}

static int listen_for_hints(const char *run_dir)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if (fd < 0)
		return -errno;
	if (text_printf(address.sun_path, sizeof(address.sun_path), "%s/" HINT_SOCKET, run_dir) < 0)
		return -ENAMETOOLONG;
	if (unlink(address.sun_path) < 0 && errno != ENOENT)
		return -errno;
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	/* cupsd's user writes here; a hint is only a hint, so anybody may. */
	if (chmod(address.sun_path, 0666) < 0)
		return -errno;
	return steal_fd(&fd);
}

static int turn(struct watch *watch)
{
	static _Alignas(max_align_t) unsigned char buf[IPC_SIZE_MAX];
	uint64_t now = clock_msec();
	int timeout = watch->next == UINT64_MAX ? -1
		      : watch->next <= now	? 0
						: (int)(watch->next - now);
	struct pollfd fds[] = {{.fd = IPC_FD, .events = POLLIN},
		{.fd = watch->events, .events = POLLIN},
		{.fd = watch->http ? httpGetFd(watch->http) : -1, .events = POLLIN}};
	_cleanup_close_ int fd = -1;
	int r = 0;

	if (poll(fds, 3, timeout) < 0)
		return errno == EINTR ? 0 : -errno;
	if (fds[1].revents) /* first: a job that platend asks for may be told by the way */
		r = take_hints(watch);
	if (r == 0 && fds[0].revents) {
		r = ipc_recv(IPC_FD, buf, sizeof(buf), &fd);
		if (r == 0)
			return 1;
		if (r < 0)
			return r;
		r = on_message(watch, (const struct ipc_head *)buf);
		if (r == -EPROTO)
			return r;
	}
	if (r == -ECONNRESET || (watch->http && fds[2].revents)) {
		if (watch->http)
			httpClose(watch->http);
		watch->http = NULL;
		watch->next = 0; /* at once; from then on with patience */
		return 0;
	}
	if (watch->next <= clock_msec()) {
		if (!watch->http)
			up(watch);
		else if (look(watch) < 0)
			down(watch);
		else
			watch->next = next_look(watch);
	}
	return 0;
}

int watch_run(const char *socket, const char *run_dir)
{
	struct watch watch = {.socket = socket, .run_dir = run_dir};
	int r = 0;

	watch.events = listen_for_hints(run_dir);
	if (watch.events < 0) {
		log_line(LOG_ERR, NULL, "cannot listen at %s/" HINT_SOCKET ": %s", run_dir,
			strerror(-watch.events));
		return watch.events;
	}
	r = spool_sandbox();
	while (r == 0)
		r = turn(&watch);
	if (watch.http)
		httpClose(watch.http);
	watch.events = close_fd(watch.events);
	watch_forget(&watch);
	return r < 0 ? r : 0;
}

int watch_unsubscribe(const char *socket)
{
	struct watch watch = {.socket = socket, .http = ipp_connect(socket)};
	int r = watch.http ? cancel_stale(&watch) : -ENOTCONN;

	if (watch.http)
		httpClose(watch.http);
	return r;
}
