/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What platen-queues says.
 *
 * The end of a request is handed to whoever it was for. One about a printer changes what is known
 * of its queue, makes it due again, and puts it off when it failed: what is to be done next is
 * decided anew from that. A worker that ended over a request has given no answer, which may have
 * been for this printer's sake.
 */
#include "guest/queues-parts.h"

#include <errno.h>
#include <string.h>

#include "guest/default.h"
#include "guest/ended.h"
#include "guest/held.h"
#include "guest/jobs.h"
#include "guest/peer.h"
#include "guest/rendering.h"
#include "guest/respool.h"
#include "proto/base/log.h"
#include "proto/base/text.h"

#define QUEUE_PRINTS 4 /* printer-state "processing", RFC 8011 5.4.11 */

static void listed(struct queues *queues, int error)
{
	struct printer *p;
	uint32_t count = 0;

	if (error < 0) {
		queues_put_off_listing(queues);
		return;
	}
	queues->listings = 0;
	printers_list_end(&queues->agent->printers);
	printers_all_due(&queues->agent->printers);
	queues->check_default = true;
	TAILQ_FOREACH(p, &queues->agent->printers.all, link)
	count += p->queue == QUEUE_OURS;
	queues->count = count;
	peer_status_changed(queues->agent);
}

static void put_failed(struct queues *queues, struct printer *p, const struct queues_done *done)
{
	if (strcmp(p->asked_of, p->fingerprint) != 0)
		return; /* something else is wanted by now, and is asked for next */
	if (done->error == -ENOENT && p->queue == QUEUE_OURS)
		return; /* a person removed it: what else that person did the list tells first */
	(void)text_printf(
		p->trouble, sizeof(p->trouble), "the queue could not be made: %.200s", done->text);
	if (done->error == -EINVAL && p->whole)
		return rendering_refused(queues->agent, p, p->trouble);
	p->refused = done->error == -EINVAL;
	if (!p->refused) {
		queues_report(queues, p, REPORT_FAILED, p->trouble);
		queues_put_off(queues, p);
	}
}

static void failed(
	struct queues *queues, enum asked asked, struct printer *p, const struct queues_done *done)
{
	struct log_about about = {.printer = p->name};

	if (done->error == -ECONNREFUSED || done->error == -ECONNRESET) {
		queues->up = false; /* QUEUES_UP tells when it is back, and lists anew */
		return;
	}
	if (done->error == -EPERM || done->error == -ENOENT)
		queues_look_again(queues); /* a person was there */
	if (asked == ASKED_REMOVE && done->error == -EBUSY) {
		queues_put_off_removal(queues, p);
		return;
	}
	if (asked == ASKED_PUT)
		return put_failed(queues, p, done);
	if (p->failures == 0)
		log_line(LOG_WARNING, &about, "its queue could not be %s: %s",
			asked == ASKED_REMOVE	 ? "removed"
			: asked == ASKED_DEFAULT ? "made the default"
						 : "shown as it is",
			done->text);
	queues_put_off(queues, p);
}

static void succeeded(struct queues *queues, enum asked asked, struct printer *p, bool made)
{
	struct printer *other;

	if (!p->busy || asked != ASKED_SHOW) { /* its removal goes on waiting */
		p->failures = 0;
		p->retry = 0;
	}
	switch (asked) {
	case ASKED_PUT:
		queues->count += p->queue != QUEUE_OURS;
		p->queue = QUEUE_OURS;
		memcpy(p->made_of, p->asked_of, sizeof(p->made_of));
		p->shown = made ? queues->showing : 0; /* a new driver clears it */
		queues->check_default |= p->offered && p->offer->is_default;
		break;
	case ASKED_REMOVE:
		queues->count -= p->queue == QUEUE_OURS;
		p->queue = QUEUE_NONE;
		p->is_default = p->busy = false;
		p->shown = 0;
		memset(p->made_of, 0, sizeof(p->made_of));
		queues->check_default = true;
		break;
	case ASKED_SHOW: p->shown = queues->showing; break;
	case ASKED_DEFAULT:
		TAILQ_FOREACH(other, &queues->agent->printers.all, link)
		other->is_default = other == p;
		default_write(queues->agent->config.state_dir, p->name);
		break;
	case ASKED_NOTHING:
	case ASKED_JOB:
	case ASKED_HELD:
	case ASKED_PRINTING:
	case ASKED_ENDED:
	case ASKED_AGAIN:
	case ASKED_LIST: break;
	}
	if (asked != ASKED_SHOW)
		peer_status_changed(queues->agent);
}

void queues_on_done(const struct queues_done *done, void *userdata)
{
	struct queues *queues = userdata;
	enum asked asked = queues->asked;
	struct printer *p = queues->about;

	queues->asked = ASKED_NOTHING;
	queues->about = NULL;
	if (asked == ASKED_JOB) {
		jobs_doubt_settled(queues->agent, queues->number, done ? done->error : -ECONNRESET);
	} else if (asked == ASKED_HELD) {
		held_done(queues->agent->held, done ? done->error : -ECONNRESET);
	} else if (asked == ASKED_ENDED) {
		ended_told(queues->agent->ended, done ? done->error : -ECONNRESET);
	} else if (asked == ASKED_AGAIN) {
		ended_done(queues->agent->ended, done ? done->error : -ECONNRESET);
	} else if (asked == ASKED_PRINTING) {
		if (done && done->error == 0)
			respool_printing(queues->agent->respool, queues->printing);
	} else if (!p) {
		listed(queues, done ? done->error : -ECONNRESET);
	} else {
		p->pinned = false;
		if (asked == ASKED_PUT) /* it is to be reported at once, not behind all others */
			printers_due_next(&queues->agent->printers, p);
		else
			printers_due(&queues->agent->printers, p);
		if (!done) /* maybe it was because of this one */
			queues_put_off(queues, p);
		else if (done->error < 0)
			failed(queues, asked, p, done);
		else
			succeeded(queues, asked, p, done->made != 0);
	}
	if (!done)
		queues->up = false; /* the next worker tells */
	queues_next(queues);
}

void queues_on_queue(const struct queues_queue *queue, void *userdata)
{
	struct queues *queues = userdata;

	if (queues->asked == ASKED_LIST)
		(void)printers_list_queue(&queues->agent->printers, queue);
	else if (queues->asked == ASKED_PRINTING && !queue->ours)
		queues->printing |= queue->state == QUEUE_PRINTS;
}

void queues_on_ended(const struct queues_ended *job, void *userdata)
{
	struct queues *queues = userdata;

	if (queues->asked == ASKED_ENDED)
		ended_job(queues->agent->ended, job);
}
