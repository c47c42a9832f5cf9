/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs: contract 1 of the design, "printed exactly once, or the guest keeps it", as one object.
 *
 * A job is known by (workspace, job UUID, file). It is transferred into a held job, recorded in
 * the ledger and synced, released, and then followed until the host's spooler has ended it.
 */
#ifndef PLATEN_JOB_H
#define PLATEN_JOB_H

#include "host/host.h"
#include "host/spool/spool.h"

struct submit;
struct workspace;

enum job_stage {
	JOB_WAITING,   /* for a ready worker */
	JOB_TRANSFER,  /* the document flows into a held job */
	JOB_SEALING,   /* the guest has said how long it is: the worker compares */
	JOB_SYNCING,   /* whole and held: its release is recorded, not yet on disk */
	JOB_RELEASING, /* the release is asked for: may print from here on */
	JOB_FOLLOWED,  /* released: the host's spooler tells how it goes */
	JOB_ENDED,     /* nothing more will happen; kept as long as the guest has it open */
};

/* In the ledger, of a job that is held: by a person, or not known by whom. */
#define JOB_HELD "held by somebody on the host"

/* To the person who is asked. */
#define JOB_LOST_PRINTER                                                                           \
	"The printer was deleted on the host while this was printed: look whether it came out, "   \
	"then release it to print it again, or cancel it"
#define JOB_GIVEN_UP                                                                               \
	"The host's spooler gave this up: look whether it came out, then release it to print it "  \
	"again, or cancel it"

struct job {
	TAILQ_ENTRY(job) link;
	struct host *host;
	struct workspace *workspace; /* NULL: it went away */
	struct ledger_job row;	     /* key, and what is recorded */
	enum job_stage stage;
	bool open;	  /* the guest has it open, as `ref` */
	bool tell;	  /* a JOB_STATE is owed */
	uint32_t syncing; /* files that the worker has to sync, which may take its time */
	bool unsure;	  /* released with the answer unknown: the next listing decides */
	/* cupsd may have begun anew since it was asked to release it, and forgotten that */
	bool doubt;
	bool again;	/* a person has said that no paper came out: so until it is released */
	bool held;	/* when it was looked at last */
	bool began;	/* some of it may be on paper */
	struct uuid of; /* its printer, by printer-uuid; null: not known */
	bool cancelled; /* by its guest, after the release */
	bool withdrawn; /* cancelled by us, as the release's answer is unknown */
	uint64_t withdrawn_at; /* usec of CLOCK_MONOTONIC */
	bool seen;	       /* in the listing under way */
	bool missed; /* not in the last listing, which may have been made before the job */
	uint32_t ref;
	uint32_t phase, refusal; /* enum job_phase, enum job_refusal */
	struct submit *submit;
	int pipe; /* our copy of the write end: the worker sees no end when a channel dies */
	sd_event_source *grace, *look, *saving;
	struct timespec released;      /* CLOCK_REALTIME_COARSE, as files have it */
	bool saved;		       /* cupsd has that on disk; looked at for a pool's job only */
	uint64_t look_wait;	       /* usec */
	struct submit_open submission; /* what the worker is told */
	char reasons[REASONS_SIZE];
	char text[MESSAGE_SIZE];
};

/* From the guest. */
void job_open(struct workspace *workspace, const struct message_job_open *open);
void job_seal(struct workspace *workspace, const struct message_job_seal *seal);
void job_cancel(struct workspace *workspace, uint32_t ref);
void job_close(struct workspace *workspace, uint32_t ref);

/* The session of a workspace is over; with `gone` the workspace itself is. */
void job_workspace_lost(struct workspace *workspace, bool gone);

/* There is room to send again. */
void job_pump(struct workspace *workspace);

/* From the spooler. */
void job_on_submit(struct job *job, const struct ipc_head *msg);
void job_on_submit_exit(struct job *job, bool timed_out);
void job_on_host(struct host *host, const struct spool_job *is);
void job_on_saved(struct host *host, uint32_t host_job);
void job_spooler_up(struct host *host); /* a cupsd answers: the one of before, or a new one */
void job_listing(struct host *host);
void job_listed(struct host *host);
void job_printer_gone(struct host *host, const char *printer);
/* A worker is free: it goes to a job that waits for one, of the workspace that has the fewest. */
void job_worker_ready(struct host *host);

/* Syncs the ledger, then asks for the releases in it: commits.h says when. */
void job_sync(struct host *host);

/* At the start: what the ledger has unfinished. 0 or -errno. */
int job_load(struct host *host);
void job_free_all(struct host *host);

/* Follows a job that the ledger has as released. 0 or -ENOMEM. */
int job_adopt(struct host *host, const struct ledger_job *row);

/* A job that is under way, or that its guest has open; NULL: neither. */
struct job *job_find(struct host *host, const struct ledger_key *key);

const char *job_phase_name(uint32_t phase);
/* The same of a row; one that is to be sent again is in "retry". */
const char *job_row_phase(const struct ledger_job *row);
/* The phase that a ledger row stands for. */
uint32_t job_phase_of(const struct ledger_job *row);

#endif
