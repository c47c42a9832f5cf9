/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the host was given, remembered over a restart of the agent.
 *
 * Two questions hang on it. A job comes again: may the host have it already? Then it is not sent as
 * if it were new. And: this spooler calls a job done; did we ever tell its backend so? If not, the
 * backend was killed, and the job is given back (ended.c).
 *
 * The file has a line of 128 bytes per file of a job, and is written in place: a line is whole or
 * damaged, never half in one sector and half in the next, and a sync has no new length to write. A
 * line that is full up goes to the newest, so the file never grows; the first line has the number
 * in the spooler of the youngest job that had to give way.
 */
#include "guest/handed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest/config.h"
#include "proto/base/cleanup.h"
#include "proto/limits.h"

#define LINE_SIZE 128 /* bytes, with its newline */
#define FILE_SIZE ((HANDED_MOST + 1) * LINE_SIZE)
#define HEAD	  "platen-agent: handed over, jobs behind"

struct entry {
	struct uuid job;
	uint32_t number;
	uint32_t order; /* a later one is greater */
	uint16_t file;
	uint8_t kind; /* HANDED_NOT: free */
	uint8_t times;
	bool unwritten; /* what is on disk may be another */
	struct uuid by; /* the ledger that it was sealed with, or null */
};

struct handed {
	char path[AGENT_PATH_SIZE + 16];
	int fd; /* -1: there is no file yet */
	bool has_floor;
	uint32_t floor, order;
	struct entry entries[HANDED_MOST];
};

static size_t find(const struct handed *handed, const struct uuid *job, uint32_t file)
{
	size_t i = 0;

	while (i < HANDED_MOST && (!handed->entries[i].kind || handed->entries[i].file != file ||
					  !uuid_equal(&handed->entries[i].job, job)))
		i++;
	return i;
}

static void line_fill(char line[static LINE_SIZE], const char *text)
{
	size_t size = strnlen(text, LINE_SIZE - 1);

	memset(line, ' ', LINE_SIZE);
	memcpy(line, text, size);
	line[LINE_SIZE - 1] = '\n';
}

static void line_of(const struct handed *handed, size_t i, char line[static LINE_SIZE])
{
	const struct entry *e = &handed->entries[i];
	char text[LINE_SIZE] = "", uuid[UUID_TEXT_SIZE], by[UUID_TEXT_SIZE];

	if (e->kind)
		(void)snprintf(text, sizeof(text), "%c %08x %s %03u %08x %u %s", e->kind, e->order,
			uuid_format(&e->job, uuid), e->file, e->number, e->times,
			uuid_format(&e->by, by));
	line_fill(line, text);
}

static void line_of_head(const struct handed *handed, char line[static LINE_SIZE])
{
	char text[LINE_SIZE];

	(void)snprintf(text, sizeof(text), HEAD " %u", handed->floor);
	line_fill(line, handed->has_floor ? text : HEAD);
}

static void read_line(struct handed *handed, size_t i, const char *line)
{
	struct entry e = {0};
	char uuid[UUID_TEXT_SIZE], by[UUID_TEXT_SIZE], kind;
	unsigned int file, times;

	if (sscanf(line, "%c %8x %36s %3u %8x %1u %36s", &kind, &e.order, uuid, &file, &e.number,
		    &times, by) != 7 ||
		uuid_parse(by, &e.by) < 0 || !strchr("SDARL", kind) || file > JOB_FILES_MAX ||
		uuid_parse(uuid, &e.job) < 0 || uuid_is_null(&e.job) ||
		find(handed, &e.job, file) < HANDED_MOST)
		return;
	e.kind = (uint8_t)kind;
	e.file = (uint16_t)file;
	e.times = (uint8_t)times;
	handed->entries[i] = e;
	if (e.order > handed->order)
		handed->order = e.order;
}

static int read_all(struct handed *handed)
{
	char line[LINE_SIZE + 1] = "";

	for (size_t i = 0; i <= HANDED_MOST; i++) {
		ssize_t n = pread(handed->fd, line, LINE_SIZE, (off_t)(i * LINE_SIZE));

		if (n < 0)
			return -errno;
		if (n < LINE_SIZE)
			return 0;
		if (i > 0)
			read_line(handed, i - 1, line);
		else
			handed->has_floor = sscanf(line, HEAD " %10u", &handed->floor) == 1;
	}
	return 0;
}

int handed_new(const char *state_dir, struct handed **ret_handed)
{
	struct handed *handed = calloc(1, sizeof(*handed));
	int r = 0;

	if (!handed)
		return -ENOMEM;
	(void)snprintf(handed->path, sizeof(handed->path), "%s/handed", state_dir);
	handed->fd = open(handed->path, O_RDWR | O_CLOEXEC);
	if (handed->fd >= 0)
		r = read_all(handed);
	else if (errno != ENOENT)
		r = -errno;
	if (r < 0) {
		(void)handed_free(handed);
		return r;
	}
	*ret_handed = handed;
	return 0;
}

struct handed *handed_free(struct handed *handed)
{
	if (!handed)
		return NULL;
	handed->fd = close_fd(handed->fd);
	free(handed);
	return NULL;
}

/* All of it, in a file that is whole when it has its name. */
static int write_all(struct handed *handed)
{
	char fresh[sizeof(handed->path) + 4], *text = malloc(FILE_SIZE);
	_cleanup_close_ int fd = -1;
	int r = 0;

	if (!text)
		return -ENOMEM;
	line_of_head(handed, text);
	for (size_t i = 0; i < HANDED_MOST; i++)
		line_of(handed, i, text + (i + 1) * LINE_SIZE);
	(void)snprintf(fresh, sizeof(fresh), "%s.new", handed->path);
	fd = open(fresh, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		r = -errno;
	else if (pwrite(fd, text, FILE_SIZE, 0) != FILE_SIZE)
		r = -ENOSPC;
	else if (fsync(fd) < 0 || rename(fresh, handed->path) < 0)
		r = -errno;
	free(text);
	if (r < 0) {
		(void)unlink(fresh);
		return r;
	}
	handed->fd = steal_fd(&fd);
	for (size_t i = 0; i < HANDED_MOST; i++)
		handed->entries[i].unwritten = false;
	*strrchr(fresh, '/') = '\0';
	fd = open(fresh, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

static int write_line(struct handed *handed, size_t at, const char line[static LINE_SIZE])
{
	ssize_t n;

	if (handed->fd < 0)
		return write_all(handed);
	n = pwrite(handed->fd, line, LINE_SIZE, (off_t)(at * LINE_SIZE));
	return n < 0 ? -errno : n < LINE_SIZE ? -EIO : 0;
}

static int write_entry(struct handed *handed, size_t i)
{
	char line[LINE_SIZE];

	line_of(handed, i, line);
	return write_line(handed, i + 1, line);
}

int handed_set_floor(struct handed *handed, uint32_t number)
{
	char line[LINE_SIZE];

	handed->has_floor = true;
	handed->floor = number;
	line_of_head(handed, line);
	return write_line(handed, 0, line);
}

bool handed_floor(const struct handed *handed, uint32_t *ret_number)
{
	*ret_number = handed->floor;
	return handed->has_floor;
}

/* A line for a new entry: a free one, or the oldest one of which the host has said all; if there is
 * none, the oldest. */
static size_t room(struct handed *handed)
{
	const struct entry *e = handed->entries;
	size_t best = 0;

	for (size_t i = 0; i < HANDED_MOST; i++) {
		bool open = e[i].kind == HANDED_SEALED, best_open = e[best].kind == HANDED_SEALED;

		if (!e[i].kind)
			return i;
		if (open != best_open ? best_open : e[i].order < e[best].order)
			best = i;
	}
	if (handed->has_floor && e[best].number > handed->floor)
		(void)handed_set_floor(handed, e[best].number);
	return best;
}

/* With `by` NULL what is noted of that stays. */
static int put(struct handed *handed, const struct cancel *id, uint32_t number,
	enum handed_kind kind, const struct uuid *by)
{
	size_t i = find(handed, &id->job, id->file);
	struct entry *e;
	int r;

	if (i == HANDED_MOST) {
		i = room(handed);
		handed->entries[i] = (struct entry){.job = id->job, .file = (uint16_t)id->file};
	}
	e = &handed->entries[i];
	if (e->kind == kind && !e->unwritten && kind != HANDED_AGAIN && e->number == number &&
		(!by || uuid_equal(&e->by, by)))
		return 0;
	e->by = by ? *by : e->by;
	e->kind = (uint8_t)kind;
	e->number = number;
	e->order = ++handed->order;
	e->times += kind == HANDED_AGAIN && e->times < HANDED_TIMES;
	r = write_entry(handed, i);
	if (r == 0 && kind == HANDED_SEALED && fdatasync(handed->fd) < 0)
		r = -errno;
	e->unwritten = r < 0;
	return r;
}

int handed_note(
	struct handed *handed, const struct cancel *id, uint32_t number, enum handed_kind kind)
{
	return put(handed, id, number, kind, NULL);
}

int handed_seal(
	struct handed *handed, const struct cancel *id, uint32_t number, const struct uuid *by)
{
	return put(handed, id, number, HANDED_SEALED, by);
}

struct uuid handed_by(const struct handed *handed, const struct cancel *id)
{
	size_t i = find(handed, &id->job, id->file);

	return i < HANDED_MOST ? handed->entries[i].by : (struct uuid){{0}};
}

int handed_forget(struct handed *handed, const struct cancel *id)
{
	size_t i = find(handed, &id->job, id->file);

	if (i == HANDED_MOST)
		return 0;
	handed->entries[i] = (struct entry){0};
	return write_entry(handed, i);
}

enum handed_kind handed_look(const struct handed *handed, const struct cancel *id)
{
	size_t i = find(handed, &id->job, id->file);

	return i < HANDED_MOST ? (enum handed_kind)handed->entries[i].kind : HANDED_NOT;
}

uint32_t handed_times(const struct handed *handed, const struct uuid *job)
{
	size_t i = find(handed, job, 0);

	return i < HANDED_MOST ? handed->entries[i].times : 0;
}

bool handed_is_done(const struct handed *handed, const struct uuid *job, uint32_t files)
{
	struct cancel id = {.job = *job};

	if (handed_look(handed, &id) == HANDED_LOST)
		return true;
	for (id.file = 1; id.file <= files || id.file == 1; id.file++) {
		enum handed_kind kind = handed_look(handed, &id);

		if (kind == HANDED_ALL)
			return true;
		if (kind != HANDED_DONE)
			return false;
	}
	return true;
}
